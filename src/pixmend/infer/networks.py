"""The networks of a pipeline: those of the tasks asked for, one after the other, and what is done around each."""

from itertools import pairwise

from pixmend.errors import PixmendError
from pixmend.infer.ensemble import TURNS, Ensembled
from pixmend.infer.strength import Blended
from pixmend.models.base import MultiTask, Restorer


def select_networks(
    model: Restorer | MultiTask, tasks: tuple[str | None, ...], *, ensemble: int, strength: float
) -> tuple[Restorer, ...]:
    """One for each task, None being the only one; the blend is around the ensemble, not in it.

    Raises:
        PixmendError: no task or an unknown one, networks whose channels do not meet, an ensemble that is neither 1 nor
            8; as ``Ensembled`` and ``Blended``.
    """
    if ensemble not in (1, len(TURNS)):
        raise PixmendError(f"ensemble: expected 1 or {len(TURNS)}, got {ensemble!r}")
    if not tasks:
        raise PixmendError("task: expected one or more names, got ()")
    networks: tuple[Restorer, ...] = tuple(model.select(name) for name in tasks)
    for first, second in pairwise(networks):
        if first.out_channels != second.in_channels:
            raise PixmendError(f"{second.in_channels} channels go in and {first.out_channels} come out: no chain")
    if ensemble > 1:
        networks = tuple(Ensembled(network) for network in networks)
    if strength != 1:
        networks = tuple(Blended(network, strength) for network in networks)
    return networks
