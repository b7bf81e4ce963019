"""One thread that runs networks on a device, for all the pictures that are in flight.

C channels, h and w height and width of a tile, n tiles at once, s the scale.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixmend.infer.device import is_out_of_memory
from pixmend.infer.folder.flight import Stopped, bounded
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer, extend_to_multiple

BATCH = {"cpu": 1}
"""Tiles of several pictures at once by the kind of device."""
_GPU_BATCH = 16


@dataclass(slots=True, kw_only=True, eq=False)
class _Request:
    """Tiles (n, C, h, w) of one picture, ready for the network."""

    order: int
    pipeline: Pipeline
    network: Restorer
    tiles: Tensor
    answered: threading.Event = field(default_factory=threading.Event)
    result: Tensor | None = None
    error: BaseException | None = None

    def answer(self, result: Tensor | None = None, *, error: BaseException | None = None) -> None:
        self.result, self.error = result, error
        self.answered.set()

    def goes_with(self, other: "_Request") -> bool:
        return self.network is other.network and self.tiles.shape[1:] == other.tiles.shape[1:]


class Computing:
    """Runs tiles for threads that wait for them: those of the earliest picture first, with others of their shape.

    At most ``batch`` tiles are run at once, whichever pictures they are of, and no more than ``memory`` is for.
    With a batch of 1 every picture is computed exactly as alone.
    """

    def __init__(self, *, batch: int, memory: Callable[[], int]) -> None:
        self.batch, self._memory = batch, memory
        self._waiting: list[_Request] = []
        self._changed = threading.Condition()
        self._stopped = False
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

    def through(self, pipeline: Pipeline, *, order: int) -> Pipeline:
        """The same pipeline, whose networks are run here, for the picture of this number, in the same memory."""
        with self._changed:
            assert pipeline.footprints  # measured once, not once for each picture
        twin = bounded(pipeline, self._memory())
        twin._measured = {}  # the overlap, of this picture alone: whichever was first would decide for the others

        def run(network: Restorer, crops: Tensor) -> Tensor:
            return self.run(network, crops, pipeline=pipeline, order=order)

        twin._run = run
        return twin

    def run(self, network: Restorer, tiles: Tensor, *, pipeline: Pipeline, order: int) -> Tensor:
        """(n, C, h, w) to (n, C', s h, s w), both on the CPU; called from any thread.

        Raises:
            Stopped: so it was.
        """
        height, width = tiles.shape[-2:]
        if self.batch > 1 and network.fixed_size is None:  # as the network itself would: more tiles are of one shape
            tiles = extend_to_multiple(tiles, network.multiple)
        request = _Request(order=order, pipeline=pipeline, network=network, tiles=tiles)
        with self._changed:
            if self._stopped:
                raise Stopped
            self._waiting.append(request)
            self._changed.notify()
        request.answered.wait()
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
        footprint = request.pipeline.footprints[request.pipeline.networks.index(request.network)]
        each = footprint.per_pixel * math.prod(request.tiles.shape[-2:])
        return min(self.batch, max(1, int((self._memory() - footprint.fixed) // max(1, each))))

    def _answer(self, together: list[_Request]) -> None:
        """All at once; where that fails one by one, so that each has its own error."""
        first = together[0]
        try:
            results = first.pipeline._run(first.network, torch.cat([request.tiles for request in together]))
        except Exception as error:
            if len(together) == 1:
                first.answer(error=error)
                return
            if is_out_of_memory(error):
                self.batch = max(1, self.batch // 2)
        else:
            for request, result in zip(together, results.split([len(r.tiles) for r in together]), strict=True):
                request.answer(result)
            return
        for request in together:
            self._answer([request])


def default_batch(pipeline: Pipeline) -> int:
    """Tiles of several pictures at once.

    On the CPU 1: eight tiles at once take a third more time there than one by one (``benchmarks/folder.py``).
    """
    return BATCH.get(pipeline.device.type, _GPU_BATCH)
