## ssim_matlab (a, b): what MATLAB documents of its function ssim, with its defaults.
## Gaussian of standard deviation 1.5 and radius ceil (3 * 1.5), border pixels repeated, mean over every pixel.
## A picture (H, W, 3) is a volume to it: the window has three sides, and the channels are the third.

function value = ssim_matlab (a, b)
  a = double (a);
  b = double (b);
  c1 = (0.01 * 255) ^ 2;
  c2 = (0.03 * 255) ^ 2;
  if (ndims (a) == 3)
    [i, j, k] = ndgrid (-5:5, -5:5, -5:5);
  else
    [i, j] = ndgrid (-5:5, -5:5);
    k = 0;
  endif
  window = exp (-(i .^ 2 + j .^ 2 + k .^ 2) / (2 * 1.5 ^ 2));
  window /= sum (window(:));
  mean_a = smooth (a, window);
  mean_b = smooth (b, window);
  variance_a = smooth (a .^ 2, window) - mean_a .^ 2;
  variance_b = smooth (b .^ 2, window) - mean_b .^ 2;
  covariance = smooth (a .* b, window) - mean_a .* mean_b;
  map = ((2 * mean_a .* mean_b + c1) .* (2 * covariance + c2)) ./ ...
        ((mean_a .^ 2 + mean_b .^ 2 + c1) .* (variance_a + variance_b + c2));
  value = mean (map(:));
endfunction

function out = smooth (in, window)
  if (ndims (in) == 3)
    out = convn (padarray (in, [5, 5, 5], "replicate"), window, "valid");
  else
    out = imfilter (in, window, "replicate");
  endif
endfunction
