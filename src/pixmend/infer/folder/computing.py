"""One thread that runs networks on a device, for all the pictures that are in flight.

C channels, h and w height and width of a tile, n tiles at once, s the scale.
"""

import copy
import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.infer.device import default_memory, is_out_of_memory
from pixmend.infer.folder.guards import is_flattened
from pixmend.infer.folder.listening import Listening
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer, extend_to_multiple

BATCH = {"cpu": 1}
"""Tiles of several pictures at once by the kind of device."""
_GPU_BATCH = 16

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """The job was told to stop; the picture is neither done nor failed."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Request:
    """Tiles (n, C, h, w) of one picture, ready for the network."""

    order: int
    network: Restorer
    tiles: Tensor
    answered: threading.Event = field(default_factory=threading.Event)
    result: Tensor | None = None
    error: BaseException | None = None
    heard: list[str] = field(default_factory=list)

    def answer(self, result: Tensor | None = None, *, error: BaseException | None = None) -> None:
        self.result, self.error = result, error
        self.answered.set()

    def goes_with(self, other: "_Request") -> bool:
        return self.network is other.network and self.tiles.shape[1:] == other.tiles.shape[1:]


class Computing:
    """Runs tiles for threads that wait for them: those of the earliest picture first, with others of their shape.

    At most ``batch`` tiles are run at once, whichever pictures they are of. With 1 every picture is computed exactly
    as alone.
    """

    def __init__(self, pipeline: Pipeline, *, batch: int, listening: Listening) -> None:
        self.pipeline, self.batch, self._listening = pipeline, batch, listening
        self._waiting: list[_Request] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._memory = pipeline.max_memory or default_memory(pipeline.device)
        self._careful = copy.copy(pipeline)
        self._careful.precision = "float32"
        self._thread = threading.Thread(target=self._work, name="pixmend computing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Refuse what waits and what comes; what is being computed is finished."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def run(self, order: int, network: Restorer, tiles: Tensor) -> Tensor:
        """(n, C, h, w) to (n, C', s h, s w), both on the CPU, for the picture of this number; called from any thread.

        Raises:
            Stopped: so it was.
            PixmendError: as ``Pipeline``.
        """
        height, width = tiles.shape[-2:]
        if self.batch > 1 and network.fixed_size is None:  # as the network itself would: more tiles are of one shape
            tiles = extend_to_multiple(tiles, network.multiple)
        request = _Request(order=order, network=network, tiles=tiles)
        with self._changed:
            if self._stopped:
                raise Stopped
            self._waiting.append(request)
            self._changed.notify()
        request.answered.wait()
        for line in request.heard:  # said in the other thread, of this picture
            logger.warning("%s", line)
        if request.error is not None:
            raise request.error
        assert request.result is not None
        return request.result[..., : height * network.scale, : width * network.scale]

    def _work(self) -> None:
        while together := self._next():
            self._answer(together)

    def _next(self) -> list[_Request]:
        """The requests to run at once; none when stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            if self._stopped:
                for request in self._waiting:
                    request.answer(error=Stopped())
                self._waiting.clear()
                return []
            self._waiting.sort(key=lambda request: request.order)
            first = self._waiting[0]
            together, room = [first], self._most(first) - len(first.tiles)
            for request in self._waiting[1:]:
                if request.goes_with(first) and len(request.tiles) <= room:
                    together.append(request)
                    room -= len(request.tiles)
            taken = set(map(id, together))
            self._waiting = [request for request in self._waiting if id(request) not in taken]
            return together

    def _most(self, request: _Request) -> int:
        """Tiles like these that are run at once: ``batch``, or what the memory is for."""
        if self.batch == 1:
            return 1
        footprint = self.pipeline.footprints[self.pipeline.networks.index(request.network)]
        each = footprint.per_pixel * math.prod(request.tiles.shape[-2:])
        return min(self.batch, max(1, int((self._memory - footprint.fixed) // max(1, each))))

    def _answer(self, together: list[_Request]) -> None:
        network = together[0].network
        heard: list[str] = []
        try:
            with self._listening.picture() as heard:
                results = self._run(network, torch.cat([request.tiles for request in together]))
        except Exception as error:
            if len(together) == 1:
                together[0].heard = heard
                together[0].answer(error=error)
                return
            if is_out_of_memory(error):
                self.batch = max(1, self.batch // 2)
        else:
            for request, result in zip(together, results.split([len(r.tiles) for r in together]), strict=True):
                request.heard = heard
                request.answer(result)
            return
        for request in together:  # one by one, so that each has its own error
            self._answer([request])

    def _run(self, network: Restorer, tiles: Tensor) -> Tensor:
        results = self.pipeline._run(network, tiles)
        if is_flattened(tiles, results) and self.pipeline.precision != "float32":
            logger.warning("a tile was flat in %s and is computed again in float32", self.pipeline.precision)
            results = self._careful._run(network, tiles)
        if is_flattened(tiles, results):
            raise PixmendError("the network gave one value everywhere, the picture has more: its weights are damaged")
        return results


def default_batch(pipeline: Pipeline) -> int:
    """Tiles of several pictures at once.

    On the CPU 1: eight tiles at once take a third more time there than one by one (``benchmarks/folder.py``).
    """
    return BATCH.get(pipeline.device.type, _GPU_BATCH)


def through(pipeline: Pipeline, run: Callable[..., object]) -> Pipeline:
    """The same pipeline, whose networks are run by another thread."""
    twin = copy.copy(pipeline)
    twin._run = run  # pyright: ignore[reportAttributeAccessIssue]
    return twin
