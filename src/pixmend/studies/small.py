"""Networks and runs small enough to learn something visible in minutes on one core.

The papers' rates, 1e-5 for fine-tuning above all, move nothing in a few hundred steps. Here all runs begin at 2e-3 or
more and fall along half a cosine, fine-tuning at a quarter of that, and weights are averaged over about 100 steps.
"""

from dataclasses import replace

import torch

from pixmend.models import Config, build
from pixmend.models.edsr import EDSRConfig
from pixmend.models.edt import EDTConfig
from pixmend.models.ipt import IPTConfig
from pixmend.models.restormer import RestormerConfig
from pixmend.train import L1, Adam, AdamW, Data, FlatThenCosine, Objective, Run

RATE, SLOWER = 5e-3, 2e-3
"""EDT's, and that of the other networks. At 2e-3 EDT is 0.6 dB lower on Set5 x2 after 500 steps."""
FINE = 0.25
"""Of the rate, for fine-tuning."""
FALLING = FlatThenCosine(low=0.01, flat=0, of=1)

EDT = EDTConfig(
    tasks=("sr_x2",),
    features=4,
    dim=16,
    depths=(2, 2),
    num_heads=2,
    upsampler="pixelshuffledirect",
    drop_path=0.0,
)
EDSR = EDSRConfig(features=18, blocks=3, res_scale=1.0)
"""With as many parameters as ``EDT``, to 2 %."""
IPT = IPTConfig(tasks=("sr_x2",), features=12, patch=2, num_heads=4, num_layers=1, mlp_ratio=2, size=24)
RESTORMER = RestormerConfig(
    dim=8, num_blocks=(1, 1, 1, 2), num_refinement_blocks=1, layer_norm="BiasFree", task="dn_g25"
)


def run(model: Config, *, steps: int, data: Data, fine: bool = False, objective: Objective | None = None) -> Run:
    """A run of a small network, or its fine-tuning; Restormer's as it trains it, with AdamW and short gradients."""
    restormer = isinstance(model, RestormerConfig)
    rate = (RATE if isinstance(model, EDTConfig) else SLOWER) * (FINE if fine else 1)
    return Run(
        name="small",
        model=model,
        data=replace(data, small="reflect"),
        optim=AdamW(lr=rate) if restormer else Adam(lr=rate),
        schedule=FALLING,
        steps=steps,
        objective=objective or L1(),
        ema=0.99,
        clip=0.01 if restormer else 1.0,
        precision="float32",
        trackers=(),
    )


def parameters(config: Config) -> int:
    """Of the network that a configuration builds."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(config).parameters())
