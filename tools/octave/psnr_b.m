## psnr_b (restored, true): PSNR-B of Yim and Bovik (2011), pixel by pixel; values 0 .. 255, mean of the channels.
## The two counts are those of the published code, which are also used where a side is no multiple of 8.

function value = psnr_b (restored, true)
  values = [];
  for channel = 1:size (restored, 3)
    x = double (restored(:,:,channel)) / 255;
    y = double (true(:,:,channel)) / 255;
    values(end + 1) = 10 * log10 (1 / (mean ((x(:) - y(:)) .^ 2) + blocking (x)));
  endfor
  value = mean (values);
endfunction

function factor = blocking (x)
  [height, width] = size (x);
  at_borders = 0;
  elsewhere = 0;
  for row = 1:height
    for column = 1:width
      if (column < width)
        step = (x(row, column) - x(row, column + 1)) ^ 2;
        if (mod (column, 8) == 0)
          at_borders += step;
        else
          elsewhere += step;
        endif
      endif
      if (row < height)
        step = (x(row, column) - x(row + 1, column)) ^ 2;
        if (mod (row, 8) == 0)
          at_borders += step;
        else
          elsewhere += step;
        endif
      endif
    endfor
  endfor
  borders = height * (floor (width / 8) - 1) + width * (floor (height / 8) - 1);
  others = height * (width - 1) + width * (height - 1) - borders;
  factor = 0;
  if (at_borders / borders > elsewhere / others)
    factor = log2 (8) / log2 (min (height, width)) * (at_borders / borders - elsewhere / others);
  endif
endfunction
