"""A training run as one frozen object. Recipes return it, ``run.json`` keeps it."""

import math
from dataclasses import dataclass, field
from typing import Literal

from pixmend.errors import PixmendError
from pixmend.models.edt import EDTConfig
from pixmend.train.schedule import Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """What is trained on. ``patch`` is the side of a crop as the network's body sees it, in its tokens."""

    folders: tuple[str, ...] = ()
    patch: int = 48
    batch: int = 32
    """Samples per task and step, over all processes together."""
    every_task: bool = True
    """Every task in every step (EDT), or one drawn for each step (IPT)."""
    candidates: int = 1
    """Crops drawn for each sample, of which the one with the most detail is kept."""
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("patch", "batch", "candidates"):
            _expect(f"data.{name}", getattr(self, name), "1 or more", getattr(self, name) >= 1)
        _expect("data.workers", self.workers, "0 or more", self.workers >= 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adam:
    """Adam (1412.6980) without weight decay."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        _expect("optim.lr", self.lr, "a finite rate above 0", 0 < self.lr < math.inf)
        _expect("optim.betas", self.betas, "two numbers from 0 to below 1", all(0 <= beta < 1 for beta in self.betas))


@dataclass(frozen=True, kw_only=True, slots=True)
class Every:
    """Steps between two of each: log lines, preview pictures, checkpoints."""

    log: int = 50
    preview: int = 1000
    save: int = 500

    def __post_init__(self) -> None:
        for name in ("log", "preview", "save"):
            _expect(f"every.{name}", getattr(self, name), "1 or more", getattr(self, name) >= 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Everything a run depends on, but for the pictures in its folders."""

    name: str
    model: EDTConfig
    data: Data
    optim: Adam
    schedule: Schedule
    steps: int
    ema: float = 0.999
    """Decay of the moving average of the weights, which is what is saved for use."""
    clip: float | None = None
    """Largest norm of the gradient."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the multiplications; weights and their averages stay float32. ``auto``: bfloat16 where the device has it."""
    seed: int = 0
    every: Every = field(default_factory=Every)
    notes: str = ""
    """Where the pictures come from and under what licence; kept inside the weights."""

    def __post_init__(self) -> None:
        _expect("steps", self.steps, "1 or more", self.steps >= 1)
        _expect("ema", self.ema, "from 0 to below 1", 0 <= self.ema < 1)
        _expect("clip", self.clip, "above 0, or none", self.clip is None or self.clip > 0)
        grid = math.lcm(*self.model.window)
        fits = self.data.patch % grid == 0
        _expect("data.patch", self.data.patch, f"a multiple of {grid}, for the windows to fit", fits)


def _expect(field: str, value: object, expected: str, good: bool) -> None:
    if not good:
        raise PixmendError(f"{field}: expected {expected}, got {value}")
