"""Training runs by name, each a function that returns a typed run to carry out or to derive others from."""

import difflib
from collections.abc import Callable

from pixmend.errors import PixmendError
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
        near = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(RECIPES)}"
        raise PixmendError(f"no recipe is called {name!r}: {hint}")
    return RECIPES[name]()
