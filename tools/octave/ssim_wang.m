## ssim_wang (a, b): structural similarity as in Wang, Bovik, Sheikh and Simoncelli (2004), equation 13.
## Pictures (H, W) or (H, W, 3) of values 0 .. 255; where the window fits, per channel, then the mean.

function value = ssim_wang (a, b)
  values = [];
  for channel = 1:size (a, 3)
    values(end + 1) = one_channel (double (a(:,:,channel)), double (b(:,:,channel)));
  endfor
  value = mean (values);
endfunction

function value = one_channel (x, y)
  c1 = (0.01 * 255) ^ 2;
  c2 = (0.03 * 255) ^ 2;
  window = fspecial ("gaussian", 11, 1.5);
  mean_x = filter2 (window, x, "valid");
  mean_y = filter2 (window, y, "valid");
  variance_x = filter2 (window, x .* x, "valid") - mean_x .^ 2;
  variance_y = filter2 (window, y .* y, "valid") - mean_y .^ 2;
  covariance = filter2 (window, x .* y, "valid") - mean_x .* mean_y;
  map = ((2 * mean_x .* mean_y + c1) .* (2 * covariance + c2)) ./ ...
        ((mean_x .^ 2 + mean_y .^ 2 + c1) .* (variance_x + variance_y + c2));
  value = mean (map(:));
endfunction
