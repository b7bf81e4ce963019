"""A whole picture through a pipeline: colours by the network, transparency and metadata along with them.

C channels, H and W height and width in pixels, s the scale of the pipeline.
"""

from dataclasses import replace

import torch
from torch import Tensor

from pixmend.degrade.resize import imresize
from pixmend.image import Picture, bled
from pixmend.infer.pipeline import Pipeline, Progress


def restore_picture(pipeline: Pipeline, picture: Picture, *, progress: Progress | None = None) -> Picture:
    """The restored picture; depth, profile, EXIF, XMP and resolution stay what they are.

    Transparency is enlarged bicubically and clamped, and where it is complete the network sees the colours of the
    neighbourhood, not what was hidden there. A picture of other channels than grey or colour, which the network does
    not take as a whole, is restored channel by channel as if each were a grey picture.

    Raises:
        PixmendError: as ``Pipeline``.
    """
    alpha = picture.alpha
    pixels = picture.pixels if alpha is None else bled(picture.pixels, alpha)
    restored = _restored(pipeline, pixels, progress)
    if alpha is not None and pipeline.scale > 1:
        alpha = _enlarged(alpha, pipeline.scale)
    ranges = picture.ranges if len(restored) == len(picture.pixels) else None
    return replace(picture, pixels=restored, alpha=alpha, ranges=ranges)


def _restored(pipeline: Pipeline, pixels: Tensor, progress: Progress | None) -> Tensor:
    channels = len(pixels)
    takes = pipeline.networks[0].in_channels
    if channels in (1, 3, takes) or takes not in (1, 3):
        return pipeline(pixels, progress=progress)

    def part(number: int) -> Progress:
        return lambda done, total: progress(number * total + done, channels * total) if progress else None

    return torch.cat([pipeline(pixels[i : i + 1], progress=part(i)) for i in range(channels)])


def _enlarged(alpha: Tensor, scale: int) -> Tensor:
    _, height, width = alpha.shape
    if (alpha == 1).all():
        return alpha.new_ones(1, height * scale, width * scale)
    return imresize(alpha, scale=scale).clamp_(0, 1)
