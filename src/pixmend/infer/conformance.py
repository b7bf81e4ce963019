"""Whether this machine computes what it should: a picture of 48 x 48 pixels through a network, beside a stored result.

C channels, H and W height and width of the input in pixels, s the scale. A level is one of 255.
"""

from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO

import numpy as np
import torch
from torch import Tensor

from pixmend.infer.running import compute
from pixmend.models.base import Restorer

GOLDEN = "golden_tile.npz"
"""In this room: ``low`` (3, 48, 48) of 8 bits, and ``high`` (3, 96, 96), what the bundled weights made of it with task
``sr_x2`` in float64, in float32. Made by ``tools/golden_tile.py``."""

TOLERANCE = {("cpu", "float32"): 0.01, ("gpu", "float32"): 0.5, ("cpu", "bfloat16"): 2.0, ("gpu", "bfloat16"): 2.0}
"""Levels that a value may differ by, of a kind of device and a precision.

On a CPU 0.00005 were measured in float32 and 0.35 in bfloat16. GPUs may round products in float32 to 10 bits (TF32),
which is between the two; their tolerances are reckoned from that and not measured.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conformance:
    """How far the result lies from the stored one."""

    device: str
    precision: str
    difference: float
    """The largest, in levels; not finite if a value is not."""
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.tolerance


def read_golden() -> tuple[Tensor, Tensor]:
    """The input (1, C, H, W) in [0, 1] and the result (1, C, s H, s W), both float32."""
    with np.load(BytesIO((files("pixmend.infer") / GOLDEN).read_bytes()), allow_pickle=False) as stored:
        return torch.from_numpy(stored["low"]).float()[None] / 255, torch.from_numpy(stored["high"])[None]


def conform(network: Restorer, *, device: torch.device, precision: str) -> Conformance:
    """The stored picture through the network, which lies on this device and is that of the stored result."""
    low, high = read_golden()
    result = compute(network, low, device=device, precision=precision)
    difference = 255 * float((result - high).abs().max())
    kind = "cpu" if device.type == "cpu" else "gpu"
    return Conformance(
        device=str(device),
        precision=precision,
        difference=difference,
        tolerance=TOLERANCE[kind, precision],
    )
