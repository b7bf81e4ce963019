## Counts where rgb2ycbcr of uint8 pictures differs from exact arithmetic, over all 16,777,216 colours.
##     octave-cli tools/octave/all_colours.m

pkg load image
[green, blue] = ndgrid (0:255, 0:255);
halves = upwards = differences = 0;
for red = 0:255
  colours = uint8 (cat (3, repmat (red, 256, 256), green, blue));
  luma = double (rgb2ycbcr (colours)(:,:,1));
  exact = 65481 * red + 128553 * green + 24966 * blue;  # in 255,000ths of a level, above 16
  rounded_up = 16 + floor ((exact + 127500) / 255000);
  half = mod (exact, 255000) == 127500;
  halves += nnz (half);
  upwards += nnz (luma(half) == rounded_up(half));
  differences += nnz (luma(! half) != rounded_up(! half));
endfor
printf ("%d colours lie on a half, %d of them rounded upwards; %d others differ\n", halves, upwards, differences);
