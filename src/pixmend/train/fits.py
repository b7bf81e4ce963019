"""Whether a run fits into the memory, before it starts, and what makes it fit."""

import logging
import math
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import torch

from pixmend.config import override
from pixmend.data.places import check_folders
from pixmend.errors import PixmendError
from pixmend.infer.device import find_device
from pixmend.infer.memory import free as free_memory
from pixmend.train.config import Run
from pixmend.train.memory import peak, resident

logger = logging.getLogger(__name__)

_NEAR = 0.9
"""Of the most pixels in a step: stages with fewer are not estimated, since what is kept grows with the pixels."""


class Need(NamedTuple):
    """The stage that needs most: its first step, crops, samples over all processes, and bytes in each process."""

    start: int
    patch: int
    batch: int
    bytes: int


class Remedy(NamedTuple):
    """Settings, as ``--set`` takes them, with which a run fits, the bytes it then needs, and whether it is still the
    same training but for rounding."""

    settings: tuple[str, ...]
    bytes: int
    same: bool


def check_fits(run: Run) -> Need | None:
    """Refuse a run of which some stage needs more memory than is free where it would run.

    Takes a few seconds; called before anything is allocated. Of several processes each is to find its own part free.
    None where this torch cannot compute it: tensors without values are not among its public interfaces.

    Raises:
        PixmendError: with the stage, what it needs, what is free, and the first of the settings that make it fit.
    """
    if run.data.folders:
        check_folders((*run.data.folders, *run.data.low))  # which takes no time, where the rest takes seconds
    device, processes = find_device("auto"), int(os.environ.get("WORLD_SIZE", "1"))
    try:
        need, room = largest(run, device=device, processes=processes), free(device)
    except PixmendError:
        raise
    except Exception as error:
        logger.warning("the memory of a step could not be computed with torch %s: %s", torch.__version__, error)
        return None
    if need.bytes <= room:
        return need
    found = remedy(run, need, room=room, device=device, processes=processes)
    told = "take smaller crops (data.patch), fewer samples (data.batch) or a smaller network"
    if found:
        settings = " ".join(f"--set {setting}" for setting in found.settings)
        told = f"{settings} takes {_gigabytes(found.bytes)}" + ("" if found.same else ", and changes the training")
    since = f"from step {need.start} on" if need.start else "memory"
    raise PixmendError(
        f"{since}: {need.batch} samples of {need.patch} per task take about {_gigabytes(need.bytes)}, and "
        f"{_gigabytes(room)} are free: {told}"
    )


def largest(run: Run, *, device: torch.device, processes: int = 1) -> Need:
    """The stage, of those that the run's steps reach, that needs most."""
    starts = [0, *(stage.start for stage in run.data.stages if stage.start < run.steps)]
    sizes = {run.data.at(start): start for start in reversed(starts)}
    most = max(patch**2 * batch for patch, batch in sizes)
    near = [(size, start) for size, start in sizes.items() if size[0] ** 2 * size[1] >= _NEAR * most]
    needs = (
        Need(start, patch, batch, _bytes(run, patch, batch, device=device, processes=processes))
        for (patch, batch), start in near
    )
    return max(needs, key=lambda need: need.bytes)


def _bytes(run: Run, patch: int, batch: int, *, device: torch.device, processes: int) -> int:
    """Of the device's memory, which on a CPU is also where the state is saved from."""
    held = peak(run, patch=patch, batch=batch, device=device, processes=processes)
    return held.step if device.type == "cuda" else resident(held)


def remedy(run: Run, need: Need, *, room: int, device: torch.device, processes: int = 1) -> Remedy | None:
    """The first that brings the largest stage under ``room`` bytes: recomputing blocks, then working through the batch
    in parts, then both; after them a smaller batch, no later stages, smaller crops, which change the training."""

    @cache
    def estimate(*settings: str) -> int | None:
        try:
            changed = override(run, *settings)
            data = any(setting.startswith("data.") for setting in settings)
            patch, batch = changed.data.at(need.start) if data else (need.patch, need.batch)
            return _bytes(changed, patch, batch, device=device, processes=processes)
        except PixmendError:  # the run cannot have them
            return None

    for settings, same in _remedies(run, need, estimate, room=room, processes=processes):
        estimated = estimate(*settings)
        if estimated is not None and estimated <= room:
            return Remedy(settings, estimated, same)
    return None


def _remedies(
    run: Run, need: Need, estimate: Callable[..., int | None], *, room: int, processes: int
) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Settings to try, and whether the training stays the same."""
    recompute, share = "engine.checkpoint=true", need.batch // processes

    def parts(samples: int) -> str:
        return f"engine.accumulate={math.ceil(share / samples)}"

    def fewer(samples: int) -> str:
        return f"data.batch={samples * processes}"

    yield (recompute,), True
    for also in ((), (recompute,)):
        if samples := _most(lambda samples, also=also: estimate(*also, parts(samples)), share, room=room):
            yield (*also, parts(samples)), True
    if need.start:
        yield ("data.stages=", recompute), False
        yield ("data.stages=", recompute, parts(1)), False
    elif samples := _most(lambda samples: estimate(recompute, fewer(samples)), share, room=room):
        yield (recompute, fewer(samples)), False
    for smaller in (run.data.patch // 2, run.data.patch // 4):
        stages = ("data.stages=",) if run.data.stages else ()
        yield (*stages, f"data.patch={smaller}", recompute), False


def _most(estimate: Callable[[int], int | None], share: int, *, room: int) -> int | None:
    """The most samples of a process at a time that fit, of ``share``: found by a straight line, and tried."""
    for least in (1, 2):  # a contrastive loss takes two
        low = estimate(least) if least < share else None
        if low is not None:
            break
    else:
        return None
    whole = estimate(share)
    if whole is None or low > room:
        return None
    slope = max(1.0, (whole - low) / (share - least))
    samples = min(share, least + int((room - low) / slope))
    while samples > least and (estimate(samples) or 0) > room:
        samples -= max(1, samples // 8)
    return max(least, samples)


def free(device: torch.device) -> int:
    """Bytes that may be taken: of a CUDA device, else of the machine and of the container that this process is in."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return free_memory() // here


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2g} GB" if count < 1e11 else f"{count / 1e9:,.0f} GB"
