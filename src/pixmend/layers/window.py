"""Windows: cutting a feature map into them, attention inside them, and the mask of shifted ones.

B batch, H and W height and width, C channels, h heads, d = C / h, (u, v) the window's height and width,
N = u v tokens in a window, M = (H / u) (W / v) windows. Windows need not be square: EDT's are 6 x 24 and 24 x 6.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

Window = tuple[int, int]

MASKED = -100.0
"""Added to the logits of pairs that may not meet: the value the released networks were trained with."""


def partition(x: Tensor, window: Window) -> Tensor:
    """(B, H, W, C) to (M, B, u, v, C). Windows come first so that one mask of M windows serves the whole batch."""
    return rearrange(x, "b (m u) (n v) c -> (m n) b u v c", u=window[0], v=window[1])


def merge(windows: Tensor, height: int, width: int) -> Tensor:
    """(M, B, u, v, C) back to (B, H, W, C): the inverse of ``partition``."""
    rows, columns = height // windows.shape[2], width // windows.shape[3]
    return rearrange(windows, "(m n) b u v c -> b (m u) (n v) c", m=rows, n=columns)


def shift_mask(height: int, width: int, window: Window, shift: Window) -> Tensor:
    """(M, 1, N, N) of 0 and ``MASKED``: after a cyclic shift, tokens of different regions may not attend to another.

    Source: Swin Transformer (2103.14030), section 3.2.
    """
    region = torch.zeros(height, width)
    region[height - window[0] : height - shift[0]] += 3
    region[height - shift[0] :] += 6
    region[:, width - window[1] : width - shift[1]] += 1
    region[:, width - shift[1] :] += 2
    tokens = partition(region[None, ..., None], window).flatten(1)
    return (tokens[:, None, :, None] != tokens[:, None, None, :]).float() * MASKED


def attend(q: Tensor, k: Tensor, v: Tensor, *, num_heads: int, bias: Tensor | None = None) -> Tensor:
    """Softmax attention inside windows: three (M, B, u, v, C) to one of the same shape, logits scaled by 1 / sqrt(d).

    ``bias`` (M or 1, h or 1, N, N) is added to the logits. It stays four-dimensional: a three-dimensional bias takes
    another, several times slower path on the CPU.
    """
    batch, height, width = q.shape[1:4]
    q, k, v = (rearrange(t, "m b u v (h d) -> m (b h) (u v) d", h=num_heads) for t in (q, k, v))
    if bias is not None and bias.shape[1] != 1:
        bias = bias.repeat(1, batch, 1, 1)
    bias = None if bias is None else bias.to(q.dtype)
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.requires_grad:
        # Heads here are narrow; the fused kernel's bfloat16 backward is several times slower than plain products.
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        out = (logits if bias is None else logits + bias).softmax(-1) @ v
    else:
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    # The copy keeps the ONNX exporter from viewing a transposed tensor, which it cannot do.
    out = out.transpose(1, 2).clone(memory_format=torch.contiguous_format)
    return rearrange(out, "m (u v) (b h) d -> m b u v (h d)", u=height, v=width, b=batch)
