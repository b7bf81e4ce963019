"""The networks, one file per paper. ``create`` makes one by the name of its variant."""

from dataclasses import replace

from pixmend.errors import PixmendError, nearest
from pixmend.models.base import MultiTask, Restorer
from pixmend.models.edt import EDT, EDTConfig
from pixmend.models.edt import VARIANTS as _EDT

__all__ = ["EDT", "VARIANTS", "Config", "EDTConfig", "MultiTask", "Restorer", "build", "create"]

Config = EDTConfig
"""The configurations there are; each builds one kind of network."""

VARIANTS: dict[str, Config] = {**_EDT}
"""Sizes the papers name, with a task to start from."""


def build(config: Config) -> EDT:
    """The network of a configuration, with random weights."""
    return EDT(config)


def create(name: str, *, tasks: tuple[str, ...] | None = None) -> MultiTask:
    """The network of a variant (``edt_t``), with random weights, for these tasks.

    Raises:
        PixmendError: no such variant or no such task.
    """
    if name not in VARIANTS:
        raise PixmendError(f"no network is called {name!r}: {nearest(name, VARIANTS)}")
    if isinstance(tasks, str):
        raise PixmendError(f"tasks is a tuple of names, got the text {tasks!r}")
    config = VARIANTS[name]
    return build(config if tasks is None else replace(config, tasks=tuple(tasks)))
