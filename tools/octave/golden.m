## Writes tests/data/octave/golden.json from the two pictures beside it. From the root of the repository:
##     octave-cli tools/octave/golden.m

pkg load image
addpath (fileparts (mfilename ("fullpath")));
folder = fullfile ("tests", "data", "octave");
whole_true = imread (fullfile (folder, "true.png"));
whole_restored = imread (fullfile (folder, "restored.png"));

function y = luma_of (image, luma)
  switch (luma)
    case "rgb"
      y = image;
    case "grey"
      y = image(:,:,2);
    case "bt601"
      y = 255 * rgb2ycbcr (im2double (image))(:,:,1);
    case "bt601_rounded"
      y = double (rgb2ycbcr (image)(:,:,1));
    case "ipt"
      y = sum (double (image) .* reshape ([65.738, 129.057, 25.064] / 256, 1, 1, 3), 3);
    case "full_range"
      y = sum (double (image) .* reshape ([0.299, 0.587, 0.114], 1, 1, 3), 3);
  endswitch
endfunction

## "grey" is the green channel alone, as a grey picture; psnr_b is not defined below 16 x 16.
scores = struct ("metric", {}, "luma", {}, "border", {}, "value", {});
for border = [0, 3]
  inside = @(image) image(1 + border:end - border, 1 + border:end - border, :);
  for luma = {"rgb", "grey", "bt601", "bt601_rounded", "ipt", "full_range"}
    a = luma_of (inside (whole_restored), luma{1});
    b = luma_of (inside (whole_true), luma{1});
    scores(end + 1) = struct ("metric", "psnr", "luma", luma{1}, "border", border, "value", ...
                              psnr (double (a), double (b), 255));
    if (any (strcmp (luma{1}, {"ipt", "full_range"})))
      continue
    endif
    for metric = {@ssim_wang, @ssim_matlab, @psnr_b}
      scores(end + 1) = struct ("metric", func2str (metric{1}), "luma", luma{1}, "border", border, "value", ...
                                metric{1} (a, b));
    endfor
  endfor
endfor
scores(end + 1) = struct ("metric", "psnr_b_swapped", "luma", "rgb", "border", 0, "value", ...
                          psnr_b (whole_true, whole_restored));

patch = whole_true(1:12, 1:16, :);
luma = struct ("unrounded", 255 * rgb2ycbcr (im2double (patch))(:,:,1), "rounded", rgb2ycbcr (patch)(:,:,1));

[column, row] = meshgrid (0:16, 0:12);
formula = mod (37 * row + 101 * column + 13 * row .* column, 256);
resized = struct ("scale", {}, "values", {}, "rounded", {}, "octaves_own_differs_by", {});
for scale = [1 / 2, 1 / 3, 1 / 4, 2, 3, 0.7, 1.5]
  values = imresize_matlab (formula, scale);
  own = imresize (formula, scale, "cubic");
  rounded = uint8 (imresize_matlab (double (whole_true(1:24, 1:36, :)), scale));
  if (scale > 1)
    rounded = rounded(1:18, 1:21, :);
  endif
  resized(end + 1) = struct ("scale", scale, "values", values, "rounded", rounded, ...
                             "octaves_own_differs_by", max (abs (own(:) - values(:))));
endfor

made_with = sprintf ("octave-cli tools/octave/golden.m; Octave %s, image %s", version (), ver ("image").Version);
file = fopen (fullfile (folder, "golden.json"), "w");
fputs (file, jsonencode (struct ("made_with", made_with, "scores", scores, "luma", luma, "imresize", resized)));
fputs (file, "\n");
fclose (file);
