"""A training run as one frozen object. Recipes return it, ``run.json`` keeps it."""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from pixmend.data import Small
from pixmend.degrade import parse_chain
from pixmend.errors import PixmendError
from pixmend.models import NETWORKS, Config
from pixmend.models.edt import EDTConfig
from pixmend.train.objectives import L1, Contrastive, Objective, SupervisedContrastive, check_network
from pixmend.train.schedule import Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """From step ``start`` on: crops of this side, so many of them in a step. Progressive learning (Restormer)."""

    start: int
    patch: int
    batch: int

    def __post_init__(self) -> None:
        for name in ("start", "patch", "batch"):
            _expect(f"data.stages: {name}", getattr(self, name), "1 or more", getattr(self, name) >= 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """What is trained on. ``patch`` is the side of a crop as the network's body sees it, in its tokens."""

    folders: tuple[str, ...] = ()
    patch: int = 48
    batch: int = 32
    """Samples per task and step, over all processes together."""
    every_task: bool = True
    """Every task in every step (EDT), or one drawn for each step (IPT)."""
    stages: tuple[Stage, ...] = ()
    """What ``patch`` and ``batch`` become later; before the first stage they are as said above."""
    low: tuple[str, ...] = ()
    """Folders of degraded pictures that belong by name to those of the one clean folder; two of a dual-pixel camera."""
    small: Small = "skip"
    """What becomes of pictures smaller than a crop."""
    round8: bool = True
    """Whether what is made of clean pictures is rounded to 8 bit where the papers' files are; HAT's ImageNet is not."""
    clip: bool = False
    """Whether noisy pictures are clipped to [0, 1], as IPT's are and no other's."""
    chain: str | None = None
    """Steps that make the inputs where they are not the task's own, as ``pixmend degrade --chain`` takes them:
    ``bsrgan(scale=4)``. They are rounded to 8 bit only by a step that does so."""
    candidates: int = 1
    """Crops drawn for each sample, of which the one with the most detail is kept."""
    without: tuple[str, ...] = ()
    """Pictures of these folders that are left out, to be scored on."""
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("patch", "batch", "candidates"):
            _expect(f"data.{name}", getattr(self, name), "1 or more", getattr(self, name) >= 1)
        _expect("data.workers", self.workers, "0 or more", self.workers >= 0)
        starts = [stage.start for stage in self.stages]
        _expect("data.stages", starts, "starts that rise", all(a < b for a, b in pairwise(starts)))
        if self.chain is not None:
            _expect("data.chain", self.chain, "none with data.low, whose pictures are degraded", not self.low)
            _expect("data.chain", self.chain, "clip in its noises and not data.clip", not self.clip)
            parse_chain(self.chain)

    def at(self, step: int) -> tuple[int, int]:
        """Patch and batch of a step."""
        begun = [stage for stage in self.stages if stage.start <= step]
        return (begun[-1].patch, begun[-1].batch) if begun else (self.patch, self.batch)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adam:
    """Adam (1412.6980) without weight decay."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        _expect("optim.lr", self.lr, "a finite rate above 0", 0 < self.lr < math.inf)
        _expect("optim.betas", self.betas, "two numbers from 0 to below 1", all(0 <= beta < 1 for beta in self.betas))


@dataclass(frozen=True, kw_only=True, slots=True)
class AdamW:
    """Adam with decoupled weight decay (1711.05101), as Restormer trains."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        Adam(lr=self.lr, betas=self.betas)
        _expect("optim.weight_decay", self.weight_decay, "0 or more", 0 <= self.weight_decay < math.inf)


Optim = Adam | AdamW


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixup:
    """Blend every sample with another of its batch, weighed by Beta(alpha, alpha), in half of the steps.

    Restormer's code trains all denoisers so, and its paper does not say it. Of several processes each blends its own
    share of the batch, as that code does; a share of one is left alone.
    """

    alpha: float = 1.2

    def __post_init__(self) -> None:
        _expect("mixup.alpha", self.alpha, "a finite number above 0", 0 < self.alpha < math.inf)


@dataclass(frozen=True, kw_only=True, slots=True)
class Everything:
    """Train all parameters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LowRank:
    """Train the factors of a change B A of this rank for every linear layer and convolution W (LoRA, 2106.09685).

    What is saved for use has the change added to W, and so the names and sizes of any other weights of the network.
    """

    rank: int = 8

    def __post_init__(self) -> None:
        _expect("trained.rank", self.rank, "1 or more", self.rank >= 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Last:
    """Train the last so many blocks and what follows them; the trunk before is frozen, and keeps no activations."""

    blocks: int = 1

    def __post_init__(self) -> None:
        _expect("trained.blocks", self.blocks, "1 or more", self.blocks >= 1)


Trained = Everything | LowRank | Last


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """How a step is carried out, not what it computes, which stays the same but for rounding.

    Except of RCDNet, which has batch normalisation: parts of a batch are normalised each by itself, and a block that is
    computed again moves its running statistics again.
    """

    accumulate: int = 1
    """Parts in which every process works through its share of a batch: less memory."""
    checkpoint: bool = False
    """Keep what enters each block and compute the block again on the way back: less memory, about a third more time."""
    compile: bool = False
    """Compile every block as it is first used."""
    shard: bool = False
    """Spread weights, gradients, averages and the optimizer's state over the processes (FSDP)."""

    def __post_init__(self) -> None:
        _expect("engine.accumulate", self.accumulate, "1 or more", self.accumulate >= 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Every:
    """Steps between two of each: log lines, preview pictures, checkpoints, scores on the run's ``validation``."""

    log: int = 50
    preview: int = 1000
    save: int = 500
    score: int = 5000

    def __post_init__(self) -> None:
        for name in ("log", "preview", "save", "score"):
            _expect(f"every.{name}", getattr(self, name), "1 or more", getattr(self, name) >= 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Everything a run depends on, but for the pictures in its folders."""

    name: str
    model: Config
    data: Data
    optim: Optim
    schedule: Schedule
    steps: int
    objective: Objective = field(default_factory=L1)
    start: str | None = None
    """Weights to begin with, a file or a name: every tensor that fits is taken, the others stay as drawn."""
    trained: Trained = field(default_factory=Everything)
    mixup: Mixup | None = None
    ema: float = 0.999
    """Decay of the moving average of the weights, which is what is saved for use."""
    clip: float | None = None
    """Largest norm of the gradient."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the multiplications; weights and their averages stay float32. ``auto``: bfloat16 where the device has it."""
    engine: Engine = field(default_factory=Engine)
    seed: int = 0
    every: Every = field(default_factory=Every)
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)
    """Where losses, scores and previews go beside the run's own files."""
    validation: tuple[str, ...] = ()
    """Folders of benchmarks that are scored while the run goes on; the weights of the best mean PSNR are kept."""
    notes: str = ""
    """What the pictures are, and their licence, kept inside the weights; by itself the command names the folders."""

    def __post_init__(self) -> None:
        _expect("steps", self.steps, "1 or more", self.steps >= 1)
        _expect("ema", self.ema, "from 0 to below 1", 0 <= self.ema < 1)
        _expect("clip", self.clip, "above 0, or none", self.clip is None or self.clip > 0)
        _expect("model.task", None, "the name of the task to train", bool(self.tasks))
        single = self.data.chain is None or len(self.tasks) == 1
        _expect("data.chain", f"{len(self.tasks)} tasks", "a run of one task", single)
        check_network(self.objective, NETWORKS[type(self.model)])
        if isinstance(self.objective, Contrastive | SupervisedContrastive):  # which compare all pictures of a batch
            whole = self.engine.accumulate == 1
            _expect("engine.accumulate", self.engine.accumulate, "1 with a contrastive loss: try checkpoint", whole)
        if isinstance(self.model, EDTConfig):  # which trains every task in one pass, without extending pictures
            grid = math.lcm(*self.model.window)
            fits = self.data.patch % grid == 0
            _expect("data.patch", self.data.patch, f"a multiple of {grid}, for the windows to fit", fits)

    @property
    def tasks(self) -> tuple[str, ...]:
        """What is trained: the tasks of a network of several, the task of another or what its scale says."""
        tasks: tuple[str, ...] = getattr(self.model, "tasks", ())
        task: str | None = getattr(self.model, "task", None)
        scale: int = getattr(self.model, "scale", 1)
        return tasks or ((task,) if task else (f"sr_x{scale}",) if scale > 1 else ())


def _expect(field: str, value: object, expected: str, good: bool) -> None:
    if not good:
        raise PixmendError(f"{field}: expected {expected}, got {value}")
