"""How the papers' scripts fit a picture to a network's windows; scores differ in the third decimal, sometimes more.

B batch, C channels, H and W height and width in pixels, s scale, P side of the windows of a network of fixed size.
"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from pixmend.errors import PixmendError, nearest
from pixmend.models.base import Restorer

Padding = Literal["needed", "always", "chop"]
"""``needed``: reflected to the next multiple only if needed, the border not repeated (HAT, Restormer, and ours).
``always``: mirrored, the border repeated, to the next multiple, by a whole window if it is one already (SwinIR, EDT).
``chop``: windows of the network's only size every quarter of it, of which the inner half is averaged (IPT)."""


def parse_padding(name: str) -> Padding:
    """One of the names.

    Raises:
        PixmendError: another name.
    """
    for padding in get_args(Padding):
        if name == padding:
            return padding
    raise PixmendError(f"no padding is called {name!r}: {nearest(name, get_args(Padding))}")


def restorer_with(model: Restorer, padding: Padding) -> Callable[[Tensor], Tensor]:
    """The model as a function of (B, C, H, W) that pads by this rule.

    Raises:
        PixmendError: the rule would change nothing: ``always`` without windows, ``chop`` without a fixed size.
    """
    if padding == "needed":
        return model
    if padding == "always":
        if model.multiple == 1 or model.fixed_size is not None:
            raise PixmendError("padding always: this network has no windows that a picture must fill: use needed")
        return lambda x: _always(model, x)
    if model.fixed_size is None:
        raise PixmendError("padding chop: is for networks that take one size only, such as IPT: use needed or always")
    return lambda x: _chop(model, x)


def _always(model: Restorer, x: Tensor) -> Tensor:
    """Source: SwinIR ``main_test_swinir.py``, EDT ``test_sample.py``; pictures smaller than the padding, on which
    theirs fail, are mirrored again."""
    height, width = x.shape[-2:]
    for dim, size in ((-2, height), (-1, width)):
        target = (size // model.multiple + 1) * model.multiple
        folded = torch.arange(target, device=x.device) % (2 * size)
        x = x.index_select(dim, torch.where(folded < size, folded, 2 * size - 1 - folded))
    return model(x)[..., : height * model.scale, : width * model.scale]


def _chop(model: Restorer, x: Tensor) -> Tensor:
    """Source: IPT ``model/__init__.py``, ``forward_chop``, whose folding is separable: one plan down, one across.

    But for one corner, which is the original's: of the first P/4 rows, the first P columns are the first window's own.

    Raises:
        PixmendError: a side is smaller than the window, which the original does not handle either.
    """
    size, scale = model.fixed_size, model.scale
    assert size is not None, "restorer_with has checked it"
    if min(x.shape[-2:]) < size:
        shape = f"{x.shape[-1]} x {x.shape[-2]}"
        raise PixmendError(f"padding chop: expected a picture of at least {size} x {size}, got {shape}: use needed")
    (tops, down), (lefts, across) = (_plan(length, size, scale) for length in x.shape[-2:])
    result = x.new_zeros(*x.shape[:-2], x.shape[-2] * scale, x.shape[-1] * scale)
    for top, rows in zip(tops, down, strict=True):
        windows = model(torch.cat([x[..., top : top + size, left : left + size] for left in lefts]))
        strip = torch.zeros_like(result[..., : size * scale, :])
        for left, columns, window in zip(lefts, across, windows.split(len(x)), strict=True):
            strip[..., left * scale : (left + size) * scale] += window * columns.to(window)
        result[..., top * scale : (top + size) * scale, :] += strip * rows.to(strip)[:, None]
    corner = min(size * scale, _taken(x.shape[-1], size, scale))
    result[..., : size // 4 * scale, :corner] = model(x[..., :size, :size])[..., : size // 4 * scale, :corner]
    return result


def _plan(length: int, size: int, scale: int) -> tuple[list[int], list[Tensor]]:
    """Starts of the windows along one side, and what each counts at its (P s) outputs; at every output it sums to one.

    Windows start every P/4 as long as they fit. Of each the inner half counts, equally where several do; the first
    window also has the P/4 before its inner half. A last window ends at the border and alone has the outputs from
    half of (P - what the others leave over) into it.
    """
    step = size // 4
    starts = list(range(0, length - size + 1, step))
    counts = torch.zeros(len(starts) + 1, length * scale)
    for row, start in zip(counts, starts, strict=False):
        row[(start + step) * scale : (start + size - step) * scale] = 1
    counts[0, : step * scale] = 1
    taken = _taken(length, size, scale)
    counts[:, taken:] = 0
    counts[-1, taken:] = 1
    starts.append(length - size)
    weights = counts / counts.sum(dim=0)
    return starts, [row[start * scale : (start + size) * scale] for start, row in zip(starts, weights, strict=True)]


def _taken(length: int, size: int, scale: int) -> int:
    """The output from which on the last window alone counts."""
    left_over = (length - size) % (size // 4)
    return (length - left_over) * scale - int((size - left_over) / 2 * scale)
