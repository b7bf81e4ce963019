"""A whole picture through a pipeline: colours by the network, transparency and metadata along with them."""

from dataclasses import replace

from pixmend.degrade.resize import imresize
from pixmend.image import Picture
from pixmend.infer.pipeline import Pipeline, Progress


def restore_picture(pipeline: Pipeline, picture: Picture, *, progress: Progress | None = None) -> Picture:
    """The restored picture; transparency is enlarged bicubically and clamped, profile and EXIF are kept.

    Raises:
        PixmendError: as ``Pipeline``.
    """
    pixels = pipeline(picture.pixels, progress=progress)
    alpha = picture.alpha
    if alpha is not None and pipeline.scale > 1:
        alpha = imresize(alpha, scale=pipeline.scale).clamp_(0, 1)
    return replace(picture, pixels=pixels, alpha=alpha)
