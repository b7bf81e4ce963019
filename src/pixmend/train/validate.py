"""Scores of the averaged weights while a run goes on, by the field's protocols, and the best weights so far."""

import json
from pathlib import Path

from torch import nn

from pixmend import files
from pixmend.errors import PixmendError
from pixmend.evaluate import Benchmark, find, measure, protocol_of
from pixmend.models.base import MultiTask, Restorer
from pixmend.tasks import parse_task
from pixmend.train.config import Run
from pixmend.train.diary import SCORES, lenient, lines_of
from pixmend.train.state import save_weights

BEST = "best.safetensors"


class Validator:
    """Scores every task of a run on every folder that suits it, and keeps the weights of the best mean PSNR.

    Raises:
        PixmendError: a folder suits none of the tasks, which is told before the run starts.
    """

    def __init__(self, out: Path, run: Run) -> None:
        self.out, self.run = out, run
        self.benchmarks = [benchmark for folder in run.validation for benchmark in _suiting(folder, run)]

    def score(self, done: int, network: nn.Module) -> dict[str, float]:
        """Mean PSNR in dB by benchmark and task; written down, and the weights kept if the mean is the best yet.

        What a resumed run scores again takes the place of what was written down before.
        """
        scores = {f"{each.name} {each.task.name}": _psnr(network, each) for each in self.benchmarks}
        mean = sum(scores.values()) / len(scores)
        lines = [line for line in lines_of(self.out / SCORES) if line["step"] < done]
        best = max((line["mean"] for line in lines), default=float("-inf"))
        lines.append({"step": done, "mean": round(mean, 4), "psnr": scores})
        with lenient():
            files.replace(self.out / SCORES, "".join(json.dumps(line) + "\n" for line in lines))
        if lines[-1]["mean"] > best:
            save_weights(self.out / BEST, self.run, network, step=done)
        return scores


def _suiting(folder: str, run: Run) -> list[Benchmark]:
    """The benchmark of each task whose pictures are there."""
    found, why = [], ""
    for task in run.tasks:
        try:
            found.append(find(folder, task=parse_task(task).name))
        except PixmendError as error:
            why = str(error)
    if not found:
        raise PixmendError(f"validation: {folder} suits none of {', '.join(run.tasks)}: {why}")
    return found


def _psnr(network: nn.Module, benchmark: Benchmark) -> float:
    assert isinstance(network, Restorer | MultiTask)
    network.eval()
    channels = network.select(benchmark.task.name).in_channels
    report = measure(network, benchmark, protocol=protocol_of(benchmark.task.kind, channels=channels))
    return round(report.mean.psnr, 4)
