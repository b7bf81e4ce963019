"""Restormer, the restoration transformer.

Zamir, Arora, Khan, Hayat, Khan, Yang: Restormer: Efficient Transformer for High-Resolution Image Restoration
(2111.09881, CVPR 2022). Written from the paper; names are those of the released weights (swz30/Restormer; Academic
Public License, non-commercial, when they were released).

B batch, C channels, h heads, H and W height and width in pixels of the level at hand.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.models.base import Restorer, check_sizes

LEVELS = 4
EPSILON = 1e-5
TASK = re.compile(r"dn_(g\d{1,3}|blind|real)|dr(_[LH])?|deblur|defocus(_dual)?|jpeg_q\d{1,3}", re.ASCII)

Normalisation = Literal["WithBias", "BiasFree"]
Attention = Literal["MDTA", "MTA"]
FeedForward = Literal["GDFN", "GFN", "DFN", "FN"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RestormerConfig:
    """Sizes of the network. ``num_blocks`` and ``heads`` are those of the levels, full size first."""

    dim: int = 48
    num_blocks: tuple[int, ...] = (4, 6, 6, 8)
    num_refinement_blocks: int = 4
    heads: tuple[int, ...] = (1, 2, 4, 8)
    ffn_expansion: float = 2.66
    layer_norm: Normalisation = "WithBias"
    """Released for denoising without a bias, for everything else with it."""
    attention: Attention = "MDTA"
    feed_forward: FeedForward = "GDFN"
    """The paper's ablation: without the D the depth-wise convolutions are left out, without the G the gate."""
    in_channels: int = 3
    out_channels: int = 3
    dual_pixel: bool = False
    """Two pictures in, the views of a dual-pixel sensor, and one out, which is not added to either."""
    task: str | None = None
    """Deraining, motion and defocus deblurring have the same shapes: nothing in a file tells them apart."""

    def __post_init__(self) -> None:
        check_sizes("Restormer", most=1024, dim=self.dim)
        check_sizes("Restormer", most=64, num_blocks=self.num_blocks, num_refinement_blocks=self.num_refinement_blocks)
        check_sizes("Restormer", heads=self.heads)
        check_sizes("Restormer", most=6, in_channels=self.in_channels, out_channels=self.out_channels)
        if len(self.num_blocks) != LEVELS or len(self.heads) != LEVELS or self.dim % 2:
            raise PixmendError(
                f"Restormer has {LEVELS} levels and an even dim, not {self.num_blocks}, {self.heads} and {self.dim}"
            )
        if any(self.dim * 2**level % heads for level, heads in enumerate(self.heads)):
            raise PixmendError(f"Restormer: dim {self.dim} and its doubles do not divide into heads {self.heads}")
        factor = self.ffn_expansion
        if type(factor) not in (int, float) or not 0 < factor <= 16 or self.dim * factor < 1:
            raise PixmendError(f"Restormer: ffn_expansion: expected a number up to 16, got {factor!r}")
        if self.layer_norm not in get_args(Normalisation) or type(self.dual_pixel) is not bool:
            raise PixmendError(f"Restormer has no layer_norm {self.layer_norm!r} or no dual_pixel {self.dual_pixel!r}")
        for part, kinds in ((self.attention, get_args(Attention)), (self.feed_forward, get_args(FeedForward))):
            if part not in kinds:
                raise PixmendError(f"Restormer: expected one of {', '.join(kinds)}, got {part!r}")
        if self.in_channels != self.out_channels * (2 if self.dual_pixel else 1):
            raise PixmendError(f"Restormer cannot make {self.out_channels} channels of {self.in_channels}")
        if self.task is not None and (type(self.task) is not str or not TASK.fullmatch(self.task)):
            raise PixmendError(f"Restormer has tasks like dn_g25, dr, deblur, not {self.task!r}")


_BASE = RestormerConfig()
VARIANTS = {
    "restormer": _BASE,
    "restormer_biasfree": replace(_BASE, layer_norm="BiasFree"),
    "restormer_grey": replace(_BASE, layer_norm="BiasFree", in_channels=1, out_channels=1),
    "restormer_dual": replace(_BASE, in_channels=6, dual_pixel=True, task="defocus_dual"),
}


class Restormer(Restorer):
    """An encoder and a decoder of four levels with skips between them, then refinement at full size (figure 2)."""

    BLOCKS = ("Block",)
    multiple = 2 ** (LEVELS - 1)

    def __init__(self, config: RestormerConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = () if config.task is None else (config.task,)
        self.in_channels, self.out_channels = config.in_channels, config.out_channels
        dim = config.dim
        self.patch_embed = nn.Sequential(OrderedDict(proj=convolution(config.in_channels, dim, 3)))
        self.encoder_level1 = _level(config, 0)
        self.down1_2 = _halve(dim)
        self.encoder_level2 = _level(config, 1)
        self.down2_3 = _halve(2 * dim)
        self.encoder_level3 = _level(config, 2)
        self.down3_4 = _halve(4 * dim)
        self.latent = _level(config, 3)
        self.up4_3 = _double(8 * dim)
        self.reduce_chan_level3 = convolution(8 * dim, 4 * dim, 1)
        self.decoder_level3 = _level(config, 2)
        self.up3_2 = _double(4 * dim)
        self.reduce_chan_level2 = convolution(4 * dim, 2 * dim, 1)
        self.decoder_level2 = _level(config, 1)
        self.up2_1 = _double(2 * dim)
        # Full size keeps the channels of the skip beside its own: there is no reduction (section 3).
        heads = config.heads[0]
        self.decoder_level1 = _blocks(config, 2 * dim, heads, config.num_blocks[0])
        self.refinement = _blocks(config, 2 * dim, heads, config.num_refinement_blocks)
        if config.dual_pixel:
            self.skip_conv = convolution(dim, 2 * dim, 1)
        self.output = convolution(2 * dim, config.out_channels, 3)

    def restore(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W)."""
        shallow = self.patch_embed(x)
        encoded1 = self.encoder_level1(shallow)
        encoded2 = self.encoder_level2(self.down1_2(encoded1))
        encoded3 = self.encoder_level3(self.down2_3(encoded2))
        y = self.latent(self.down3_4(encoded3))
        y = self.decoder_level3(self.reduce_chan_level3(torch.cat((self.up4_3(y), encoded3), dim=1)))
        y = self.decoder_level2(self.reduce_chan_level2(torch.cat((self.up3_2(y), encoded2), dim=1)))
        y = self.refinement(self.decoder_level1(torch.cat((self.up2_1(y), encoded1), dim=1)))
        if self.config.dual_pixel:
            return self.output(y + self.skip_conv(shallow))
        return self.output(y) + x


def convolution(channels_in: int, channels_out: int, size: int, *, groups: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size of the picture. None in Restormer has a bias."""
    return nn.Conv2d(channels_in, channels_out, size, padding=size // 2, groups=groups, bias=False)


def _level(config: RestormerConfig, level: int) -> nn.Sequential:
    return _blocks(config, config.dim * 2**level, config.heads[level], config.num_blocks[level])


def _blocks(config: RestormerConfig, channels: int, heads: int, number: int) -> nn.Sequential:
    return nn.Sequential(*(Block(config, channels, heads) for _ in range(number)))


def _halve(channels: int) -> nn.Sequential:
    """(B, C, H, W) to (B, 2 C, H / 2, W / 2)."""
    return _body(nn.Sequential(convolution(channels, channels // 2, 3), nn.PixelUnshuffle(2)))


def _double(channels: int) -> nn.Sequential:
    """(B, C, H, W) to (B, C / 2, 2 H, 2 W)."""
    return _body(nn.Sequential(convolution(channels, 2 * channels, 3), nn.PixelShuffle(2)))


def _body(module: nn.Module) -> nn.Sequential:
    """The module under one more name, as the released weights have it."""
    return nn.Sequential(OrderedDict(body=module))


class Block(nn.Module):
    """(B, C, H, W) to the same: attention across channels, then the feed-forward network."""

    def __init__(self, config: RestormerConfig, channels: int, heads: int) -> None:
        super().__init__()
        biased = config.layer_norm == "WithBias"
        self.norm1 = _body(LayerNorm(channels, biased=biased))
        self.attn = MDTA(channels, heads, local=config.attention == "MDTA")
        self.norm2 = _body(LayerNorm(channels, biased=biased))
        form, hidden = config.feed_forward, int(channels * config.ffn_expansion)
        self.ffn = GDFN(channels, hidden, gated="G" in form, local="D" in form)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))


class LayerNorm(nn.Module):
    """(B, C, H, W) to the same: normalise the channels of each pixel.

    Without a bias the mean is not subtracted either, though the deviation is still that from the mean.
    """

    def __init__(self, channels: int, *, biased: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if biased else None

    def forward(self, x: Tensor) -> Tensor:
        # torch.var over channels, which do not lie side by side, takes three times as long on the CPU.
        centred = x - x.mean(1, keepdim=True)
        scale = torch.rsqrt(centred.square().mean(1, keepdim=True) + EPSILON)
        weight = self.weight[:, None, None]
        if self.bias is None:
            return x * scale * weight
        return centred * scale * weight + self.bias[:, None, None]


class MDTA(nn.Module):
    """(B, C, H, W) to the same: attention of channels, not pixels, to one another; linear in H W (section 3.1).

    Every map is h times C / h x C / h over the whole picture, so that a tile alone gives something else than the same
    place in a larger one. Not ``local`` it is the ablation's MTA, in which no pixel sees its neighbours.
    """

    def __init__(self, channels: int, heads: int, *, local: bool) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = convolution(channels, 3 * channels, 1)
        self.qkv_dwconv = _depth_wise(3 * channels, local=local)
        self.project_out = convolution(channels, channels, 1)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv_dwconv(self.qkv(x))
        q, k, v = rearrange(qkv, "b (n h c) y x -> n b h c (y x)", n=3, h=self.heads)
        similarity = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        out = (similarity * self.temperature).softmax(-1) @ v
        return self.project_out(rearrange(out, "b h c (y x) -> b (h c) y x", y=x.shape[-2]))


class GDFN(nn.Module):
    """(B, C, H, W) to the same: one half of the hidden channels gates the other (section 3.2).

    The ablation leaves out the gate, and with it half of the hidden channels, or what is ``local``.
    """

    def __init__(self, channels: int, hidden: int, *, gated: bool, local: bool) -> None:
        super().__init__()
        wide = 2 * hidden if gated else hidden
        self.project_in = convolution(channels, wide, 1)
        self.dwconv = _depth_wise(wide, local=local)
        self.project_out = convolution(hidden, channels, 1)
        self.gated = gated

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.dwconv(self.project_in(x))
        if not self.gated:
            return self.project_out(F.gelu(hidden))
        gate, value = hidden.chunk(2, dim=1)
        return self.project_out(F.gelu(gate) * value)


def _depth_wise(channels: int, *, local: bool) -> nn.Module:
    """(B, C, H, W) to the same; nothing at all where it is not local."""
    return convolution(channels, channels, 3, groups=channels) if local else nn.Identity()
