"""A whole picture through a pipeline: colours by the network, transparency and metadata along with them.

C channels, H and W height and width in pixels, s the scale of the pipeline.
"""

from dataclasses import replace

import torch
from torch import Tensor

from pixmend.image import Picture, bled
from pixmend.infer.pipeline import Pipeline, Progress
from pixmend.infer.resample import Resample


def restore_picture(
    pipeline: Pipeline, picture: Picture, *, size: tuple[int, int] | None = None, progress: Progress | None = None
) -> Picture:
    """The restored picture; depth, profile, EXIF, XMP and resolution stay what they are.

    What the network gives is clamped to [0, 1] and resampled once to ``size`` (height, width), if it has another one:
    of pixels beyond black and white no light would reach their neighbours. The bicubic may go a little beyond again.

    Transparency is resampled once, straight from the picture's own, and clamped, and where it is complete the network
    sees the colours of the neighbourhood, not what was hidden there. A picture of other channels than grey or colour,
    which the network does not take as a whole, is restored channel by channel as if each were a grey picture.

    Raises:
        PixmendError: as ``Pipeline``; a size that is none.
    """
    made = (picture.pixels.shape[1] * pipeline.scale, picture.pixels.shape[2] * pipeline.scale)
    resample = None if size in (None, made) else Resample(made, size)
    alpha = picture.alpha
    pixels = picture.pixels if alpha is None else bled(picture.pixels, alpha)
    restored = _restored(pipeline, pixels, progress)
    if resample is not None:
        restored = resample.whole(restored.clamp_(0, 1))
    if alpha is not None:
        alpha = _resampled(alpha, size or made)
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


def _resampled(alpha: Tensor, size: tuple[int, int]) -> Tensor:
    given = (alpha.shape[1], alpha.shape[2])
    if given == size:
        return alpha
    return alpha.new_ones(1, *size) if (alpha == 1).all() else Resample(given, size).whole(alpha).clamp_(0, 1)
