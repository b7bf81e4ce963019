"""Does the result explain the picture it was made of? Degraded again it should be that picture.

C channels, h and w height and width of the picture given; s the scale.
"""

import re
from dataclasses import dataclass
from math import inf, log10

import torch.nn.functional as F
from torch import Tensor

from pixmend.analyze.fidelity.maps import DoubtMap, blocks, correlation, levels, ranks
from pixmend.analyze.fidelity.truth import edges_of
from pixmend.degrade import JPEG, Bicubic, Degradation, chain_text
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer

BORDER = 2
"""Input pixels at each border whose bicubic reduction reaches beyond it, into what the picture was cut from."""
STRUCTURE = 5
"""Side of the square over which noise is averaged away: a fifth of it is left, and all of an even difference."""

_JPEG = re.compile(r"jpeg_q(\d{1,3})", re.ASCII)
_NOISE = re.compile(r"dn_g(\d{1,3})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseTest:
    """Whether what a denoiser removed looks like noise."""

    sigma: int | None
    """What it was trained to remove, in levels of 255; None where the task does not say."""
    deviation: float
    """What it removed: standard deviation in levels of 255."""
    neighbours: float
    """Correlation of neighbouring values of what was removed: 0 in white noise, above 0 where shapes were removed."""
    edges: float
    """Rank correlation of how much was removed, in blocks of 8 x 8, with the strength of the result's edges there:
    above 0 where detail went along with the noise, below 0 where noise was left beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Residual:
    """What the result does not explain of the picture, or what was taken out of it."""

    signed: Tensor
    """(C, h, w) in levels of 255: the result degraded again less the picture; or the picture less the result."""
    chain: str | None
    """What degraded the result again; None where nothing is known to, and the result was taken from the picture."""
    map: DoubtMap
    noise: NoiseTest | None = None

    @property
    def rms(self) -> float:
        """In levels of 255, borders left out. A picture of whole levels has 0.29 of its own, of rounding."""
        border = self.map.border
        inner = self.signed[:, border : self.signed.shape[1] - border, border : self.signed.shape[2] - border]
        return float(inner.double().square().mean().sqrt())

    @property
    def psnr(self) -> float:
        """The same in dB, 255 being white; of an unknown degradation it means nothing."""
        return 20 * log10(255 / self.rms) if self.rms > 0 else inf


def degradation_of(network: Restorer) -> Degradation | None:
    """What the network undoes, where that is known and nothing of it is drawn: MATLAB's bicubic reduction for all that
    enlarge, also for those of real photographs, which undo more; JPEG of the task's quality; else None."""
    if network.scale > 1:
        return Bicubic(scale=network.scale)
    match = _JPEG.fullmatch(network.tasks[0]) if network.tasks else None
    return JPEG(quality=int(match[1])) if match else None


def residual_of(network: Restorer, result: Tensor, given: Tensor, *, again: Degradation | None = None) -> Residual:
    """Of a result of the network, (C, s h, s w), for the picture ``given``, (C, h, w): ``back_projected`` by ``again``,
    else by what the network is known to undo, else ``difference_removed``."""
    degrade = again or degradation_of(network)
    if degrade is not None:
        return back_projected(result, given, by=degrade)
    task = network.tasks[0] if network.tasks else ""
    return difference_removed(result, given, task=task)


def back_projected(result: Tensor, given: Tensor, *, by: Degradation) -> Residual:
    """The result (C, H, W) degraded again, less the picture ``given`` (C, h, w), computed in float64.

    Where it is large the result contradicts the picture. Where it is small nothing is proved: whatever the
    degradation loses may be invented and leaves no trace here. Beyond the border of a picture that was cut from a
    larger one the reduction mirrors what it cannot know, so the outer 2 pixels are left out of the numbers where the
    scale is above 1 and the picture larger than 8 x 8.

    Raises:
        PixmendError: the degradation draws at random, or makes another size than ``given`` has.
    """
    wide = result.detach().double().cpu()
    low = by(wide, 0)
    if tuple(low.shape) != tuple(given.shape):
        raise PixmendError(
            f"back-projection: {chain_text(by)} makes {tuple(low.shape)} of the result, and the picture is "
            f"{tuple(given.shape)}: give the degradation that the picture went through"
        )
    if not low.equal(by(wide, 1)):
        raise PixmendError(
            f"back-projection: {chain_text(by)} draws at random, and no result is known by it: leave out noise and rain"
        )
    signed = low - given.detach().double().cpu()
    scale = result.shape[-1] // given.shape[-1]
    border = BORDER if scale > 1 and min(given.shape[-2:]) > 8 else 0
    seen = DoubtMap(name="back-projection", values=levels(signed), scale=scale, border=border)
    return Residual(signed=(signed * 255).float(), chain=chain_text(by), map=seen)


def difference_removed(result: Tensor, given: Tensor, *, task: str = "") -> Residual:
    """What was taken out of the picture ``given``, (C, H, W) as the result: all that can be said where the way back to
    the picture is drawn at random, as noise and rain, or unknown, as a shaken camera.

    For ``dn_*`` the map is the mean over 5 x 5 of what was removed, which of white noise of sigma is sigma / 5 and of
    removed shapes all that is even over so many pixels; for others it is the amount removed.
    """
    signed = given.detach().double().cpu() - result.detach().double().cpu()
    if not task.startswith("dn_"):
        return Residual(signed=(signed * 255).float(), chain=None, map=DoubtMap(name="removed", values=levels(signed)))
    side = min(STRUCTURE, 2 * ((min(signed.shape[-2:]) - 1) // 2) + 1)
    around = F.pad(signed[None], (side // 2,) * 4, mode="reflect") if side > 1 else signed[None]
    means = F.avg_pool2d(around, side, stride=1)[0]
    return Residual(
        signed=(signed * 255).float(),
        chain=None,
        map=DoubtMap(name="structure", values=levels(means)),
        noise=_test_noise(signed * 255, result, task=task),
    )


def _test_noise(removed: Tensor, result: Tensor, *, task: str) -> NoiseTest:
    match = _NOISE.fullmatch(task)
    centred = removed - removed.mean((-2, -1), keepdim=True)
    pairs = [
        (centred[:, 1:].flatten().numpy(), centred[:, :-1].flatten().numpy()),
        (centred[:, :, 1:].flatten().numpy(), centred[:, :, :-1].flatten().numpy()),
    ]
    near = [correlation(a, b) for a, b in pairs if a.size > 1]
    strength = blocks(removed.square().mean(0))
    edges = blocks(edges_of(result))
    return NoiseTest(
        sigma=int(match[1]) if match else None,
        deviation=float(removed.std(correction=0)),
        neighbours=sum(near) / len(near) if near else float("nan"),
        edges=correlation(ranks(strength), ranks(edges)),
    )
