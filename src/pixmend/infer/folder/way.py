"""How a picture of a folder is restored, which may depend on its size."""

from collections.abc import Callable
from dataclasses import dataclass

from pixmend.infer.pipeline import Pipeline


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """Of one picture."""

    pipeline: Pipeline
    size: tuple[int, int] | None = None
    """(height, width) of the result, where it is another than what the pipeline makes."""
    told: str | None = None
    """What is to be told of the picture with its result."""


Choose = Callable[[Pipeline, tuple[int, int]], Way]
"""The way of a picture of this (height, width), by the device and the weights of a pipeline; the same one each time."""


def straight(pipeline: Pipeline, size: tuple[int, int]) -> Way:
    """Every picture through the pipeline itself."""
    return Way(pipeline=pipeline)
