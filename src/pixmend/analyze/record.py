"""What an analysis leaves: a figure, and beside it the arrays it was drawn from. Both say what was asked of whom."""

import io
import json
import platform
import textwrap
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.files import replace_together
from pixmend.image.ink import FAINT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FACTS = "pixmend"
"""Under this name a figure's file keeps the facts as JSON (a PNG text), and the arrays' file too."""

Facts = Mapping[str, Any]
"""Model, picture, settings: plain values by name, in the order in which they are shown."""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches, at 110 dots each.

    Raises:
        PixmendError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PixmendError('figures need matplotlib: pip install "pixmend[analyze]"') from error
    return Figure(figsize=(width, height), layout="constrained")


def label(text: str) -> str:
    """For a figure: what a stranger's file is called is no formula, and one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("$", r"\$")


def keep(path: Path, figure: "Figure", arrays: Mapping[str, Tensor | np.ndarray], *, facts: Facts) -> Path:
    """Write ``path``, a PNG with the facts in its last line, and the arrays as ``.npz`` beside it, whose path returns.

    ``numpy.load(path)["pixmend"]`` gives the facts back as JSON.

    Raises:
        PixmendError: they cannot be written; both files are then as they were.
    """
    facts = {**facts, "made by": f"pixmend {version('pixmend')}, torch {torch.__version__}, {platform.machine()}"}
    text = json.dumps(facts, default=str)
    beside = path.with_suffix(".npz")
    figure.supxlabel(_line(facts, inches=figure.get_figwidth()), fontsize=7, color=FAINT, x=0.01, ha="left")
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110, metadata={FACTS: text})
    plain = {name: _array(array) for name, array in arrays.items()}
    np.savez_compressed(packed, allow_pickle=False, **plain, **{FACTS: np.array(text)})
    replace_together({beside: packed.getbuffer(), path: drawn.getbuffer()})
    return beside


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def _line(facts: Facts, *, inches: float) -> str:
    """All facts, broken into lines that fit at 7 points."""
    said = " · ".join(label(f"{name}: {_said(value)}") for name, value in facts.items())
    return "\n".join(textwrap.wrap(said, width=int(inches * 19), break_on_hyphens=False))


def _said(value: Any) -> str:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    return ", ".join(map(_said, value))
