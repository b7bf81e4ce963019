"""Local attribution: gradients of what a detector finds in a window, added up along a path to the picture.

B batch, C channels, H and W height and width in input pixels, s scale.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.lam.detectors import Detector, Gradient
from pixmend.analyze.lam.index import diffusion_index, pixels_holding
from pixmend.analyze.lam.path import Blur, Path
from pixmend.analyze.lam.window import SIZE, Window
from pixmend.analyze.network import asked, check_askable
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer

DETECTOR, PATH = Gradient(), Blur()
"""Of the official demo."""
_AT_ONCE = 4096
"""Input pixels of all pictures in a batch: what one picture of the official demo, 64 x 64, has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """What a window of a result was made of."""

    window: Window
    """In pixels of the result."""
    result: Tensor
    """(C', s H, s W), not clamped."""
    values: Tensor
    """(C, H, W): by how much every value of the input changed what the detector finds."""
    map: Tensor
    """(H, W) from 0 to 1: size of the sum over the channels, divided by its maximum."""
    diffusion_index: float
    """From 0 to 100."""
    area: int
    """Input pixels, the strongest first, that hold 90 % of the map's sum."""
    difference: float
    """What the detector finds at the end of the path less what it finds at its start."""
    undefined: int
    """Steps at which some of the gradient was not finite; it was taken as 0 there."""
    steps: int

    @property
    def total(self) -> float:
        """The sum of all values, which would be ``difference`` if the path had infinitely many steps."""
        return float(self.values.double().sum())

    @property
    def completeness(self) -> float:
        """``total`` over ``difference``, 1 at best; not a number where the two ends of the path are alike."""
        return self.total / self.difference if self.difference else math.nan


def local_attribution(
    network: Restorer,
    x: Tensor,
    *,
    top: int,
    left: int,
    size: int = SIZE,
    detector: Detector = DETECTOR,
    path: Path = PATH,
    steps: int = 50,
    batch: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Attribution:
    """Which values of the picture ``x`` (C, H, W) in [0, 1] the network used for a window of its result.

    The window is given in pixels of the result, which has no padding. ``batch`` pictures of the path are asked at
    once; by itself as many as have 4,096 pixels together. ``progress`` is given the steps done and all steps.
    Everything is computed in the network's own precision and on its device, and comes back there.

    Raises:
        PixmendError: a window beyond the result, a picture the network does not take or that is not finite, no steps,
            a network that cannot be asked (``check_askable``); or nothing could be attributed, because the gradient
            was not finite at any step or was 0 everywhere.

    Source: Gu and Dong, "Interpreting Super-Resolution Networks with Local Attribution Maps" (CVPR 2021), and the
    official demo, whose settings are the defaults here. The gradient is that at the end of each step.
    """
    check_askable(network)
    window = Window(top=top, left=left, size=size)
    x = _checked(network, x, steps=steps, batch=batch)
    window.check(x.shape[-2] * network.scale, x.shape[-1] * network.scale)
    if batch is None:
        batch = max(1, _AT_ONCE // (x.shape[-2] * x.shape[-1]))
    with torch.inference_mode(False), asked(network):
        x = x.detach().clone()  # one made in inference mode has no gradient
        with torch.no_grad():
            result = network(x[None])
            first = detector(network(path.start(x)[None]), window)
            difference = float(detector(result, window) - first)
        values, undefined = torch.zeros_like(x), 0
        for begin in range(0, steps, batch):
            indices = torch.arange(begin, min(begin + batch, steps))
            pictures, moves = path.along(x, steps=steps, indices=indices)
            gradient = _gradient(network, pictures, detector, window)
            finite = gradient.isfinite()
            undefined += int((~finite).flatten(1).any(1).sum())
            values += (torch.where(finite, gradient, 0) * moves).sum(0)
            if progress is not None:
                progress(int(indices[-1]) + 1, steps)
    values /= steps
    map_ = _normalised(values, undefined=undefined, steps=steps)
    return Attribution(
        window=window,
        result=result[0],
        values=values,
        map=map_,
        diffusion_index=diffusion_index(map_),
        area=int(pixels_holding(map_).sum()),
        difference=difference,
        undefined=undefined,
        steps=steps,
    )


def _checked(network: Restorer, x: Tensor, *, steps: int, batch: int | None) -> Tensor:
    """The picture, where the network is."""
    for name, count in (("steps", steps), ("batch", 1 if batch is None else batch)):
        if not isinstance(count, int) or count < 1:
            raise PixmendError(f"local_attribution: expected {name} of 1 or more, got {count}")
    if x.dim() != 3 or x.shape[0] != network.in_channels or 0 in x.shape or not x.is_floating_point():
        raise PixmendError(
            f"local_attribution: expected floats ({network.in_channels}, H, W) in [0, 1], "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )
    if not bool(x.isfinite().all()):
        raise PixmendError("local_attribution: the picture holds values that are not finite")
    like = next(network.parameters(), x)
    return x.to(like.device, like.dtype)


def _gradient(network: Restorer, pictures: Tensor, detector: Detector, window: Window) -> Tensor:
    """Of what the detector finds, by every value of (B, C, H, W)."""
    with torch.enable_grad():
        pictures = pictures.detach().requires_grad_()
        found = detector(network(pictures), window).sum()
        return torch.autograd.grad(found, pictures)[0]


def _normalised(values: Tensor, *, undefined: int, steps: int) -> Tensor:
    map_ = values.sum(0).abs()
    most = map_.max()
    if most > 0:
        return map_ / most
    why = "what the detector finds does not change along the path"
    if undefined:
        why = f"at {undefined} of {steps} steps the gradient is not defined, since the result has flat places"
    raise PixmendError(
        f"local_attribution: nothing could be attributed: {why}: choose another window, or the detector edges"
    )
