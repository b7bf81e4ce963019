"""Training runs by name, each a function that returns a typed run to carry out or to derive others from."""

from collections.abc import Callable

from pixmend.errors import PixmendError, nearest
from pixmend.recipes import default
from pixmend.train import Run

RECIPES: dict[str, Callable[[], Run]] = {"default": default.edt_p}

__all__ = ["RECIPES", "default", "find"]


def find(name: str) -> Run:
    """The run of a recipe.

    Raises:
        PixmendError: no such recipe.
    """
    if name not in RECIPES:
        raise PixmendError(f"no recipe is called {name!r}: {nearest(name, RECIPES)}")
    return RECIPES[name]()
