"""What a network costs: parameters and arithmetic, counted, and beside them what its paper prints.

A multiply-add (MAC) is one multiplication and one addition, so FLOPs are twice the MACs; papers print either under
either name. Products inside attention (queries with keys, weights with values) are counted, and told apart, because
many tools leave them out.
"""

from dataclasses import dataclass

import torch
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from pixmend import models
from pixmend.models.base import MultiTask, Restorer
from pixmend.tasks import scale_of

_ATTENTION = ("bmm", "baddbmm", "scaled_dot_product")
"""Operators between two activations; a convolution or linear layer has weights on one side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one picture (1, C, height, width) through a network."""

    parameters: int
    macs: int
    attention_macs: int
    """The part of ``macs`` that is products of two activations."""
    size: tuple[int, int]

    @property
    def flops(self) -> int:
        return 2 * self.macs


def cost_of(network: Restorer | MultiTask, size: tuple[int, int], *, task: str | None = None) -> Cost:
    """Count without computing: on the meta device there are shapes and no values. The network stays as it is.

    Padding to the network's windows, and the overlap of those of a fixed size, are part of what it computes.

    Raises:
        PixmendError: no such task, or several and none named.
    """
    single = network.select(task)
    held = {name: buffer.to("meta") for name, buffer in single.named_buffers()}
    # Only weights that want gradients stay matrices in every linear layer: torch repeats others for each row of
    # the picture, and the layer would look like a product of two activations.
    held |= {name: weight.detach().to("meta").requires_grad_() for name, weight in single.named_parameters()}
    x = torch.empty(1, single.in_channels, *size, device="meta")
    with torch.enable_grad(), FlopCounterMode(display=False) as counter:
        functional_call(single, held, (x,))
    by_operator = {str(operator): count for operator, count in counter.get_flop_counts()["Global"].items()}
    return Cost(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        macs=sum(by_operator.values()) // 2,
        attention_macs=sum(n for name, n in by_operator.items() if any(part in name for part in _ATTENTION)) // 2,
        size=size,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A row of a paper's table, and why counting gives another number, where it does."""

    variant: str
    purpose: str
    """A task, as ``create`` takes it."""
    size: tuple[int, int]
    """Input (height, width) the paper counts at."""
    parameters: str
    macs: str
    """As printed, without the unit's name; empty where the paper prints none."""
    source: str
    why: str = ""


_EDT = (
    "the printed figures come out if attention counts a ninth of its products, depthwise convolutions nothing, "
    "transposed ones fourfold and the last one at twice its width"
)
_HAT = "how the project counts is not said; the two agree within 2 %"
_LIGHT = (
    "parameters: the paper leaves out the bias tables, 24 x 225 x 6 = 32,400; multiply-adds: it leaves out the "
    "products of attention, and prints 1 to 5 % less than the rest, which here is padded to windows of 8"
)
_RESTORMER = "the printed figure leaves out the products of attention"
_ROWS = {
    "2012.00364; the network of one task": (("ipt", "sr_x2", (48, 48), "115.5M", "", ""),),
    "2112.10175, table 1; denoising at 192 x 192": (
        ("edt_t", "dn_g15", (192, 192), "0.9M", "2.8G", _EDT),
        ("edt_s", "dn_g15", (192, 192), "4.2M", "12.4G", _EDT),
        ("edt_b", "dn_g15", (192, 192), "11.5M", "37.6G", _EDT),
        ("edt_l", "dn_g15", (192, 192), "40.2M", "136.4G", _EDT),
    ),
    "2205.04437 and its repository, x4 at 64 x 64": (
        ("hat_s", "sr_x4", (64, 64), "9.6M", "54.9G", _HAT),
        ("hat", "sr_x4", (64, 64), "20.8M", "102.4G", _HAT),
        ("swinir", "sr_x4", (64, 64), "11.9M", "53.6G", ""),
    ),
    "2108.10257, table 3, output 1280 x 720": (
        ("swinir_light", "sr_x2", (360, 640), "878K", "195.6G", _LIGHT),
        ("swinir_light", "sr_x3", (240, 427), "886K", "87.2G", _LIGHT),
        ("swinir_light", "sr_x4", (180, 320), "897K", "49.6G", _LIGHT),
    ),
    "2111.09881 and tables that compare with it": (("restormer", "dr", (256, 256), "26.1M", "141G", _RESTORMER),),
    "2005.01333; sixteen copies of the rain kernel, of which one is used, are in the count": (
        ("rcdnet", "dr", (64, 64), "3.17M", "", ""),
    ),
}
"""By source: the variant, its purpose, the size, parameters and multiply-adds as printed, and why they differ."""
PUBLISHED = tuple(
    Published(variant=variant, purpose=purpose, size=size, parameters=parameters, macs=macs, source=source, why=why)
    for source, rows in _ROWS.items()
    for variant, purpose, size, parameters, macs, why in rows
)
"""What papers print. Rows that later papers copied with other conventions are left out."""


def create_for(variant: str, task: str | None = None) -> models.Network:
    """The network of a variant on the meta device, for one task alone if it is named.

    Raises:
        PixmendError: no such variant, or a task that it cannot have.
    """
    with torch.device("meta"):
        if task is None or variant not in models.VARIANTS:
            return models.create(variant)
        has = models.VARIANTS[variant].__dataclass_fields__
        if "tasks" in has:
            return models.create(variant, tasks=(task,))
        scale = scale_of(task) if "scale" in has else None
        return models.create(variant, scale=scale, task=None if task == f"sr_x{scale}" else task)
