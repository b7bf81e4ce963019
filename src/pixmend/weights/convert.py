"""Opened weights into another file: ours, or the form that the paper's own code and its descendants read."""

import io
from pathlib import Path

import torch

from pixmend import files
from pixmend.errors import PixmendError, nearest
from pixmend.weights.families import FORMATS
from pixmend.weights.open import Opened
from pixmend.weights.write import write_tensors, write_weights

WRAPPER = {
    ("hat", "hat"): "params_ema",
    **dict.fromkeys((("swinir", "swinir"), ("restormer", "restormer")), "params"),
    **{(family, "basicsr"): "params" for family in ("edsr", "rcan", "rrdbnet")},
}
"""The dictionary that the released files of a layout keep their tensors in; the others' are flat."""


def write_ours(path: Path, opened: Opened) -> str:
    """A safetensors file with the configuration and what is known of the weights inside; returns what it holds.

    Raises:
        PixmendError: another suffix, or a file that cannot be written.
    """
    if path.suffix != ".safetensors":
        raise PixmendError(f"{path}: pixmend writes .safetensors; with --to-official also .pth")
    card = dict(opened.card)
    if opened.released is not None:
        entry = opened.released
        card = {
            "name": entry.name,
            "converted_from": entry.file,
            "data": entry.trained_on,
            "licence": f"weights {entry.weights_licence}; code {entry.code_licence}; data {entry.data_terms}",
        }
    elif not card:
        card = {"converted_from": Path(opened.where).name}
    # Copies, for safetensors takes no two tensors that share memory, as they may in a pickled file.
    write_weights(path, {name: t.clone() for name, t in opened.tensors.items()}, config=opened.config, card=card)
    return f"{opened.family}, {len(opened.tensors)} tensors"


def write_official(path: Path, opened: Opened, *, layout: str | None = None) -> str:
    """The released names, with every entry that the official class expects; returns what the file holds.

    ``.pth`` and ``.pt`` get the dictionary around them that the family's released files have.

    Raises:
        PixmendError: another suffix, a layout the family does not have, or a file that cannot be written.
    """
    from pixmend.weights import network_of

    format_ = FORMATS[opened.family]
    layout = layout or opened.layout or format_.LAYOUTS[0]
    if layout not in format_.LAYOUTS:
        raise PixmendError(f"{opened.family} has no layout {layout!r}: {nearest(layout, format_.LAYOUTS)}")
    tensors = {name: t.detach().contiguous() for name, t in format_.to_official(network_of(opened), layout).items()}
    if path.suffix == ".safetensors":
        write_tensors(path, {name: tensor.clone() for name, tensor in tensors.items()}, metadata={})
        return f"{opened.family} in layout {layout}, {len(tensors)} tensors"
    if path.suffix not in (".pth", ".pt"):
        raise PixmendError(f"{path}: expected a name that ends in .pth, .pt or .safetensors")
    wrapper = WRAPPER.get((opened.family, layout))
    content = io.BytesIO()
    torch.save(tensors if wrapper is None else {wrapper: tensors}, content)
    files.replace(path, content.getbuffer())
    inside = f" inside {wrapper}" if wrapper else ""
    return f"{opened.family} in layout {layout}, {len(tensors)} tensors{inside}"
