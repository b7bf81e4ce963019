"""Running a model over a benchmark.

C channels, H and W height and width in pixels, s scale.
"""

import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pixmend.degrade import JPEG
from pixmend.errors import PixmendError
from pixmend.evaluate.alignment import opencv
from pixmend.evaluate.benchmarks import Benchmark, Pair
from pixmend.evaluate.padding import Padding, restorer_with
from pixmend.evaluate.protocol import Protocol
from pixmend.evaluate.report import Conditions, Record, Report, versions_on
from pixmend.infer.fingerprint import fingerprint
from pixmend.models.base import MultiTask, Restorer
from pixmend.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One model on one benchmark under one protocol, before anything is computed.

    Raises:
        PixmendError: the model has no such task, not its scale or not the protocol's channels; the protocol does not
            score the task; the padding does not fit the model.
    """

    model: Restorer
    benchmark: Benchmark
    protocol: Protocol
    padding: Padding = "needed"
    name: str

    def __post_init__(self) -> None:
        task = self.benchmark.task
        self.protocol.check(task.kind)
        if self.model.scale != task.scale:
            raise PixmendError(
                f"evaluate: {task.name} needs a model of scale {task.scale}, got {self.name} of {self.model.scale}: "
                "name a task that fits"
            )
        restorer_with(self.model, self.padding)
        if self.protocol.aligned:
            opencv()
        given = self.protocol.channels(task)
        if self.model.in_channels != given:
            raise PixmendError(
                f"evaluate: protocol {self.protocol.name} gives {given} channels for {task.name}, and {self.name} "
                f"takes {self.model.in_channels}: name another protocol or model"
            )

    @cached_property
    def conditions(self) -> Conditions:
        """What decides the scores."""
        return Conditions(
            model=fingerprint(self.model),
            benchmark=self.benchmark.digest(),
            task=self.benchmark.task.name,
            protocol=self.protocol,
            padding=self.padding,
            versions=versions_on(_weight(self.model).device, aligned=self.protocol.aligned),
        )

    @property
    def stem(self) -> str:
        """What files of this measurement are called, but for the model."""
        parts = (self.benchmark.name, self.benchmark.task.name, self.protocol.name)
        return "_".join((*parts, *([] if self.padding == "needed" else [self.padding])))

    def run(self, *, done: Mapping[str, Record] | None = None, watch: Callable[[Record], None] | None = None) -> Report:
        """Score whole pictures, one at a time, where the model is and in its dtype.

        In evaluation mode and without gradients; the mode is put back afterwards. ``done`` holds records that need
        not be measured again, ``watch`` sees each new one.

        Raises:
            PixmendError: a file cannot be read, a pair does not fit, or the model returns a value that is not finite.
        """
        records = dict(done or {})
        with _evaluating(self.model):
            for pair, low, high in self._pictures(skipped=records):
                try:
                    records[pair.name] = self._record(pair, low, high)
                except PixmendError as error:
                    raise PixmendError(f"{pair.high}: {error}") from error
                if watch is not None:
                    watch(records[pair.name])
        pairs = self.benchmark.ordered(self.protocol.order).pairs
        return Report(
            model=self.name,
            benchmark=self.benchmark.name,
            layout=self.benchmark.layout,
            problems=self.benchmark.problems(),
            made_here=self.benchmark.made_here,
            files=self.benchmark.hashes(),
            conditions=self.conditions,
            scale=self.benchmark.task.scale,
            records=tuple(records[pair.name] for pair in pairs),
        )

    def restored(self, names: set[str]) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
        """Name, degraded, restored and true picture of those named, to be looked at."""
        skipped = {pair.name for pair in self.benchmark.pairs} - names
        with _evaluating(self.model):
            for pair, low, high in self._pictures(skipped=skipped):
                yield pair.name, low, self._restore(low), high

    def _pictures(self, *, skipped: Container[str]) -> Iterator[tuple[Pair, Tensor, Tensor]]:
        """Every pair but the skipped ones, with what the network is given and what its result is compared with."""
        task, protocol = self.benchmark.task, self.protocol
        draw = protocol.noise.start() if protocol.noise else None
        for pair in self.benchmark.ordered(protocol.order).pairs:
            if pair.name in skipped and (draw is None or not draw.counts):
                continue
            stored, high = self.benchmark.read(pair)
            high = protocol.give(high)
            if draw is not None:
                assert task.sigma is not None, "a protocol with noise scores tasks with a sigma alone"
                low = draw(high, sigma=task.sigma)
            else:
                low = _coded(high, task) if stored is None else protocol.give(stored)
            if pair.name not in skipped:
                yield pair, low, high

    def _record(self, pair: Pair, low: Tensor, high: Tensor) -> Record:
        started = time.perf_counter()
        restored = self._restore(low)
        seconds = time.perf_counter() - started
        if not restored.isfinite().all():
            raise PixmendError(f"the output of {self.name} is not finite: its weights or precision are broken")
        return Record(
            name=pair.name,
            height=high.shape[1],
            width=high.shape[2],
            score=self.protocol.score(restored, high, scale=self.benchmark.task.scale),
            seconds=seconds,
            group=pair.group,
        )

    def _restore(self, low: Tensor) -> Tensor:
        """(C, H, W) to (C', sH, sW) float32 on the CPU, where it is scored; the copy also waits for the device."""
        with torch.inference_mode():
            return restorer_with(self.model, self.padding)(low[None].to(_weight(self.model)))[0].float().cpu()


def measure(
    model: Restorer | MultiTask,
    benchmark: Benchmark,
    *,
    protocol: Protocol,
    padding: Padding = "needed",
    name: str | None = None,
    watch: Callable[[Record], None] | None = None,
) -> Report:
    """Score a model on whole pictures; of one with several tasks the benchmark's is selected.

    ``name`` is the model's in the report, else that of its class; ``watch`` sees each record. Errors as
    ``Measurement`` and its ``run``.
    """
    chosen = select(model, benchmark.task)
    name = name or type(model).__name__
    return Measurement(model=chosen, benchmark=benchmark, protocol=protocol, padding=padding, name=name).run(
        watch=watch
    )


def select(model: Restorer | MultiTask, task: Task) -> Restorer:
    """The network of a task; one that removes any rain (``dr``) also removes light and heavy rain.

    Raises:
        PixmendError: a network of several tasks has no such one.
    """
    if not isinstance(model, MultiTask):
        return model
    return model.select("dr" if task.kind == "dr" and task.name not in model.tasks else task.name)


def _coded(high: Tensor, task: Task) -> Tensor:
    if task.quality is None:
        raise PixmendError(f"evaluate: the benchmark has no degraded pictures, and {task.name} cannot make them")
    return JPEG(quality=task.quality)(high, 0)


def _weight(model: Restorer) -> Tensor:
    """Any of its weights, which says where and in which precision it computes; baselines have none."""
    return next((parameter.detach() for parameter in model.parameters()), torch.empty(0))


@contextmanager
def _evaluating(model: Restorer) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
