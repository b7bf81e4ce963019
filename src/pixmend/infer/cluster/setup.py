"""What each worker of a cluster is told before its first picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pixmend.infer.cluster.job import ClusterJob
from pixmend.infer.folder import Found, Job
from pixmend.infer.folder.passage import Facts
from pixmend.infer.folder.way import Choose, straight
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import MultiTask, Restorer


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """How pictures are made with a network: the arguments of ``FolderRun``."""

    pipeline: Pipeline
    choose: Choose = straight
    facts: Facts | None = None


Make = Callable[[Restorer | MultiTask, str, int | None], Making]
"""Of a network, a device and the bytes that a worker may take; None where nobody has to share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """All that a worker needs to know, sent to each of them once."""

    job: ClusterJob
    run: str
    make: Make
    device: str

    def folder_job(self, spare: Path) -> Job:
        """The one that a picture is of, on this machine's disk."""
        return Job(
            source=self.job.source.local or spare / "in",
            out=self.job.out.local or spare / "out",
            items=(),
            found=Found(files=(), hidden=0, others=0, unreadable=()),
            options=self.job.options,
            suffix=None,
            skip_existing=self.job.skip_existing,
            force=self.job.force,
        )


def plainly(
    network: Restorer | MultiTask, device: str, memory: int | None, *, task: str | tuple[str, ...] | None = None
) -> Making:
    """Every picture through one pipeline."""
    return Making(pipeline=Pipeline(network, task=task, device=device, max_memory=memory))
