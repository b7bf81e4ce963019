"""What a person looks at while a run goes on: a log, a curve of the loss, and pictures of what it can do."""

import io
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pixmend import files
from pixmend.degrade import imresize
from pixmend.errors import PixmendError
from pixmend.image import write_image
from pixmend.train.batches import RunBatches
from pixmend.train.config import Run
from pixmend.train.health import Health
from pixmend.train.trackers import Tracker, open_trackers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

logger = logging.getLogger(__name__)

LOG, SCORES, CURVES, SKIPPED = "log.jsonl", "validation.jsonl", "curves.png", "skipped.txt"
PREVIEW_KEY = -1
"""The step whose batch is shown: none that is trained on."""


class Diary:
    """Writes into a run's folder. It never stops a run: what the disk refuses is a warning."""

    def __init__(self, out: Path, run: Run, batches: RunBatches) -> None:
        self.out, self.run, self.batches = out, run, batches
        self.loss = float("nan")
        self.health = Health(run, batches, warn=self.warn)
        self._trackers: list[Tracker] = []
        self._opened = False
        self._tally: dict[str, list[float]] = {}
        self._warnings: list[str] = []
        self._since, self._steps = time.perf_counter(), 0

    def open(self, start: int) -> None:
        """Take out the lines of steps that a resumed run repeats, and one that a crash cut short."""
        lines = [line for line in lines_of(self.out / LOG) if line["step"] <= start]
        with lenient():
            files.replace(self.out / LOG, "".join(json.dumps(line) + "\n" for line in lines))
        self._opened = True
        self._trackers = open_trackers(self.run, self.out, start=start)
        self.health.before()

    def warn(self, text: str) -> None:
        """Say it now, and again in the next line of the log."""
        logger.warning("%s", text)
        self._warnings.append(text)

    def note(self, done: int, terms: dict[str, Tensor], *, norm: float, rate: float, last: bool) -> None:
        """Count a finished step; every so often, and after the last, write a line of means since the line before."""
        latest = {task: term.item() for task, term in terms.items()}
        for task, value in latest.items():
            self._tally.setdefault(task, []).append(value)
        self.loss = sum(values[-1] for values in self._tally.values()) / len(self._tally)
        self._steps += 1
        self.health.seen(done, latest, norm)
        if done % self.run.every.log and not last:
            return
        now = time.perf_counter()
        losses = {task: round(sum(values) / len(values), 6) for task, values in self._tally.items()}
        line = {
            "step": done,
            "loss": round(sum(losses.values()) / len(losses), 6),
            "losses": losses,
            "gradient_norm": round(norm, 5),
            "learning_rate": rate,
            "seconds_per_step": round((now - self._since) / self._steps, 4),
        }
        if self._warnings:
            line["warnings"] = self._warnings
        with lenient(), (self.out / LOG).open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._track(done, {**{f"loss/{task}": loss for task, loss in losses.items()}, **_numbers(line)})
        self._tally, self._warnings, self._since, self._steps = {}, [], now, 0

    def scored(self, done: int, scores: Mapping[str, float]) -> None:
        """PSNR in dB by benchmark and task."""
        self._track(done, {f"psnr/{name}": score for name, score in scores.items()})

    def close(self) -> None:
        """List the pictures that could not be used. Of several processes only the one that opened it writes."""
        if not self._opened:
            return
        skipped = self.batches.skipped
        for tracker in self._trackers:
            with lenient():
                tracker.close()
        if skipped:
            lines = (why if name in why else f"{name}: {why}" for name, why in skipped.items())
            with lenient():
                files.replace(self.out / SKIPPED, "".join(f"{line}\n" for line in lines))
            logger.warning("%d pictures could not be used: %s", len(skipped), self.out / SKIPPED)

    def draw(self) -> None:
        """Every term of the loss against the step, and the scores if there are any, as curves.png."""
        from matplotlib.figure import Figure

        lines, scores = lines_of(self.out / LOG), lines_of(self.out / SCORES)
        if not lines:
            return
        figure = Figure(figsize=(14 if scores else 8, 5))  # margins are given: finding them takes longer than drawing
        figure.subplots_adjust(left=0.08 if scores else 0.13, right=0.985, bottom=0.1, top=0.92, wspace=0.15)
        axes = figure.add_subplot(1, 2 if scores else 1, 1, xlabel="step", ylabel="loss", yscale="log")
        _plot(axes, [(line["step"], line["losses"]) for line in lines])
        if scores:
            axes = figure.add_subplot(1, 2, 2, xlabel="step", ylabel="PSNR in dB")
            _plot(axes, [(line["step"], line["psnr"]) for line in scores], marker=".")
        figure.suptitle(self.run.name)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=120)
        with lenient():
            files.replace(self.out / CURVES, drawn.getbuffer())

    @torch.inference_mode()
    def preview(self, done: int, network: nn.Module) -> None:
        """One sample of each task as a column: input, restored, clean."""
        tiles: list[Tensor] = []
        network.eval()
        device = next(network.parameters()).device
        for task in self.run.tasks:
            low, high = (side[0] for side in self.batches.pairs(PREVIEW_KEY, task, indices=(0,)))
            restored = network.select(task)(low[None].to(device))[0].float().cpu()  # pyright: ignore[reportCallIssue]
            self.health.looked_at(done, task, low=low, restored=restored, high=high)
            side = 192
            shown = (tile[:3].expand(3, -1, -1) for tile in (low, restored, high))  # of two views the left one
            tiles.append(torch.cat([imresize(tile, size=(side, side)) for tile in shown], dim=1))
        folder, grid = self.out / "previews", torch.cat(tiles, dim=2)
        with lenient():
            folder.mkdir(exist_ok=True)
            write_image(folder / f"{done:07d}.png", grid)
        for tracker in self._trackers:
            with lenient():
                tracker.picture(done, grid)

    def _track(self, done: int, values: Mapping[str, float]) -> None:
        for tracker in self._trackers:
            with lenient():
                tracker.numbers(done, values)


def _plot(axes: "Axes", points: Sequence[tuple[int, Mapping[str, float]]], *, marker: str = "") -> None:
    """A line for each name."""
    for name in dict.fromkeys(name for _, values in points for name in values):
        seen = [(step, values[name]) for step, values in points if name in values]
        axes.plot(*zip(*seen, strict=True), label=name, linewidth=1, marker=marker)
    axes.grid(alpha=0.3)
    axes.legend(ncols=2, fontsize="small")


def _numbers(line: dict) -> dict[str, float]:
    """Of a line of the log, but for the step that it is of."""
    return {name: value for name, value in line.items() if isinstance(value, float)}


def lines_of(path: Path) -> list[dict]:
    """The lines of a log up to the first that cannot be read; none of a file that is not there."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


@contextmanager
def lenient() -> Iterator[None]:
    try:
        yield
    except (OSError, PixmendError) as error:
        logger.warning("the run goes on, but its diary could not be written: %s", error)
