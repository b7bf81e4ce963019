"""What goes wrong in a run without stopping it: losses that leap, a network that learns nothing, pictures that cannot
teach it.

C channels, H and W height and width in pixels, s scale.
"""

import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixmend.data.crops import alike
from pixmend.degrade import imresize
from pixmend.errors import PixmendError
from pixmend.train.batches import RunBatches
from pixmend.train.config import Run
from pixmend.train.failure import named

LOOKED_AT = 16
"""Crops that are looked at before the first step."""
SPIKE = 5.0
"""Times the median of a term's last values, where these do not vary much.

With both limits 7,600 losses of sound runs with one or two samples of a task (super-resolution, noise, made and real
rain) gave no warning: the largest were 4.7 times the median and 3.6 deviations above it.
"""
DEVIATIONS = 5.0
"""And so many robust standard deviations of their logarithms above it: samples differ, above all one by one."""
ENOUGH = 1000
"""Values of a task's loss after which it should have fallen below ``FALLEN`` times the first ones."""
FALLEN = 0.95

_RECENT, _FEWEST = 100, 50
"""Values of a term that are kept, and that are needed to judge another."""
_QUIET = 100
"""Steps without another warning of a leap."""
_SAME = 0.1 / 255
"""Mean difference under which two pictures are the same to us, a tenth of an 8-bit level."""
_CAUSES = "is optim.lr far too low or too high, is everything frozen, are low and high pictures the same?"


@dataclass(slots=True)
class _Term:
    """What a part of the loss was."""

    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    count: int = 0
    first: float = math.inf
    """The median of the first values."""

    def leap(self, value: float) -> float:
        """How many times the median a value is, if that is more than the values before make likely; else 0."""
        if len(self.recent) < _FEWEST or min(self.recent) <= 0 or value <= 0:
            return 0.0
        logs = [math.log(each) for each in self.recent]
        median = statistics.median(logs)
        spread = 1.4826 * statistics.median(abs(each - median) for each in logs)
        above = math.log(value) - median
        return math.exp(above) if above > max(math.log(SPIKE), DEVIATIONS * spread) else 0.0

    def add(self, value: float) -> None:
        self.recent.append(value)
        self.count += 1
        if self.count == _RECENT:
            self.first = statistics.median(self.recent)


class Health:
    """Tells through ``warn``, a line each time, and changes nothing."""

    def __init__(self, run: Run, batches: RunBatches, *, warn: Callable[[str], None]) -> None:
        self.run, self.batches, self.warn = run, batches, warn
        self._terms: dict[str, _Term] = {}
        self._whole = False
        """Whether the run is seen from its first step."""
        self._quiet_until = 0
        self._told: set[tuple[str, str]] = set()

    def before(self) -> None:
        """Look at some crops before the first step: are all of them grey, are low pictures the high ones?"""
        batches = self.batches.stages[0]
        try:
            high, _, low, pictures = batches.clean(-1, self.run.tasks[0], indices=range(LOOKED_AT))
        except PixmendError:  # of damaged pictures the first step says more
            return
        if high.shape[1] == 3 and torch.equal(high, high[:, :1].expand_as(high)):
            self.warn(
                f"all of {LOOKED_AT} crops are grey: the network will not learn colour: give pictures in colour, or "
                "train a network of one channel"
            )
        if low is None or low.shape[-2:] != high.shape[-2:]:
            return
        low, high = alike([low[:, : high.shape[1]], high])
        same = [n for n in range(LOOKED_AT) if torch.equal(low[n], high[n])]
        if 2 * len(same) >= LOOKED_AT:
            self.warn(
                f"{len(same)} of {LOOKED_AT} low crops equal the high ones, and there is nothing to learn from them: "
                "do data.folders and data.low name the right folders"
                f"{named([batches.pictures.name(pictures[n]) for n in same], '? They are of ')}"
            )

    def seen(self, step: int, terms: Mapping[str, float], norm: float) -> None:
        """The loss and the norm of the gradient of a step just finished; the first one is number 1."""
        self._whole |= step == 1
        for name, value in terms.items():
            term = self._terms.setdefault(name, _Term())
            leap = term.leap(value)
            if leap and step >= self._quiet_until:
                self._quiet_until = step + _QUIET
                self.warn(
                    f"step {step}: the loss of {name}, {value:.3g}, is {leap:.1f} times the median of the "
                    f"{len(term.recent)} before it; the norm of the gradient is {norm:.3g}{self._files(step)}"
                )
            term.add(value)
            if term.count == ENOUGH and self._whole and self.run.start is None and name in self.run.tasks:
                now = statistics.median(term.recent)
                if now > FALLEN * term.first:
                    self.warn(
                        f"step {step}: the loss of {name} has not fallen: {term.first:.3g} at first, {now:.3g} now: "
                        f"{_CAUSES}"
                    )

    def looked_at(self, step: int, task: str, *, low: Tensor, restored: Tensor, high: Tensor) -> None:
        """A preview of the averaged weights: (C, H, W), and twice (C', s H, s W), in [0, 1]."""
        if step < max(_RECENT, 2 / (1 - self.run.ema)):  # the first weights are still in the average
            return
        flat = restored.flatten(1).std(dim=1).max() < _SAME
        if flat and high.flatten(1).std(dim=1).max() > 10 * _SAME:
            self._once(step, task, "of one colour: is optim.lr far too high?")
        for what, copy in _idle(low[: len(high)], restored):
            to_do = (high - copy).abs().mean()
            if to_do > 10 * _SAME and (restored - copy).abs().mean() < _SAME:
                self._once(step, task, f"{what}: {_CAUSES}")

    def _once(self, step: int, task: str, what: str) -> None:
        if (task, what) not in self._told:
            self._told.add((task, what))
            self.warn(f"step {step}: for {task} the network gives a picture that is {what}")

    def _files(self, step: int) -> str:
        try:
            files = self.batches.files(step - 1)
        except PixmendError:
            return ""
        return named([name for names in files.values() for name in names], "; its pictures: ")


def _idle(low: Tensor, restored: Tensor) -> Sequence[tuple[str, Tensor]]:
    """What a network gives that does nothing."""
    height, width = restored.shape[-2:]
    if low.shape == restored.shape:
        return [("its input again", low)]
    if low.shape[0] != restored.shape[0] or height % low.shape[1] or width % low.shape[2]:
        return []
    repeated = low.repeat_interleave(height // low.shape[1], 1).repeat_interleave(width // low.shape[2], 2)
    return [
        ("its input enlarged by bicubic interpolation", imresize(low, size=(height, width))),
        ("its input with every pixel repeated", repeated),
    ]
