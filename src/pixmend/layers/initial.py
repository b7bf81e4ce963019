"""How a transformer's weights begin."""

from torch import nn


def initialise(module: nn.Module) -> None:
    """Narrow weights for a linear layer, no other; for ``nn.Module.apply``.

    Source: the released code of Swin Transformer (2103.14030), which EDT, HAT and SwinIR follow.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
