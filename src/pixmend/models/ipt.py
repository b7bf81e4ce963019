"""IPT, the image processing transformer.

Chen, Wang, Guo, Xu, Deng, Liu, Ma, Xu, Xu, Gao: Pre-Trained Image Processing Transformer (2012.00364, CVPR 2021).
Written from the paper; names are those of the released weights (huawei-noah/Pretrained-IPT, Apache-2.0) but for
``heads.sr_x2`` and ``tails.sr_x2`` where they have ``head.0`` and ``tail.0``.

B batch, S side of the square the network takes, C features, P side of a patch, N = (S / P)^2 tokens of D = C P^2
channels each, s scale.
"""

import math
import re
from collections import OrderedDict
from dataclasses import dataclass

from einops import rearrange
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3
from pixmend.models.base import DIV2K, MultiTask, Restorer, check_sizes
from pixmend.models.ipt_layers import DecoderLayer, EncoderLayer, Layers, PositionEncoding

TASKS = ("sr_x2", "sr_x3", "sr_x4", "dn_g30", "dn_g50", "dr")
"""What the paper pre-trains for, in the order of the released multi-task weights."""
TASK = re.compile(r"sr(?:_real)?_x(?P<scale>[2348])|(?:dn|dr|deblur|defocus|jpeg|x1)(?:_[A-Za-z0-9]+)?")
"""Tasks it can have; ``x1`` is for weights that keep the size and do not say what they remove."""


def scale_of(task: str) -> int:
    """Output pixels per input pixel of a task.

    Raises:
        PixmendError: not the name of a task that IPT can have.
    """
    match = TASK.fullmatch(task) if isinstance(task, str) else None
    if match is None:
        raise PixmendError(f"IPT has tasks like sr_x2, dn_g30, dr, not {task!r}")
    return int(match["scale"] or 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class IPTConfig:
    """Sizes of the network. The encoder and the decoder have ``num_layers`` each; ``size`` is the S it is made for."""

    tasks: tuple[str, ...]
    features: int = 64
    patch: int = 3
    num_heads: int = 12
    num_layers: int = 12
    mlp_ratio: int = 4
    size: int = 48

    def __post_init__(self) -> None:
        for task in self.tasks:
            scale_of(task)
        if not 0 < len(self.tasks) <= 64 or len(set(self.tasks)) != len(self.tasks):
            raise PixmendError(f"IPT needs from 1 to 64 different tasks, got {self.tasks[:8]}")
        check_sizes("IPT", most=64, patch=self.patch, num_layers=self.num_layers, mlp_ratio=self.mlp_ratio)
        check_sizes("IPT", features=self.features, num_heads=self.num_heads, size=self.size)
        check_sizes("IPT", dim=self.dim)
        if self.dim % self.num_heads:
            raise PixmendError(f"IPT: tokens of {self.dim} channels do not divide into {self.num_heads} heads")
        if self.size % self.patch:
            raise PixmendError(f"IPT: size: expected a multiple of {self.patch}, got {self.size}")

    @property
    def dim(self) -> int:
        """D, the channels of a token: all features of all pixels of a patch."""
        return self.features * self.patch**2

    @property
    def tokens(self) -> int:
        """N, the patches of a picture."""
        return (self.size // self.patch) ** 2


VARIANTS = {
    "ipt": IPTConfig(tasks=TASKS),
    "ipt_4": IPTConfig(tasks=TASKS, num_layers=4),  # what the official training script makes unless told otherwise
}


class IPT(MultiTask):
    """Heads to a shared transformer with a learned query for each task to tails (paper, section 3.1)."""

    BLOCKS = ("EncoderLayer", "DecoderLayer")

    def __init__(self, config: IPTConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = config.tasks
        self.heads = nn.ModuleDict({task: _head(config.features) for task in config.tasks})
        self.body = Transformer(config)
        self.tails = nn.ModuleDict({task: _tail(config.features, scale_of(task)) for task in config.tasks})

    def select(self, task: str | None = None) -> "Branch":
        return Branch(self, self.check_task(task))


class Branch(Restorer):
    """IPT for one task: shares every parameter with the network it was selected from."""

    BLOCKS = IPT.BLOCKS
    value_range = 255.0
    mean = DIV2K

    def __init__(self, ipt: IPT, task: str) -> None:
        super().__init__()
        self.ipt, self.task = ipt, task
        self.tasks = (task,)
        self.scale = scale_of(task)
        self.fixed_size = ipt.config.size
        self.train(ipt.training)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) to the transformer's tokens (B, N, D), which the contrastive loss compares, and the features
        of the head (B, C, S, S)."""
        features = self.ipt.heads[self.task](x)
        return self.ipt.body(features, self.ipt.tasks.index(self.task)), features

    def decode(self, tokens: Tensor, features: Tensor) -> Tensor:
        """Tokens (B, N, D) and features of the head (B, C, S, S) to a picture (B, 3, s S, s S).

        The tail gets their sum. The official MindSpore trainer gives it the head's features alone where the
        contrastive loss is on, so that the transformer learns nothing from the pictures; that is not copied.
        """
        return self.ipt.tails[self.task](join(tokens, self.ipt.config.patch) + features)

    def restore(self, x: Tensor) -> Tensor:
        return self.decode(*self.encode(x))

    def with_tokens(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) in [0, 1] to the picture (B, 3, s S, s S) and the tokens (B, N, D), for L1 and contrastive loss
        in one pass (paper, section 3)."""
        mean = self.mean_of(x)
        tokens, features = self.encode((x - mean) * self.value_range)
        return self.decode(tokens, features) / self.value_range + mean, tokens


def cut(x: Tensor, patch: int) -> Tensor:
    """(B, C, S, S) to tokens (B, N, D): patches in reading order, the pixels of one feature side by side."""
    return rearrange(x, "b c (i p) (j q) -> b (i j) (c p q)", p=patch, q=patch)


def join(tokens: Tensor, patch: int) -> Tensor:
    """(B, N, D) to (B, C, S, S): the inverse of ``cut``."""
    side = math.isqrt(tokens.shape[1])
    return rearrange(tokens, "b (i j) (c p q) -> b c (i p) (j q)", i=side, p=patch, q=patch)


def _head(features: int) -> nn.Sequential:
    """(B, 3, S, S) to (B, C, S, S)."""
    return nn.Sequential(conv3x3(3, features), ResidualBlock(features), ResidualBlock(features))


def _tail(features: int, scale: int) -> nn.Sequential:
    """(B, C, S, S) to (B, 3, s S, s S)."""
    return nn.Sequential(PixelShuffleUpsampler(scale, features), conv3x3(features, 3))


class ResidualBlock(nn.Module):
    """Two convolutions and a skip around them, 5 x 5 where EDSR's are 3 x 3."""

    def __init__(self, features: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(features, features, 5, padding=2) for _ in range(2))
        self.body = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return x + self.body(x)


class Transformer(nn.Module):
    """Encoder and decoder over the patches of the features, without masks: every token sees every other."""

    def __init__(self, config: IPTConfig) -> None:
        super().__init__()
        dim, hidden = config.dim, config.mlp_ratio * config.dim
        sizes = (dim, config.num_heads, hidden)
        self.patch = config.patch
        self.linear_encoding = nn.Linear(dim, dim)
        self.position_encoding = PositionEncoding(config.tokens, dim)
        self.query_embed = nn.Embedding(len(config.tasks), config.tokens * dim)
        self.encoder = Layers(EncoderLayer(*sizes) for _ in range(config.num_layers))
        self.decoder = Layers(DecoderLayer(*sizes) for _ in range(config.num_layers))
        # The released names count a dropout of rate 0.
        parts = {"0": nn.Linear(dim, hidden), "2": nn.ReLU(), "3": nn.Linear(hidden, dim)}
        self.mlp_head = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor, task: int) -> Tensor:
        """(B, C, S, S) and the row of the task to tokens (B, N, D)."""
        tokens = cut(x, self.patch)
        tokens = tokens + self.linear_encoding(tokens)
        query = self.query_embed.weight[task].view(tokens.shape[1:])
        memory = self.encoder(self.position_encoding(tokens))
        tokens = self.decoder(memory, memory, query)
        return tokens + self.mlp_head(tokens)
