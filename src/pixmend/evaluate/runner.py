"""Running a model over a benchmark.

C channels, H and W height and width in pixels, s scale.
"""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.evaluate.baseline import baseline_for, baseline_name
from pixmend.evaluate.benchmarks import Benchmark, Pair
from pixmend.evaluate.protocol import Protocol
from pixmend.evaluate.report import Record, Report
from pixmend.models.base import MultiTask, Restorer


def measure(
    model: Restorer | MultiTask,
    benchmark: Benchmark,
    *,
    protocol: Protocol,
    name: str | None = None,
    watch: Callable[[Record], None] | None = None,
) -> Report:
    """Score a model on whole pictures, one at a time; of one with several tasks the benchmark's is selected.

    Runs where the model is and in its dtype, in evaluation mode and without gradients; the mode is put back
    afterwards. ``name`` is the model's in the report, else that of its class; ``watch`` sees each record.

    Raises:
        PixmendError: the model has no such task or not its scale, the protocol cannot make the task's input, a file
            cannot be read, a pair does not fit, or the model returns a value that is not finite.
    """
    task = benchmark.task
    name = name or type(model).__name__
    if isinstance(model, MultiTask):
        model = model.select(task.name)
    if model.scale != task.scale:
        raise PixmendError(
            f"evaluate: {task.name} needs a model of scale {task.scale}, got one of {model.scale}: "
            f"find the benchmark for a task that fits"
        )
    if task.sigma is not None and protocol.noise is None:
        raise PixmendError(f"evaluate: protocol {protocol.name} makes no noise for {task.name}: use colour_denoising")
    records = []
    with _evaluating(model):
        for pair in benchmark.pairs:
            records.append(_record(model, pair, benchmark=benchmark, protocol=protocol))
            if watch is not None:
                watch(records[-1])
    return Report(
        benchmark=benchmark.name,
        made_here=benchmark.made_here,
        task=task.name,
        scale=task.scale,
        model=name,
        baseline=baseline_name(task),
        protocol=protocol,
        records=tuple(records),
        versions=_versions(_weight(model).device),
    )


def _record(model: Restorer, pair: Pair, *, benchmark: Benchmark, protocol: Protocol) -> Record:
    task = benchmark.task
    low, high = benchmark.read(pair)
    if task.sigma is not None and protocol.noise is not None:
        low = protocol.noise(high, sigma=task.sigma)
    started = time.perf_counter()
    restored = _restore(model, low)
    seconds = time.perf_counter() - started
    if not restored.isfinite().all():
        raise PixmendError(f"{pair.name}: the model's output is not finite: its weights or precision are broken")
    return Record(
        name=pair.name,
        height=high.shape[1],
        width=high.shape[2],
        model=protocol.score(restored, high, scale=task.scale),
        baseline=protocol.score(_restore(baseline_for(task), low), high, scale=task.scale),
        seconds=seconds,
    )


def _restore(model: Restorer, low: Tensor) -> Tensor:
    """(C, H, W) to (C, sH, sW) float32 on the CPU, where it is scored; the copy also waits for the device."""
    with torch.inference_mode():
        return model(low[None].to(_weight(model)))[0].float().cpu()


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


def _versions(device: torch.device) -> dict[str, str]:
    return {
        "pixmend": version("pixmend"),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": str(device) if device.type != "cuda" else torch.cuda.get_device_name(device),
    }
