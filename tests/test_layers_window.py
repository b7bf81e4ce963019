import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixmend.layers.window import MASKED, attend, merge, partition, shift_mask

WINDOWS = [(2, 3), (3, 2), (4, 4), (1, 5)]


@given(st.sampled_from(WINDOWS), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_merging_the_windows_gives_the_map_back(window, rows, columns, batch):
    x = torch.randn(batch, rows * window[0], columns * window[1], 2)
    windows = partition(x, window)
    assert windows.shape == (rows * columns, batch, *window, 2)
    assert torch.equal(merge(windows, *x.shape[1:3]), x)


@pytest.mark.parametrize("window", [(4, 6), (6, 4)])
def test_the_shift_mask_separates_what_the_shift_brought_together(window):
    height, width, shift = 12, 12, (window[0] // 2, window[1] // 2)
    mask = shift_mask(height, width, window, shift)
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack([row, column], -1)[None].roll((-shift[0], -shift[1]), (1, 2))
    for index, tokens in enumerate(partition(place, window).reshape(mask.shape[0], -1, 2).tolist()):
        for (i, a), (j, b) in itertools.product(enumerate(tokens), repeat=2):
            # Two tokens of a window may meet if they were as near to each other before the cyclic shift.
            together = abs(a[0] - b[0]) < window[0] and abs(a[1] - b[1]) < window[1]
            assert mask[index, 0, i, j] == (0 if together else MASKED)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("bias_heads", [None, 1, 2])
def test_attention_is_softmax_of_scaled_products(heads, bias_heads):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 5, 2, 2, 3, 4)
    heads_of_bias = min(bias_heads or 1, heads)
    bias = None if bias_heads is None else torch.randn(5, heads_of_bias, 6, 6)
    out = attend(q, k, v, num_heads=heads, bias=bias)
    width = 4 // heads
    for m, b, h in itertools.product(range(5), range(2), range(heads)):
        part = slice(h * width, (h + 1) * width)
        a, c, d = (t[m, b, ..., part].reshape(6, width) for t in (q, k, v))
        logits = a @ c.T / width**0.5
        if bias is not None:
            logits = logits + bias[m, min(h, heads_of_bias - 1)]
        torch.testing.assert_close(out[m, b, ..., part].reshape(6, width), logits.softmax(-1) @ d)


def test_training_in_bfloat16_computes_the_same_attention():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 4, 2, 4, 4, 16)
    fused = attend(q, k, v, num_heads=2)
    q, k, v = (t.bfloat16().requires_grad_() for t in (q, k, v))
    torch.testing.assert_close(attend(q, k, v, num_heads=2).float(), fused, atol=0.03, rtol=0)
