"""What the state dict of every variant looks like, kept in ``data/state_dicts.json``.

A changed line means that files of users no longer load. Run this to write it when a variant is added:

    python tests/pinned.py
"""

import hashlib
import json
from pathlib import Path

import torch
from torch import nn

from pixmend.models import VARIANTS, build

FILE = Path(__file__).with_name("data") / "state_dicts.json"


def described(network: nn.Module) -> dict[str, int | str]:
    """How many entries and parameters a state dict has, and the digest of its names and shapes in order."""
    lines = [f"{name} {tuple(tensor.shape)}" for name, tensor in network.state_dict().items()]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    return {"entries": len(lines), "parameters": parameters, "names": digest}


def main() -> None:
    with torch.device("meta"):
        pinned = {name: described(build(config)) for name, config in VARIANTS.items()}
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in pinned.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
