"""A weight file opened: which network it is of, its tensors in our names, and what was found on the way there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_origin

import torch
from torch import Tensor, nn

from pixmend import models
from pixmend.errors import PixmendError, nearest
from pixmend.models import Config, Network
from pixmend.tasks import scale_of
from pixmend.weights import catalog, families
from pixmend.weights.catalog import Released
from pixmend.weights.families import FORMATS
from pixmend.weights.fetch import folder
from pixmend.weights.read import Checkpoint, read

BUNDLED = Path(__file__).with_name("bundled")
"""The weights that ship with the package, ``<name>.safetensors``; ``default`` is the one for everyday use."""

SUFFIXES = (".pth", ".pt", ".ckpt", ".t7", ".bin", ".safetensors")
"""Of what is meant as a file where there is none of it; anything else without a folder is a name."""

CONFIGS: dict[str, type[Config]] = {models.family_of(kind): kind for kind in models.NETWORKS}
"""Configurations by the family's name, which is how files that pixmend wrote call it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What a weight file holds; every tensor fits the network of its configuration."""

    where: str
    family: str
    config: Config
    tensors: dict[str, Tensor]
    """In our names."""
    layout: str | None
    """Of a released file: whose names it has. None for a file that pixmend wrote."""
    wrapped: tuple[str, ...]
    """Dictionaries and prefixes around the tensors."""
    released: Released | None
    """What the catalog says of a file of this name and family."""
    card: dict[str, Any]
    """What a file that pixmend wrote says of itself."""
    network: Network = field(init=False)
    """Of the configuration, on the meta device: what there is to ask of it without its values."""

    def __post_init__(self) -> None:
        with torch.device("meta"):
            object.__setattr__(self, "network", models.build(self.config).eval())


def open_weights(source: str | Path | bytes) -> Opened:
    """Open weights by name or path, or a file's bytes, and account for every tensor; nothing is dropped or made up.

    Raises:
        PixmendError: no such weights, an unsafe or damaged file, an unknown family, or tensors that do not fit.
    """
    if not isinstance(source, str | Path | bytes):
        raise PixmendError(f"expected the name, path or bytes of weights, got {type(source).__name__}")
    found = source if isinstance(source, bytes) else find(source)
    where = "these bytes" if isinstance(found, bytes) else str(found)
    checkpoint = read(found)
    try:
        opened = _ours(checkpoint, where) or _official(checkpoint, where, found)
        _check_fit(opened)
    except PixmendError as error:
        raise PixmendError(f"{where}: {error}") from error
    return opened


def find(source: str | Path) -> Path:
    """The file of bundled weights, of the catalog's that were fetched, or of a path.

    Raises:
        PixmendError: nothing has this name; weights of the catalog are not here and must be fetched first.
    """
    name, path = str(source), Path(source)
    if name in bundled():
        return BUNDLED / f"{name}.safetensors"
    if path.is_file():
        return path
    if name in models.VARIANTS:
        raise PixmendError(f"{name} is a size, not weights: pixmend.create makes it with random ones")
    released = catalog.find(name)
    if released is not None and path.name == name:
        kept = folder() / released.file
        if kept.is_file():
            return kept
        raise PixmendError(f"{name}: not on this machine: pixmend models fetch {released.name}")
    if path.name == name and path.suffix not in SUFFIXES:
        known = [*bundled(), *(entry.name for entry in catalog.catalog())]
        raise PixmendError(f"no weights are called {name!r}, and no file is: {nearest(name, known)}")
    return path


def bundled() -> list[str]:
    """Names of the weights that ship with the package."""
    return sorted(file.stem for file in BUNDLED.glob("*.safetensors"))


def _ours(checkpoint: Checkpoint, where: str) -> Opened | None:
    metadata = checkpoint.metadata
    if "family" not in metadata:
        return None
    card = metadata.get("card")
    return Opened(
        where=where,
        family=metadata["family"],
        config=_config(metadata),
        tensors=checkpoint.tensors,
        layout=None,
        wrapped=(),
        released=None,
        card=card if isinstance(card, dict) else {},
    )


def _config(metadata: Mapping[str, Any]) -> Config:
    family, plain = metadata["family"], metadata.get("config")
    if not isinstance(family, str) or family not in CONFIGS:
        raise PixmendError(f"family {family!r} is not known to this version of pixmend")
    if not isinstance(plain, dict):
        raise PixmendError(f"its configuration is {plain!r}, not one of {family}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    for known in fields(CONFIGS[family]):
        kind, value = get_origin(known.type) or known.type, values.get(known.name)
        if known.name in values and kind in (tuple, bool) and type(value) is not kind:
            raise PixmendError(f"its configuration does not fit this version of pixmend: {known.name} is {value!r}")
    try:
        return CONFIGS[family](**values)
    except (TypeError, AttributeError) as error:
        raise PixmendError(f"its configuration does not fit this version of pixmend: {error}") from error


def _official(checkpoint: Checkpoint, where: str, source: Path | bytes) -> Opened:
    """A released file: everything is read off names and shapes, but for a purpose that only its name tells."""
    family, layout = families.recognise(checkpoint.tensors)
    format_ = FORMATS[family]
    entry = catalog.find(source.name) if isinstance(source, Path) else None
    released = entry if entry is not None and entry.family == family else None
    try:
        purposes = {"tasks": released.tasks} if released is not None and family == "ipt" else {}
        config = _told(format_.config_of(checkpoint.tensors, **purposes), released)
        tensors = format_.from_official(checkpoint.tensors, **purposes)
    except PixmendError as error:
        raise PixmendError(_nearly(family, error)) from error
    return Opened(
        where=where,
        family=family,
        config=config,
        tensors=tensors,
        layout=layout,
        wrapped=checkpoint.wrapped,
        released=released if released is not None and fits(config, released) else None,
        card={},
    )


def _told(config: Config, released: Released | None) -> Config:
    """The configuration with the task that the catalog knows, where the tensors do not tell it."""
    if released is None or not fits(config, released) or getattr(config, "task", "") not in (None, "dr"):
        return config
    if released.tasks == (f"sr_x{getattr(config, 'scale', 1)}",):  # which the scale tells
        return config
    return replace(config, task=released.tasks[0])  # pyright: ignore[reportCallIssue]


def fits(config: Config, entry: Released) -> bool:
    """Whether such a network could be the entry's: of its size, enlarging as much. What else it does is not told."""
    tasks = getattr(config, "tasks", None)
    scales = [scale_of(task) for task in tasks] if tasks else [getattr(config, "scale", 1)]
    return models.variant_of(config) == entry.variant and sorted(scales) == sorted(map(scale_of, entry.tasks))


def _check_fit(opened: Opened) -> None:
    try:
        check_tensors(opened.network, opened.tensors)
    except PixmendError as error:
        raise PixmendError(_nearly(opened.family, error)) from error


def _nearly(family: str, error: PixmendError) -> str:
    return f"looks like {models.NETWORKS[CONFIGS[family]].__name__}, but: {error}"


def check_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Names, shapes and kinds, all of them.

    Raises:
        PixmendError: with the first differences, and how many there are.
    """
    expected = network.state_dict()
    differences = [
        f"{name}: expected {_told_form(expected.get(name))}, got {_told_form(tensors.get(name))}"
        for name in [*expected, *(name for name in tensors if name not in expected)]
        if not _alike(expected.get(name), tensors.get(name))
    ]
    if differences:
        more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
        raise PixmendError("; ".join(differences[:3]) + more)


def _alike(expected: Tensor | None, got: Tensor | None) -> bool:
    if expected is None or got is None:
        return False
    kinds = got.is_floating_point() == expected.is_floating_point() and not got.is_complex()
    return kinds and got.shape == expected.shape and got.layout == torch.strided and got.device.type == "cpu"


def _told_form(tensor: Tensor | None) -> str:
    """Shape, and kind where it is not ordinary floats."""
    if tensor is None:
        return "nothing"
    ordinary = tensor.is_floating_point() and tensor.layout == torch.strided
    return f"{tuple(tensor.shape)}{'' if ordinary else f' of {tensor.dtype}, {tensor.layout}'}"
