"""Weights to safetensors, with what is needed to build the network and to know where they came from."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from pixmend.files import replace
from pixmend.models import Config


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, object]) -> None:
    """Write a safetensors file whole or not at all; metadata values are kept as JSON text.

    Raises:
        PixmendError: the disk is full or the folder cannot be written; an older file is then still there.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(plain, metadata={key: json.dumps(value) for key, value in metadata.items()})
    replace(path, content)


def write_weights(path: Path, tensors: Mapping[str, Tensor], *, config: Config, card: Mapping[str, object]) -> None:
    """Weights that ``pixmend.load`` reads: the family and configuration inside, and a card of provenance.

    The card has, as far as known, ``name``, ``trained``, ``data``, ``licence`` and ``scores``.
    """
    family = type(config).__name__.removesuffix("Config").lower()
    write_tensors(path, tensors, metadata={"family": family, "config": asdict(config), "card": dict(card)})
