"""Randomness as a function: the same key gives the same draws, on every machine and in every order.

A key is an integer or a tuple of them, by habit ``(seed, step, index)``. No generator outlives the call that
made it, so resuming at step n needs nothing but n.
"""

import hashlib

import torch

Key = int | tuple[int, ...]


def child(key: Key, *counters: int) -> tuple[int, ...]:
    """The key of a part: ``child((seed, step), 3)`` is ``(seed, step, 3)``."""
    return (*((key,) if isinstance(key, int) else key), *counters)


def generator(key: Key) -> torch.Generator:
    """A fresh CPU generator whose stream depends on the whole key and nothing else."""
    text = ",".join(str(int(part)) for part in child(key))
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    return torch.Generator().manual_seed(seed & (2**63 - 1))
