"""Released EDT files (fenglinglwb/EDT): flat state dicts, whose names and shapes say what network they are of."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.layers.window import Window, shift_mask
from pixmend.models.edt import EDT, EDTConfig
from pixmend.models.edt_body import crosswise, half
from pixmend.weights.families.tensors import depths_of, mlp_ratio_of, renamed, shape_of, without

LAYOUTS = ("edt",)
BRANCH = re.compile(r"^(head|tail)_((?:sr|dn|dr)_\w+)\.")
"""A head or tail in a released file, ``head_sr_x2.``, which is ``heads.sr_x2.`` here."""
OUR_BRANCH = re.compile(r"^(head|tail)s\.(\w+)\.")
SHUFFLED = re.compile(r"tail_sr_x\d\.3\.weight")
HEADS = {60: 6, 120: 6, 180: 6, 240: 8}
"""Heads of the released sizes by their width."""
WINDOW = (6, 24)
MASK = re.compile(r"\.attn_mask_[hv]$")


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released EDT file, if these are its names."""
    known = "body.patch_embed.norm.weight" in names and any(BRANCH.match(name) for name in names)
    return LAYOUTS[0] if known else None


def config_of(tensors: Mapping[str, Tensor]) -> EDTConfig:
    """Read the configuration off the names and shapes of a released file.

    The number of heads and the window leave no trace in the parameters: they are those of the released size of
    this width, and a width that was never released is refused.

    Raises:
        PixmendError: not all of a released network is there, or not in a shape it can have.
    """
    tasks = tuple(dict.fromkeys(found[2] for name in tensors if (found := BRANCH.match(name)) and found[1] == "head"))
    if not tasks:
        raise PixmendError("an EDT file without a head")
    features = shape_of(tensors, f"head_{tasks[0]}.0.weight", rank=4)[0]
    dim = shape_of(tensors, f"head_{tasks[0]}.3.weight", rank=4)[0]
    if dim not in HEADS:
        widths = ", ".join(map(str, HEADS))
        raise PixmendError(f"an EDT of width {dim}: its heads are not in the file, and only {widths} were released")
    for name, tensor in tensors.items():
        if MASK.search(name) and tensor.shape[1:] != (WINDOW[0] * WINDOW[1],) * 2:
            raise PixmendError(f"{name}: expected windows of {WINDOW[0]} x {WINDOW[1]}, got {tuple(tensor.shape)}")
    shuffled = any(SHUFFLED.match(name) for name in tensors) or not any(task.startswith("sr") for task in tasks)
    return EDTConfig(
        tasks=tasks,
        features=features,
        dim=dim,
        depths=depths_of(tensors, prefix="body."),
        num_heads=HEADS[dim],
        window=WINDOW,
        mlp_ratio=mlp_ratio_of(tensors, dim, prefix="body."),
        upsampler="pixelshuffle" if shuffled else "pixelshuffledirect",
        downsample=any(".conv_down." in name for name in tensors) or all(task.startswith("sr") for task in tasks),
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours, without the shift masks.

    Raises:
        PixmendError: a mask is not the one that follows from the configuration.
    """
    names = [name for name in tensors if MASK.search(name)]
    masks = _masks(_masked_size(tensors[names[0]])) if names else {}
    kept = without(tensors, {name: masks[name[-1]] for name in names})
    return renamed(kept, lambda name: BRANCH.sub(r"\1s.\2.", name))


def to_official(edt: EDT, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's, with the shift masks for the published training size put back."""
    del layout  # there is one
    official = {OUR_BRANCH.sub(r"\1_\2.", name): tensor for name, tensor in edt.state_dict().items()}
    masks = _masks(48 if edt.config.downsample else 144, edt.config.window)
    shifted = [(stage, block) for stage, depth in enumerate(edt.config.depths) for block in range(1, depth, 2)]
    return official | {
        f"body.layers.{stage}.residual_group.blocks.{block}.attn_mask_{letter}": mask
        for stage, block in shifted
        for letter, mask in masks.items()
    }


def _masked_size(mask: Tensor) -> int:
    """Side of the square feature map that a mask (windows, N, N) was made for."""
    size = math.isqrt(mask.shape[0] * mask.shape[-1])
    if not size or size**2 != mask.shape[0] * mask.shape[-1] or size % math.lcm(*WINDOW):
        raise PixmendError(f"a shift mask of shape {tuple(mask.shape)} is of no square feature map")
    return size


def _masks(size: int, window: Window = WINDOW) -> dict[str, Tensor]:
    """The mask of the lying windows (h) and of the standing ones (v) for a square feature map."""
    return {
        letter: shift_mask(size, size, sides, half(sides)).squeeze(1)
        for letter, sides in zip("hv", crosswise(window), strict=True)
    }


def select_tasks(
    config: EDTConfig, tensors: Mapping[str, Tensor], tasks: tuple[str, ...]
) -> tuple[EDTConfig, dict[str, Tensor]]:
    """The configuration and tensors (in our names) of some of the tasks."""
    kept = ("body.", *(f"{part}.{task}." for part in ("heads", "tails") for task in tasks))
    return replace(config, tasks=tasks), {name: t for name, t in tensors.items() if name.startswith(kept)}
