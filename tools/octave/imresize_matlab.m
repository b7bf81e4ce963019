## imresize_matlab (image, scale): MATLAB's bicubic imresize of doubles (H, W) or (H, W, 3), tap by tap.
## Octave's own imresize agrees where the weights sum to one anyway, as at 1/2, 1/3, 2 and 3; elsewhere it does
## not make them, and is off by more than a level at 0.7.
## Keys' kernel with a = -0.5, widened by 1 / scale when shrinking; beyond the border the picture is mirrored.

function out = imresize_matlab (image, scale)
  out = permute (columns_of (image, scale), [2, 1, 3]);
  out = permute (columns_of (out, scale), [2, 1, 3]);
endfunction

function out = columns_of (in, scale)
  size_in = rows (in);
  stretch = min (scale, 1);
  out = zeros (ceil (size_in * scale), columns (in), size (in, 3));
  for place = 1:rows (out)
    centre = place / scale + 0.5 * (1 - 1 / scale);
    total = 0;
    for tap = ceil (centre - 2 / stretch):floor (centre + 2 / stretch)
      weight = keys (stretch * abs (centre - tap));
      folded = mod (tap - 1, 2 * size_in);
      if (folded >= size_in)
        folded = 2 * size_in - 1 - folded;
      endif
      out(place,:,:) += weight * in(folded + 1,:,:);
      total += weight;
    endfor
    out(place,:,:) /= total;
  endfor
endfunction

function y = keys (x)
  if (x <= 1)
    y = 1.5 * x ^ 3 - 2.5 * x ^ 2 + 1;
  elseif (x <= 2)
    y = -0.5 * x ^ 3 + 2.5 * x ^ 2 - 4 * x + 2;
  else
    y = 0;
  endif
endfunction
