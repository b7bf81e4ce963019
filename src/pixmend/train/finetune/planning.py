"""What a fine-tuning will be, decided before anything is written."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pixmend.data import degradation
from pixmend.data.folders import memory
from pixmend.errors import PixmendError
from pixmend.infer.device import find_device
from pixmend.infer.footprint import bytes_per_pixel
from pixmend.models import build
from pixmend.models.base import Restorer, blocks_of
from pixmend.tasks import Task
from pixmend.train.config import Last, LowRank, Run
from pixmend.train.finetune import held_out, ladder, presets
from pixmend.train.finetune.held_out import LARGEST, Sample
from pixmend.train.finetune.ladder import Choice, gigabytes
from pixmend.train.finetune.origin import Origin, origin_of
from pixmend.train.fits import free, largest

_PROBE = 64
_SMALLEST_SCORED = 128
_LIBRARIES = 250_000_000
"""Bytes that the CPU's kernels, curves and previews take of a process that trains, beside the step itself.

Measured on a small HAT: 0.0 to 0.3 GB more than the step's estimate.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Which run, on which pictures, with which held out."""

    origin: Origin
    run: Run
    """What is trained: the choice's, unless somebody has changed it since."""
    choice: Choice
    held: tuple[Sample, ...]
    usable: int
    """Pictures, those held out among them."""
    side: int
    """Largest of a held-out picture, in clean pixels."""

    def describe(self) -> list[str]:
        """What was decided and why, in lines for people."""
        pictures = "pairs" if self.held[0].low else "pictures"
        lines = [self._of_memory()]
        lines += [self._of_the_new()] if self.origin.drawn else []
        lines.append(
            f"{len(self.held)} of {self.usable} {pictures} are held out to be scored before and after, of each at most "
            f"the {self.side} x {self.side} pixels in its middle"
        )
        return lines

    def _of_memory(self) -> str:
        """The form that fits into the budget."""
        choice, run = self.choice, self.choice.run
        with torch.device("meta"):
            network = build(run.model)
        count = sum(parameter.numel() for parameter in network.parameters())
        crop = run.data.patch * network.reduction(self.origin.task.name)
        head = f"{type(network).__name__}, {self.origin.task.name}, {count / 1e6:.1f} M parameters"
        batch = f"{run.data.batch} crops of {crop}"
        if choice.needed == choice.whole:
            return f"{head}: all of it is trained on {batch}: {gigabytes(choice.needed)} of {gigabytes(choice.budget)}"
        whole = f"{gigabytes(choice.budget)} is not enough to train all of it at once ({gigabytes(choice.whole)})"
        return f"{head}: {whole}; on {batch} {', '.join(self._steps_down())}: {gigabytes(choice.needed)}"

    def _steps_down(self) -> list[str]:
        trained, engine = self.choice.run.trained, self.choice.run.engine
        told = []
        if isinstance(trained, LowRank):
            told.append(f"a change of rank {trained.rank} is trained (LoRA)")
        if isinstance(trained, Last):
            told.append(f"the last {trained.blocks} of {self.choice.blocks} blocks are trained")
        if engine.checkpoint:
            told.append("blocks are computed again on the way back")
        if engine.accumulate > 1:
            told.append(f"the batch goes through in {engine.accumulate} parts")
        return told or ["all of it is trained"]  # on smaller crops

    def _of_the_new(self) -> str:
        drawn = self.origin.drawn
        some = ", ".join(drawn[:3]) + (f" and {len(drawn) - 3} more" if len(drawn) > 3 else "")
        return f"{self.origin.name} does not do {self.origin.task.name}: its trunk is kept, drawn anew are {some}"


def plan(
    source: str,
    *,
    data: Sequence[str | Path],
    low: Sequence[str | Path] = (),
    task: str | None = None,
    budget: int | None = None,
    steps: int = 2000,
) -> Plan:
    """Decide how to fine-tune weights on folders of clean pictures, or on one and the degraded ones of ``low``.

    ``budget`` is in bytes, by itself what is free: of the whole process on the CPU, of tensors on another device, where
    driver and allocator take more. Each form of training that is tried takes some seconds; nothing is written.

    Raises:
        PixmendError: weights, task, pictures or budget do not fit each other; the message says which and what to do.
    """
    folders, lows = [Path(path) for path in data], [Path(path) for path in low]
    origin = origin_of(source, task=task)
    _check_pairs(origin.task, lows)
    network = build(origin.config)
    found = held_out.samples(folders, low=lows, task=origin.task)
    patches, usable = _fitting(origin, found, reduction=network.reduction(origin.task.name))
    held = held_out.choose(usable)
    run = presets.on_pictures(
        presets.preset(origin, steps=steps), folders=folders, low=lows, held=[sample.high for sample in held]
    )
    device = find_device("auto")
    besides = _held(usable) + (_LIBRARIES if device.type == "cpu" else 0) + (0 if budget is None else _resident(device))
    budget = free(device) if budget is None else budget
    choice = ladder.choose(
        run,
        patches=patches,
        blocks=len(blocks_of(network)),
        budget=budget,
        needs=lambda each: besides + largest(each, device=device).bytes,
        new=bool(origin.drawn),
    )
    side = _side(network.select(network.tasks[0] if network.tasks else None), budget=budget - besides)
    return Plan(origin=origin, run=choice.run, choice=choice, held=tuple(held), usable=len(usable), side=side)


def _check_pairs(task: Task, low: Sequence[Path]) -> None:
    """Refuse a task whose degraded pictures are made though there are some, or cannot be made and there are none."""
    if not low:
        degradation(task.name)
    elif task.kind in ("dn", "jpeg"):
        raise PixmendError(
            f"--low: the degraded pictures of {task.name} are made of clean ones: leave it out, or name what the pairs "
            "are: dn_real, dr, deblur"
        )
    if task.name == "defocus_dual" and len(low) != 2:
        raise PixmendError(f"--low: defocus_dual takes two folders, left and right views, got {len(low)}")


def _fitting(origin: Origin, found: Sequence[Sample], *, reduction: int) -> tuple[list[int], list[Sample]]:
    """The sides of crops, from the largest that most pictures hold on, and the pictures that hold that one.

    Raises:
        PixmendError: most pictures are smaller than any.
    """
    patches = presets.patches_of(origin.config)
    for place, patch in enumerate(patches):
        usable = [sample for sample in found if sample.side >= patch * reduction]
        if 2 * len(usable) > len(found):
            return patches[place:], usable
    side = patches[-1] * reduction * origin.task.scale
    raise PixmendError(
        f"--data: {len(found)} pictures, of which most are smaller than a crop of {side} x {side} pixels: take larger "
        f"ones"
        if found
        else "--data: no picture can be read: pixmend data check says why"
    )


def _held(usable: Sequence[Sample]) -> int:
    """Bytes of pictures that stay decoded while a run goes on, as many as a folder's may; pairs are read anew."""
    count = 3 * sum(sample.pixels for sample in usable)
    return 0 if usable[0].low or count > memory() // 4 else count


def _resident(device: torch.device) -> int:
    """Bytes that Python, PyTorch and what they have loaded take already; unknown where the system does not say."""
    table = Path("/proc/self/statm")
    if device.type != "cpu" or not table.exists():
        return 0
    return int(table.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _side(one: Restorer, *, budget: int) -> int:
    """How large a held-out picture may be to be restored whole within the budget, in clean pixels."""
    least = max(one.multiple, one.fixed_size or 0)
    probe = torch.rand(1, one.in_channels, *(2 * [least * math.ceil(_PROBE / least)]))
    with torch.inference_mode():
        each = bytes_per_pixel(one.eval(), probe)
    side = one.scale * math.isqrt(max(1, budget) // each)
    return max(_SMALLEST_SCORED, min(LARGEST, side - side % _SMALLEST_SCORED))
