"""What makes one network another: what results are remembered under."""

import hashlib
from dataclasses import is_dataclass

import torch

from pixmend.infer.wrapping import inmost
from pixmend.models.base import Restorer


def fingerprint(network: Restorer) -> str:
    """SHA-256 of the class, the configuration and every tensor of a network.

    Two networks may differ in nothing but a number that is in no tensor, such as EDSR's ``res_scale``. What is done
    around a network, ensemble and strength, is no part of it.
    """
    network = inmost(network)
    configs = [repr(config) for part in network.modules() if is_dataclass(config := getattr(part, "config", None))]
    facts = (type(network).__name__, network.scale, network.tasks, network.value_range, network.mean, configs)
    digest = hashlib.sha256(repr(facts).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
