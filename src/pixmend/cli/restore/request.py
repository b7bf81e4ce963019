"""What ``pixmend restore`` was asked for: its words read and checked, before anything is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from pixmend.image import WriteOptions
    from pixmend.infer.pipeline import Pipeline
    from pixmend.models import Network


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One call of the command."""

    picture: Path
    output: Path | None
    asked: tuple[str, ...]
    """The tasks in order, as typed; the weights may have other names for them."""
    model: str
    right: Path | None
    compare: bool
    force: bool
    tile: int | None
    overlap: int | Literal["measured"] | None
    device: str
    precision: Literal["float32", "bfloat16"]
    memory: int | None
    """Bytes that all of it may take."""
    dry_run: bool
    options: "WriteOptions"
    format: str | None
    """As typed; what it means is in ``options``."""
    skip_existing: bool
    batch: int | None
    stream: bool
    verify_seams: bool
    as_json: bool
    quiet: bool

    @property
    def notes(self) -> "Console":
        """Where all is said that is not the result."""
        from pixmend.cli.console import notes

        return notes(quiet=self.quiet)

    def pipeline(self, network: "Network", tasks: tuple[str, ...], *, device: str | None = None) -> "Pipeline":
        """The network for these of its tasks, none where nobody knows the only one."""
        from pixmend.infer.pipeline import Pipeline

        return Pipeline(
            network,
            task=tasks or None,
            device=device or self.device,
            precision=self.precision,
            tile=self.tile,
            max_memory=self.memory,
            overlap=self.overlap,
        )

    def check_target(self, target: Path, *, begun: bool = False) -> None:
        """Refuse to replace anything, unless that is asked for, or an earlier call put it there and was killed.

        Raises:
            PixmendError: it exists.
        """
        from pixmend.errors import PixmendError

        if target.exists() and self.picture.exists() and target.samefile(self.picture):
            raise PixmendError(f"{target}: is the picture itself, which is never replaced: give another name")
        if target.exists() and not target.is_dir() and not self.force and not begun:
            raise PixmendError(f"{target}: exists already: give --force to replace it, or another name")

    def provenance(self, pipeline: "Pipeline", *, tasks: tuple[str, ...], tile: int | None) -> dict[str, Any]:
        """How the result is made, for ``pixmend rerun``: names of files without their folders, hashes of what they
        hold; ``tile`` is the one that makes the same result again where more or less memory is free."""
        from dataclasses import asdict
        from importlib.metadata import version

        from pixmend.infer.fingerprint import fingerprint
        from pixmend.infer.folder.passage import digest

        return {
            "pixmend": version("pixmend"),
            "picture": self.picture.name,
            "sha256": digest(self.picture),
            "model": Path(self.model).name,
            "weights": [fingerprint(network) for network in pipeline.networks],
            "tasks": list(tasks),
            "device": str(pipeline.device),
            "precision": pipeline.precision,
            "tile": tile,
            "overlap": self.overlap,
            "options": {name: value for name, value in asdict(self.options).items() if value},
        }
