"""A network made ready for pictures of any size: device, precision, tiles and guards.

C channels, H and W height and width in pixels, s the scale of the whole chain.
"""

import copy
import logging
import math
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.infer.channels import check_picture, fit_channels
from pixmend.infer.device import default_memory, find_device, largest_tile
from pixmend.infer.footprint import Footprint, measure_footprint
from pixmend.infer.forecast import Plan, Step, memory_words, picture_bytes, row_bytes
from pixmend.infer.guard import Damaged, NotFinite, Report, Restored
from pixmend.infer.memory import resident
from pixmend.infer.networks import select_networks
from pixmend.infer.plan import plan_step
from pixmend.infer.reach import choose_overlap
from pixmend.infer.running import Limit, Progress, Running, Ticker, compute
from pixmend.layers.tiles import tiled
from pixmend.models.base import MultiTask, Restorer

if TYPE_CHECKING:
    from pixmend.infer.folder import FolderRun
    from pixmend.infer.stream import Streamed
    from pixmend.infer.video import RestoredVideo

__all__ = ["CUT", "Damaged", "NotFinite", "Pipeline", "Progress"]

CUT = 192
"""Largest side of the place of a picture where the overlap is measured, which is half of it at most."""

logger = logging.getLogger(__name__)


class Pipeline:
    """Restores pictures with one network, or with several tasks of it one after another.

    The network given is itself turned to float32, moved to the device and set to evaluation; ``precision`` is what it
    then multiplies in. ``max_memory`` is what the process may hold in all, the program and the pictures in float32
    included, or, on a GPU, what the work may take there; unless told, seven tenths of what is free.

    Tiles overlap by 32 pixels, or by ``overlap`` of each network's own input, rounded up to the grid that tiles start
    on; ``"measured"`` takes the smallest overlap that leaves half a level of 255 of difference from the picture done
    whole, at the most textured place of the first picture in tiles, and keeps to it. Nothing else of a picture is
    kept, so threads may share a pipeline.

    With an ``ensemble`` of 8 each network's result is the mean over the eight flips and turns (``Ensembled``), with a
    ``strength`` below 1 it is blended with what that network was given (``Blended``).

    Raises:
        PixmendError: no task or an unknown one, an unknown precision, an overlap that is none, or where the network
            cuts its own windows, or a device this machine does not have; an ensemble that is neither 1 nor 8, a
            strength that is not above 0 and at most 1, either for a network that takes two views.
    """

    def __init__(
        self,
        model: Restorer | MultiTask,
        *,
        task: str | tuple[str, ...] | None = None,
        device: str = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
        tile: int | None = None,
        max_memory: int | None = None,
        overlap: int | Literal["measured"] | None = None,
        ensemble: int = 1,
        strength: float = 1.0,
    ) -> None:
        if precision not in ("float32", "bfloat16"):
            raise PixmendError(f"precision {precision!r} is not one of float32, bfloat16")
        if overlap not in (None, "measured") and not (type(overlap) is int and overlap >= 0):
            raise PixmendError(f"overlap: expected pixels, 0 or more, or 'measured', got {overlap!r}")
        self.device = find_device(device)
        model.float().to(self.device).eval()
        tasks = task if isinstance(task, tuple) else (task,)
        self.networks = select_networks(model, tasks, ensemble=ensemble, strength=strength)
        self.ensemble, self.strength = ensemble, strength
        fixed = next((network.fixed_size for network in self.networks if network.fixed_size), None)
        if fixed and overlap is not None:
            raise PixmendError(f"overlap: this network blends windows of {fixed} pixels itself: leave it out")
        self.precision = precision
        self.tile = tile
        self.memory = max_memory
        self.tile_memory: int | None = None
        """Of a tile's work alone, where the pictures are somebody else's care."""
        self._measures = overlap == "measured"
        self._overlap = None if overlap == "measured" else overlap
        self._measured: dict[int, int] = {}
        self._measuring = Lock()
        self._base: int | None = None
        self._copies: dict[Restorer, Pipeline] = {}
        self._making = Lock()

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along each side, of the whole chain."""
        return math.prod(network.scale for network in self.networks)

    def plan(self, picture: Tensor | tuple[int, int], *, size: tuple[int, int] | None = None) -> Plan:
        """What a picture, or one of this (height, width), will take, to the end in ``size`` if that is given; print it.

        Nothing is measured for it but memory and time, on a small picture: an overlap that is yet to be measured is
        taken to be the default, and the plan says so.

        Raises:
            PixmendError: the tile asked for is too small, also for the overlap; or the memory, for it or for any tile,
                or for the size.
        """
        given = (picture.shape[-2], picture.shape[-1]) if isinstance(picture, Tensor) else picture
        base = self._base_bytes(picture.nbytes if isinstance(picture, Tensor) else 0)
        steps: list[Step] = []
        for index in range(len(self.networks)):
            original = steps[0].size if steps else None
            steps.append(
                self._plan_step(index, steps[-1].output_size if steps else given, original=original, base=base)
            )
        plan = Plan(
            steps=tuple(steps),
            channels=self.networks[0].in_channels,
            device=str(self.device),
            precision=self.precision,
            base_bytes=base,
            resampled=None if size == steps[-1].output_size else size,
        )
        self._check_memory(plan)
        return plan

    def _check_memory(self, plan: Plan) -> None:
        """Refuse what steps by themselves do not know of: a tile that was asked for, and a size."""
        most, allowed = plan.device_bytes or plan.peak_bytes, self.memory
        if allowed is None and self.tile_memory is None and plan.resampled is not None:
            most, allowed = plan.peak_bytes, default_memory(torch.device("cpu")) + plan.base_bytes
        if allowed is not None and most > allowed:
            what = f"tile {self.tile}" if self.tile else f"size {plan.output_size[1]} x {plan.output_size[0]}"
            raise PixmendError(f"{what}: takes {memory_words(most)}, allowed are {memory_words(allowed)}")

    def _plan_step(self, index: int, size: tuple[int, int], *, original: tuple[int, int] | None, base: int) -> Step:
        network, footprint = self.networks[index], self.footprints[index]
        overlap = self._measured.get(index) if self._measures else self._overlap
        channels, ours = self.networks[0].in_channels, self.device.type == "cpu" and self.tile_memory is None
        held = base + picture_bytes(size, scale=network.scale, original=original, channels=channels)
        step = plan_step(
            size,
            scale=network.scale,
            multiple=network.multiple,
            bytes_per_pixel=footprint.per_pixel,
            fixed_bytes=footprint.fixed,
            tile=self.tile,
            max_memory=self.tile_memory or self.memory or default_memory(self.device) + base * ours,
            largest=largest_tile(self.device, multiple=network.multiple, bytes_per_pixel=footprint.per_pixel),
            fixed_size=network.fixed_size,
            overlap=overlap,
            held=held if ours else 0,
            row_bytes=row_bytes(size, scale=network.scale, channels=channels) if ours else 0,
        )
        step = replace(step, seconds=footprint.seconds * step.computed)
        if self._measures and overlap is None:
            return replace(step, told=f" overlapping by {step.overlap} until it is measured")
        return step

    def __call__(self, image: Tensor, *, progress: Progress | None = None) -> Tensor:
        """The pixels of ``restore``; what is to be told of them is logged."""
        restored = self.restore(image, progress=progress)
        for line in restored.report.warnings:
            logger.warning("%s", line)
        return restored.pixels

    def restore(self, image: Tensor, *, progress: Progress | None = None) -> Restored:
        """(C, H, W) floats in [0, 1] to (C', s H, s W) float32 on the CPU; not clamped, not rounded.

        A grey picture goes through an RGB network as three equal channels, whose mean comes back; a colour picture
        through a grey network one channel after another. A network for two views takes both, one after the other.

        A tile that is not finite, is flat where the picture is not, or goes far beyond black and white is computed
        again in float32 on the CPU, and the report says so; also where the result is the picture itself.

        Raises:
            Damaged: a tile is not finite, or flat, even so.
            PixmendError: not such a picture; values that are not finite go in; or the memory does not suffice for
                the smallest tile.
        """
        check_picture(image, takes=self.networks[0].in_channels)
        plan = self.plan(image)
        report = Report(precision=self.precision)
        ticker = Ticker(total=plan.tile_count, progress=progress)
        image = before = image.detach().float().cpu()
        for index, step in enumerate(plan.steps):
            if self._measures and len(step.tiles) > 1:
                planned, step = step, self._measured_step(index, image, step=step, plan=plan)
                ticker.total += len(step.tiles) - len(planned.tiles)
            image = self._restore(index, image, step=step, report=report, ticker=ticker)
        if any(True for network in self.networks for _ in network.parameters()):  # what has none may well do nothing
            report.note_unchanged(before, image)
        return Restored(pixels=image, report=report)

    def _measured_step(self, index: int, image: Tensor, *, step: Step, plan: Plan) -> Step:
        """The step with the overlap that was measured on this picture, or on an earlier one.

        Measured in float32, since at lower precision all that is left of a cut is lost in its rounding.
        """
        network = self.networks[index]
        with self._measuring:
            if index not in self._measured:
                x, _ = fit_channels(image[None], takes=network.in_channels)
                self._measured[index] = choose_overlap(network, x, side=min(step.tile, CUT), otherwise=step.overlap)
        original = plan.steps[0].size if index else None
        return self._plan_step(index, step.size, original=original, base=plan.base_bytes)

    def running(self, index: int, step: Step, *, report: Report) -> Running:
        """The network of this number for the tiles of a step, judged and kept within the memory."""
        best = self.device.type == "cpu" and self.precision == "float32"
        again = None if best else self._run_carefully
        limit = Limit(tile=step.tile, batch=step.batch, overlap=step.overlap)
        return Running(
            network=self.networks[index], tiles=step.tiles, limit=limit, run=self._run, again=again, report=report
        )

    def _restore(self, index: int, image: Tensor, *, step: Step, report: Report, ticker: Ticker) -> Tensor:
        running = self.running(index, step, report=report)

        def run(crops: Tensor) -> Tensor:
            results = running(crops)
            ticker.advance(len(crops))
            return results

        output: Tensor | None = None
        top = 0
        for band in tiled(run, image, tiles=step.tiles, scale=step.scale, batch=step.batch):
            if output is None:
                output = torch.empty(band.shape[0], *step.output_size)
            output[:, top : top + band.shape[1]] = band
            top += band.shape[1]
            del band  # before the next one is made
        assert output is not None and top == step.output_size[0]
        return output

    def _run(self, network: Restorer, crops: Tensor) -> Tensor:
        """The network on tiles (n, C, h, w), from the CPU and back, whatever comes out."""
        return compute(network, crops, device=self.device, precision=self.precision)

    def _run_carefully(self, network: Restorer, crops: Tensor) -> Tensor:
        """The same in float32 on the CPU; with a copy of the network, should it lie elsewhere, which is kept."""
        if self.device.type == "cpu":
            return compute(network, crops, device=self.device, precision="float32")
        with self._making:
            if network not in self._copies:
                self._copies[network] = Pipeline(copy.deepcopy(network), device="cpu")
        return torch.stack([self._copies[network].restore(crop).pixels for crop in crops])

    def folder(self, source: Path | str, out: Path | str, **options: Any) -> "FolderRun":
        """All pictures of a folder: iterate over the records; options and errors as ``folder.restore_folder``."""
        from pixmend.infer.folder import restore_folder

        return restore_folder(self, source, out, **options)

    def stream(self, source: Path | str, target: Path | str, **options: Any) -> "Streamed":
        """A picture larger than memory; options and errors as ``stream.stream_picture``."""
        from pixmend.infer.stream import stream_picture

        return stream_picture(self, source, target=target, **options)

    def video(self, source: Path | str, target: Path | str, **options: Any) -> "RestoredVideo":
        """A video, frame by frame; options and errors as ``video.restore_video``."""
        from pixmend.infer.video import restore_video

        return restore_video(self, source, target=target, **options)

    @cached_property
    def footprints(self) -> tuple[Footprint, ...]:
        """Working memory and time of each network, measured on two small pictures."""
        return tuple(measure_footprint(each, device=self.device, precision=self.precision) for each in self.networks)

    def _base_bytes(self, given: int) -> int:
        """What the process holds apart from a picture that is given: as at first, once each network has worked."""
        with self._making:
            if self._base is None:
                assert self.footprints
                self._base = max(resident() - given, 0)
            return self._base
