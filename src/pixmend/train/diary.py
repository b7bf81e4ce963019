"""What a person looks at while a run goes on: a log, a curve of the loss, and pictures of what it can do."""

import io
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from pixmend import files
from pixmend.degrade import imresize
from pixmend.errors import PixmendError
from pixmend.image import write_image
from pixmend.train.batches import RunBatches
from pixmend.train.config import Run

logger = logging.getLogger(__name__)

LOG, CURVES, SKIPPED = "log.jsonl", "curves.png", "skipped.txt"
PREVIEW_KEY = -1
"""The step whose batch is shown: none that is trained on."""


class Diary:
    """Writes into a run's folder. It never stops a run: what the disk refuses is a warning."""

    def __init__(self, out: Path, run: Run, batches: RunBatches) -> None:
        self.out, self.run, self.batches = out, run, batches
        self.loss = float("nan")
        self._tally: dict[str, list[float]] = {}
        self._since, self._steps = time.perf_counter(), 0

    def open(self, start: int) -> None:
        """Take out the lines of steps that a resumed run repeats, and one that a crash cut short."""
        lines = [line for line in lines_of(self.out / LOG) if line["step"] <= start]
        with lenient():
            files.replace(self.out / LOG, "".join(json.dumps(line) + "\n" for line in lines))

    def note(self, done: int, terms: dict[str, Tensor], *, norm: float, rate: float, last: bool) -> None:
        """Count a finished step; every so often, and after the last, write a line of means since the line before."""
        for task, term in terms.items():
            self._tally.setdefault(task, []).append(term.item())
        self.loss = sum(values[-1] for values in self._tally.values()) / len(self._tally)
        self._steps += 1
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
        with lenient(), (self.out / LOG).open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._tally, self._since, self._steps = {}, now, 0

    def close(self, skipped: Mapping[str, str]) -> None:
        """List the pictures that could not be used."""
        if skipped:
            with lenient():
                files.replace(self.out / SKIPPED, "".join(f"{name}: {why}\n" for name, why in skipped.items()))
            logger.warning("%d pictures could not be used: %s", len(skipped), self.out / SKIPPED)

    def draw(self) -> None:
        """Every term of the loss against the step, as curves.png."""
        from matplotlib.figure import Figure

        lines = lines_of(self.out / LOG)
        if not lines:
            return
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.add_subplot(xlabel="step", ylabel="loss", yscale="log", title=self.run.name)
        for term in dict.fromkeys(term for line in lines for term in line["losses"]):
            points = [(line["step"], line["losses"][term]) for line in lines if term in line["losses"]]
            axes.plot(*zip(*points, strict=True), label=term, linewidth=1)
        axes.grid(alpha=0.3)
        axes.legend(ncols=2, fontsize="small")
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
            side = 192
            shown = (tile[:3].expand(3, -1, -1) for tile in (low, restored, high))  # of two views the left one
            tiles.append(torch.cat([imresize(tile, size=(side, side)) for tile in shown], dim=1))
        folder = self.out / "previews"
        with lenient():
            folder.mkdir(exist_ok=True)
            write_image(folder / f"{done:07d}.png", torch.cat(tiles, dim=2))


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
