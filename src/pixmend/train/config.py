"""A training run as one frozen object. Recipes return it, ``run.json`` keeps it."""

from dataclasses import dataclass, field
from typing import Literal

from pixmend.errors import PixmendError
from pixmend.models import Config
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Adam:
    """Adam (1412.6980) without weight decay."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.99)


@dataclass(frozen=True, kw_only=True, slots=True)
class Every:
    """Steps between two of each: log lines, preview pictures, checkpoints."""

    log: int = 50
    preview: int = 1000
    save: int = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Everything a run depends on, but for the pictures in its folders."""

    name: str
    model: Config
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
        if self.steps < 1 or self.data.batch < 1 or self.data.patch < 1:
            raise PixmendError(f"run {self.name!r}: steps, batch and patch are counts of 1 or more")
