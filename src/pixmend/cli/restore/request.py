"""What ``pixmend restore`` was asked for: its words read and checked, before anything is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from pixmend.cli.restore.tasks import Way
    from pixmend.image import WriteOptions
    from pixmend.infer.part import Box
    from pixmend.infer.pipeline import Pipeline
    from pixmend.infer.sizing import Size
    from pixmend.models import Network


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One call of the command."""

    picture: Path
    output: Path | None
    asked: tuple[str, ...]
    """The tasks in order, as typed, but for enlarging to ``size``; the weights may have other names for them."""
    size: "Size | None"
    ensemble: int
    strength: float
    models: tuple[str, ...]
    right: Path | None
    compare: bool
    crop: "Box | None"
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
    watch: bool
    batch: int | None
    cluster: str | None
    stream: bool
    verify_seams: bool
    as_json: bool
    quiet: bool

    @property
    def model(self) -> str:
        """The weights, or the first of several."""
        return self.models[0]

    @property
    def notes(self) -> "Console":
        """Where all is said that is not the result."""
        from pixmend.cli.console import notes

        return notes(quiet=self.quiet)

    def pipeline(self, network: "Network", names: tuple[str, ...], *, device: str | None = None) -> "Pipeline":
        """The network for these of its tasks, none where nobody knows the only one."""
        from pixmend.cli.restore.tasks import RESIZE
        from pixmend.evaluate.baseline import Identity
        from pixmend.infer.pipeline import Pipeline

        alone = names == (RESIZE,)
        return Pipeline(
            Identity() if alone else network,
            task=None if alone else names or None,
            device=device or self.device,
            precision=self.precision,
            tile=self.tile,
            max_memory=self.memory,
            overlap=self.overlap,
            ensemble=self.ensemble,
            strength=self.strength,
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

    def provenance(self, pipeline: "Pipeline", way: "Way", *, tile: int | None) -> dict[str, Any]:
        """How the result is made, for ``pixmend rerun``; ``tile`` is the one that makes the same result again where
        more or less memory is free."""
        from dataclasses import asdict

        from pixmend.infer.folder.passage import digest

        return {
            **self.facts(pipeline, way.names),
            "picture": self.picture.name,
            "sha256": digest(self.picture),
            "size": list(way.size) if way.size else None,
            "tile": tile,
            "crop": asdict(self.crop) if self.crop else None,
        }

    def facts(self, pipeline: "Pipeline", names: tuple[str, ...]) -> dict[str, Any]:
        """What is the same for all pictures: names of files without their folders, hashes of what they hold."""
        from dataclasses import asdict
        from importlib.metadata import version

        from pixmend.infer.fingerprint import fingerprint

        return {
            "pixmend": version("pixmend"),
            "model": Path(self.model).name,
            "weights": [fingerprint(network) for network in pipeline.networks],
            "tasks": list(names),
            "ensemble": self.ensemble,
            "strength": self.strength,
            "device": str(pipeline.device),
            "precision": pipeline.precision,
            "overlap": self.overlap,
            "options": {name: value for name, value in asdict(self.options).items() if value},
        }
