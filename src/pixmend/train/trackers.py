"""What a run shows beside its own files: TensorBoard, and Weights & Biases where somebody has an account."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from torch import Tensor

from pixmend.config import to_plain
from pixmend.errors import PixmendError
from pixmend.train.config import Run

TENSORBOARD = "tensorboard"


class Tracker(Protocol):
    """Takes numbers and pictures of finished steps."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None: ...

    def picture(self, step: int, picture: Tensor) -> None:
        """(3, H, W) in [0, 1]."""
        ...

    def close(self) -> None: ...


def check_trackers(run: Run) -> None:
    """Look for what the run names, before pictures are decoded.

    Raises:
        PixmendError: one of them is not installed.
    """
    for name in run.trackers:
        if find_spec(name) is None:
            raise PixmendError(f"trackers: {name} is not installed: pip install {name}, or --set trackers=")


def open_trackers(run: Run, out: Path, *, start: int) -> list[Tracker]:
    """Those that the run names, to go on after step ``start``; TensorBoard forgets what it was told of later ones."""
    kinds = {"tensorboard": TensorBoard, "wandb": Wandb}
    return [kinds[name](run, out, start=start) for name in run.trackers]


class TensorBoard:
    """Event files under RUN/tensorboard: ``tensorboard --logdir RUN``."""

    def __init__(self, run: Run, out: Path, *, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(out / TENSORBOARD, purge_step=start + 1)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def picture(self, step: int, picture: Tensor) -> None:
        self.writer.add_image("preview", picture.clamp(0, 1), step)

    def close(self) -> None:
        self.writer.close()


class Wandb:
    """A run of the project pixmend, whose identity is kept in the folder so that resuming goes on with it."""

    def __init__(self, run: Run, out: Path, *, start: int) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        file = out / "wandb.txt"
        kept = file.read_text().strip() if file.exists() else None
        self.wandb = wandb
        self.session = wandb.init(
            project="pixmend", name=run.name, id=kept, resume="allow", dir=out, config=to_plain(run)
        )
        file.write_text(f"{self.session.id}\n")

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self.session.log(dict(values), step=step)

    def picture(self, step: int, picture: Tensor) -> None:
        self.session.log({"preview": self.wandb.Image(picture.clamp(0, 1))}, step=step)

    def close(self) -> None:
        self.session.finish()
