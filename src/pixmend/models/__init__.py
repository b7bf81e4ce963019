"""The networks, one file per paper. ``create`` makes one by the name of its variant."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pixmend.errors import PixmendError, nearest
from pixmend.models import edsr, edt, han, hat, ipt, rcan, rcdnet, rdn, restormer, rrdbnet, swinir
from pixmend.models.base import MultiTask, Restorer
from pixmend.models.edsr import EDSR, EDSRConfig
from pixmend.models.edt import EDT, EDTConfig
from pixmend.models.han import HAN, HANConfig
from pixmend.models.hat import HAT, HATConfig
from pixmend.models.ipt import IPT, IPTConfig
from pixmend.models.rcan import RCAN, RCANConfig
from pixmend.models.rcdnet import RCDNet, RCDNetConfig
from pixmend.models.rdn import RDN, RDNConfig
from pixmend.models.restormer import Restormer, RestormerConfig
from pixmend.models.rrdbnet import RRDBNet, RRDBNetConfig
from pixmend.models.swinir import SwinIR, SwinIRConfig

__all__ = [
    "NETWORKS",
    "VARIANTS",
    "Config",
    "MultiTask",
    "Network",
    "Restorer",
    "build",
    "create",
    "family_of",
    "variant_of",
]

Config = (
    EDTConfig
    | IPTConfig
    | HATConfig
    | RestormerConfig
    | SwinIRConfig
    | EDSRConfig
    | RCANConfig
    | HANConfig
    | RDNConfig
    | RRDBNetConfig
    | RCDNetConfig
)
"""The configurations there are; each builds one kind of network."""

Network = EDT | IPT | HAT | Restormer | SwinIR | EDSR | RCAN | HAN | RDN | RRDBNet | RCDNet

NETWORKS: dict[type[Config], Any] = {
    EDTConfig: EDT,
    IPTConfig: IPT,
    HATConfig: HAT,
    RestormerConfig: Restormer,
    SwinIRConfig: SwinIR,
    EDSRConfig: EDSR,
    RCANConfig: RCAN,
    HANConfig: HAN,
    RDNConfig: RDN,
    RRDBNetConfig: RRDBNet,
    RCDNetConfig: RCDNet,
}

_MODULES = (edt, ipt, hat, restormer, swinir, edsr, rcan, han, rdn, rrdbnet, rcdnet)

VARIANTS: Mapping[str, Config] = {name: config for module in _MODULES for name, config in module.VARIANTS.items()}
"""Sizes the papers name, with a task or scale to start from."""

PURPOSE = ("tasks", "task", "scale", "drop_path", "mean")
"""Fields of a configuration that say what a network is for or how it is trained, and not which size it has."""


def build(config: Config) -> Network:
    """The network of a configuration, with random weights."""
    return NETWORKS[type(config)](config)


def create(
    name: str, *, tasks: tuple[str, ...] | None = None, scale: int | None = None, task: str | None = None
) -> Network:
    """The network of a variant (``edt_t``, ``hat_s``), with random weights.

    ``tasks`` are those of a multi-task network (EDT, IPT); the others take a ``scale`` if they enlarge, or the name
    of their ``task`` if their form does not tell it.

    Raises:
        PixmendError: no such variant, no such task, or an option that this network does not have.
    """
    if not isinstance(name, str) or name not in VARIANTS:
        raise PixmendError(f"no network is called {name!r}: {nearest(str(name), VARIANTS)}")
    if isinstance(tasks, str):
        raise PixmendError(f"tasks is a tuple of names, got the text {tasks!r}")
    config = VARIANTS[name]
    asked = {"tasks": tasks and tuple(tasks), "scale": scale, "task": task}
    changes = {key: value for key, value in asked.items() if value is not None}
    has = [field.name for field in fields(config) if field.name in asked]
    for key in changes:
        if key not in has:
            raise PixmendError(f"{name} takes no {key}, but {' or '.join(has)}")
    return build(replace(config, **changes))


def family_of(config: Config | type[Config]) -> str:
    """The name of the family as files and the catalog have it: ``edt`` of an EDTConfig."""
    kind = config if isinstance(config, type) else type(config)
    return kind.__name__.removesuffix("Config").lower()


def variant_of(config: Config) -> str | None:
    """The name of the size that this configuration has, whatever it is for; None for a size no paper names."""

    def size(config: Config) -> dict[str, Any]:
        return {f.name: getattr(config, f.name) for f in fields(config) if f.name not in PURPOSE}

    alike = [name for name, known in VARIANTS.items() if type(known) is type(config) and size(known) == size(config)]
    return alike[0] if alike else None
