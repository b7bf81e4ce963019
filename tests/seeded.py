"""Golden vectors: outputs of the official networks on weights that follow from their names.

``data/<family>/<official file>.json.gz`` lists every entry of the official state dict as [kind, dtype, shape], and
``.npz`` beside it holds inputs ``x_<h>x<w>`` (uint8) and outputs ``y_<h>x<w>``, or ``<task>_<h>x<w>`` where there are
several tasks, of the official class run in float64 without padding around it. The weights are not stored; see
``weights``.
"""

import gzip
import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).with_name("data")

TOLERANCE = 3e-5
"""Largest difference, in standard deviations of the output; the official classes in float32 reach 1e-5."""

FRESH = {"running_mean": torch.tensor(0.0), "running_var": torch.tensor(1.0), "num_batches_tracked": torch.tensor(0)}


def manifest(file: str) -> dict:
    return json.loads(gzip.decompress((DATA / f"{file}.json.gz").read_bytes()))


def shapes(file: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(shape) for name, (_, _, shape) in manifest(file)["state_dict"].items()}


def weights(file: str) -> dict[str, Tensor]:
    """The seeded parameters of an official file, and fresh statistics of its normalisations.

    Other buffers and frozen convolutions, which the official class makes itself, are left out.
    """
    listing = manifest(file)
    found = {}
    for name, (kind, _, shape) in listing["state_dict"].items():
        if kind == "buffer" and name.endswith(tuple(FRESH)):
            found[name] = FRESH[name.rpartition(".")[2]].expand(shape).clone()
        if kind != "param":
            continue
        x = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(size=shape, dtype=np.float64)
        if len(shape) >= 2 and not name.endswith("temperature"):
            x = listing["gain"] * x / np.sqrt(np.prod(shape[1:]))
        elif name.endswith(("weight", "temperature")):
            x = 1 + 0.1 * x
        else:
            x = 0.1 * x
        found[name] = torch.from_numpy(x.astype(np.float32))
    return found


def vectors(file: str) -> list[tuple[Tensor, str, Tensor]]:
    """(input, what the output is of: ``y`` or a task, output) for every stored pair, all in [0, 1]."""
    white = manifest(file)["value_range"]
    with np.load(DATA / f"{file}.npz") as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    return [
        (arrays[f"x_{size}"].float() / 255, what, output / white)
        for name, output in arrays.items()
        for what, _, size in [name.rpartition("_")]
        if what != "x"
    ]


def error(output: Tensor, golden: Tensor) -> float:
    return float((output - golden).abs().max() / golden.std())
