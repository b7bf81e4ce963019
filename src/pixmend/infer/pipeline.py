"""A network made ready for pictures of any size: device, precision, tiles and guards.

C channels, H and W height and width in pixels, s the scale of the whole chain.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from threading import Lock
from typing import Literal

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.infer.channels import check_picture, fit_channels
from pixmend.infer.device import default_memory, find_device, is_out_of_memory, largest_tile
from pixmend.infer.footprint import bytes_per_pixel
from pixmend.infer.plan import Plan, Step, overlap_of, plan_step, smaller_tile
from pixmend.infer.reach import choose_overlap
from pixmend.layers.tiles import place_tiles, tiled
from pixmend.models.base import MultiTask, Restorer

Progress = Callable[[int, int], None]
"""Called with the tiles done and the tiles in all."""

PROBE = 48
"""Least side of the small picture whose working memory is measured."""

CUT = 192
"""Largest side of the place of a picture where the overlap is measured, which is half of it at most."""

logger = logging.getLogger(__name__)


class NotFinite(PixmendError):
    """A network gave values that are not finite. Who gave the pipeline the network knows its name, and can say it."""


class Pipeline:
    """Restores pictures with one network, or with several tasks of it one after another.

    The network given is itself turned to float32, moved to the device and set to evaluation; ``precision`` is what it
    then multiplies in. Peak memory is that of the pictures in float32 and one row of tiles, whatever the size of the
    picture. Tiles overlap by 32 pixels, or by ``overlap`` of each network's own input, rounded up to the grid that
    tiles start on; ``"measured"`` takes the smallest overlap that leaves half a level of 255 of difference from the
    picture done whole, at the most textured place of the first picture in tiles, and keeps to it. Nothing else of a
    picture is kept, so threads may share a pipeline.

    Raises:
        PixmendError: no task or an unknown one, an unknown precision, an overlap that is none, or where the network
            cuts its own windows, or a device this machine does not have.
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
    ) -> None:
        if precision not in ("float32", "bfloat16"):
            raise PixmendError(f"precision {precision!r} is not one of float32, bfloat16")
        if overlap not in (None, "measured") and not (type(overlap) is int and overlap >= 0):
            raise PixmendError(f"overlap: expected pixels, 0 or more, or 'measured', got {overlap!r}")
        self.device = find_device(device)
        tasks = task if isinstance(task, tuple) else (task,)
        if not tasks:
            raise PixmendError("task: expected one or more names, got ()")
        model.float().to(self.device).eval()
        self.networks = tuple(model.select(name) for name in tasks)
        for first, second in pairwise(self.networks):
            if first.out_channels != second.in_channels:
                raise PixmendError(f"{second.in_channels} channels go in and {first.out_channels} come out: no chain")
        fixed = next((network.fixed_size for network in self.networks if network.fixed_size), None)
        if fixed and overlap is not None:
            raise PixmendError(f"overlap: this network blends windows of {fixed} pixels itself: leave it out")
        self.precision = precision
        self.tile = tile
        self.max_memory = max_memory
        self._measures = overlap == "measured"
        self._overlap = None if overlap == "measured" else overlap
        self._measured: dict[int, int] = {}
        self._measuring = Lock()

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along each side, of the whole chain."""
        scale = 1
        for network in self.networks:
            scale *= network.scale
        return scale

    def plan(self, picture: Tensor | tuple[int, int]) -> Plan:
        """What a picture, or one of this (height, width), will take; print it.

        Nothing is measured for it but memory: an overlap that is yet to be measured is taken to be the default, and
        the plan says so.

        Raises:
            PixmendError: the tile asked for is too small, also for the overlap, or the memory for any tile.
        """
        size = (picture.shape[-2], picture.shape[-1]) if isinstance(picture, Tensor) else picture
        steps: list[Step] = []
        for index in range(len(self.networks)):
            steps.append(self._plan_step(index, steps[-1].output_size if steps else size))
        channels = self.networks[0].in_channels
        return Plan(steps=tuple(steps), channels=channels, device=str(self.device), precision=self.precision)

    def _plan_step(self, index: int, size: tuple[int, int]) -> Step:
        network = self.networks[index]
        overlap = self._measured.get(index) if self._measures else self._overlap
        step = plan_step(
            size,
            scale=network.scale,
            multiple=network.multiple,
            bytes_per_pixel=self._bytes_per_pixel[index],
            tile=self.tile,
            max_memory=self.max_memory or default_memory(self.device),
            largest=largest_tile(self.device),
            fixed_size=network.fixed_size,
            overlap=overlap,
        )
        if self._measures and overlap is None:
            return replace(step, told=f" overlapping by {step.overlap} until it is measured")
        return step

    def __call__(self, image: Tensor, *, progress: Progress | None = None) -> Tensor:
        """(C, H, W) floats in [0, 1] to (C', s H, s W) float32 on the CPU; not clamped, not rounded.

        A grey picture goes through an RGB network as three equal channels, whose mean comes back; a colour picture
        through a grey network one channel after another. A network for two views takes both, one after the other.

        Raises:
            NotFinite: values that are not finite come out.
            PixmendError: not such a picture; values that are not finite go in; or the memory does not suffice for
                the smallest tile.
        """
        check_picture(image, takes=self.networks[0].in_channels)
        plan = self.plan(image)
        ticker = _Ticker(total=plan.tile_count, progress=progress)
        image = image.detach().float().cpu()
        for index, (network, step) in enumerate(zip(self.networks, plan.steps, strict=True)):
            if self._measures and len(step.tiles) > 1:
                before, step = step, self._measured_step(index, image, step=step)
                ticker.total += len(step.tiles) - len(before.tiles)
            image = self._restore(network, image, step=step, ticker=ticker)
        return image

    def _measured_step(self, index: int, image: Tensor, *, step: Step) -> Step:
        """The step with the overlap that was measured on this picture, or on an earlier one.

        Measured in float32, since at lower precision all that is left of a cut is lost in its rounding.
        """
        network = self.networks[index]
        with self._measuring:
            if index not in self._measured:
                x, _ = fit_channels(image[None], takes=network.in_channels)
                self._measured[index] = choose_overlap(network, x, side=min(step.tile, CUT), otherwise=step.overlap)
        return self._plan_step(index, step.size)

    def _restore(self, network: Restorer, image: Tensor, *, step: Step, ticker: "_Ticker") -> Tensor:
        limit = _Limit(tile=step.tile, batch=step.batch, overlap=step.overlap)

        def run(crops: Tensor) -> Tensor:
            results = self._restore_tiles(network, crops, limit=limit)
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

    def _restore_tiles(self, network: Restorer, crops: Tensor, *, limit: "_Limit") -> Tensor:
        """Tiles (n, C, h, w) at once; fewer, then smaller ones, and so all later ones, where the memory ends."""
        while len(crops) <= limit.batch and max(crops.shape[-2:]) <= limit.tile:
            try:
                return self._run(network, crops)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            limit.halve(network)  # outside the handler, whose traceback holds on to the failed tensors
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        if len(crops) > limit.batch:
            return torch.cat([self._restore_tiles(network, part, limit=limit) for part in crops.split(limit.batch)])
        overlap = overlap_of(limit.tile, network.multiple, asked=limit.overlap)
        tiles = place_tiles(
            (crops.shape[-2], crops.shape[-1]), tile=limit.tile, overlap=overlap, multiple=network.multiple
        )
        parts = tiled(
            lambda part: self._restore_tiles(network, part[0], limit=limit)[None],
            crops,
            tiles=tiles,
            scale=network.scale,
            batch=1,
        )
        return torch.cat(list(parts), dim=-2)

    def _run(self, network: Restorer, crops: Tensor) -> Tensor:
        """The network on tiles, from the CPU and back, and a second time in float32 if it overflows."""
        x, regroup = fit_channels(crops.to(self.device), takes=network.in_channels)
        if len(x) > len(crops):  # colours one by one, in the memory of one
            return regroup(torch.cat([self._run(network, part) for part in x.split(len(crops))]))
        y = self._forward(network, x, precision=self.precision)
        if not y.isfinite().all() and self.precision != "float32":
            logger.warning("a tile was not finite in %s and is computed again in float32", self.precision)
            y = self._forward(network, x, precision="float32")
        if not y.isfinite().all():
            raise NotFinite("the network gave values that are not finite: its weights are damaged")
        return regroup(y).cpu()

    @torch.inference_mode()
    def _forward(self, network: Restorer, x: Tensor, *, precision: str) -> Tensor:
        lower = torch.autocast(self.device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
        with lower:
            return network(x).float()

    @cached_property
    def _bytes_per_pixel(self) -> tuple[int, ...]:
        """Working memory of each network, measured on a small black picture."""
        measured = []
        for network in self.networks:
            side = -(-PROBE // network.multiple) * network.multiple
            probe = torch.zeros(1, network.in_channels, side, side, device=self.device)
            measured.append(
                bytes_per_pixel(lambda x, net=network: self._forward(net, x, precision=self.precision), probe)
            )
        return tuple(measured)


@dataclass(slots=True, kw_only=True)
class _Ticker:
    """Counts the tiles of one picture."""

    total: int
    progress: Progress | None
    done: int = 0

    def advance(self, tiles: int) -> None:
        self.done += tiles
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(slots=True, kw_only=True)
class _Limit:
    """The largest tile, and how many at once, that the memory has not refused, for one network over one picture."""

    tile: int
    batch: int
    overlap: int

    def halve(self, network: Restorer) -> None:
        if self.batch > 1:
            self.batch //= 2
            logger.warning("out of memory, going on with %d tiles at once", self.batch)
            return
        smaller = None if network.fixed_size else smaller_tile(self.tile, network.multiple)
        if smaller is None:
            raise PixmendError(f"out of memory even with the smallest tile, {self.tile} pixels: close other programs")
        logger.warning("out of memory with tiles of %d, going on with tiles of %d", self.tile, smaller)
        self.tile = smaller
