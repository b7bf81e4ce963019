"""What real Octave computed on two small pictures, and the same by pixmend.

tests/data/octave/golden.json says which script made it. ``Pair`` below says what was compared, in Octave's order.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pixmend.degrade import imresize, round8
from pixmend.metrics import bt601, bt601_rounded, psnr, psnr_b, ssim

FOLDER = Path(__file__).parent / "data" / "octave"
GOLDEN = json.loads((FOLDER / "golden.json").read_text())


def picture(name: str) -> Tensor:
    """(3, H, W) float64 in [0, 1]."""
    with Image.open(FOLDER / f"{name}.png") as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).double() / 255


RESTORED, TRUE = picture("restored"), picture("true")


def score(metric: str, luma: str, border: int) -> float:
    """What Octave's score of that name is by pixmend; ``grey`` is the green channel as a grey picture."""
    pair = (RESTORED, TRUE)
    if luma == "grey":
        pair, luma = (RESTORED[1:2], TRUE[1:2]), "rgb"
    values = {"border": border, "luma": luma, "round8": True}
    if metric == "psnr":
        return psnr(*pair, **values)
    if metric == "psnr_b":
        return psnr_b(*pair, **values)
    if metric == "psnr_b_swapped":
        return psnr_b(*reversed(pair), **values)
    return ssim(*pair, kind=metric.removeprefix("ssim_"), **values)


def scores() -> Iterator[tuple[str, str, int, float]]:
    """Metric, luma, border, and Octave's value."""
    for each in GOLDEN["scores"]:
        yield each["metric"], each["luma"], each["border"], each["value"]


def lumas() -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, ours and Octave's, (H, W) in 0 .. 255."""
    patch = TRUE[:, :12, :16]
    for name, luma in (("unrounded", bt601), ("rounded", bt601_rounded)):
        yield name, luma(patch)[0] * 255, torch.tensor(GOLDEN["luma"][name], dtype=torch.float64)


def resized() -> Iterator[tuple[float, Tensor, Tensor]]:
    """Scale, ours and Octave's enlargement of a grey formula of 13 x 17 pixels, (H, W) in 0 .. 255."""
    row, column = torch.meshgrid(torch.arange(13), torch.arange(17), indexing="ij")
    formula = ((37 * row + 101 * column + 13 * row * column) % 256).double()
    for each in GOLDEN["imresize"]:
        values = torch.tensor(each["values"], dtype=torch.float64)
        yield each["scale"], imresize(formula[None], scale=each["scale"])[0], values


def resized_pictures() -> Iterator[tuple[float, Tensor, Tensor]]:
    """Scale, ours and Octave's 8-bit picture (3, H, W) of 24 x 36 pixels; enlarged ones in part."""
    for each in GOLDEN["imresize"]:
        expected = torch.tensor(each["rounded"]).permute(2, 0, 1)
        ours = round8(imresize(TRUE[:, :24, :36].float(), scale=each["scale"]))
        yield each["scale"], (ours * 255).round().long()[:, : expected.shape[1], : expected.shape[2]], expected
