"""pixmend: restore pictures with image-restoration transformers, and load, train, score and understand them.

Public names are imported on first use (PEP 562), so ``import pixmend`` costs nothing beyond Python itself.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "PixmendError": "pixmend.errors",
    "Pipeline": "pixmend.infer.pipeline",
    "create": "pixmend.models",
    "load": "pixmend.weights",
    "override": "pixmend.config",
    "read_image": "pixmend.image",
    "write_image": "pixmend.image",
}
_ROOMS = ("analyze", "data", "degrade", "evaluate", "metrics", "models", "recipes", "train", "weights")

__all__ = [
    "Pipeline",
    "PixmendError",
    "__version__",
    "analyze",
    "create",
    "data",
    "degrade",
    "evaluate",
    "load",
    "metrics",
    "models",
    "override",
    "read_image",
    "recipes",
    "train",
    "weights",
    "write_image",
]

if TYPE_CHECKING:
    from pixmend import analyze, data, degrade, evaluate, metrics, models, recipes, train, weights
    from pixmend.config import override
    from pixmend.errors import PixmendError
    from pixmend.image import read_image, write_image
    from pixmend.infer.pipeline import Pipeline
    from pixmend.models import create
    from pixmend.weights import load


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return importlib.import_module(f"pixmend.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'pixmend' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
