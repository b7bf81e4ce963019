"""Print colours to screen colours, by the profile that says what the inks look like."""

import io

from PIL import Image, ImageChops

from pixmend.errors import PixmendError

NOTE = "its print colours (CMYK) were converted to sRGB by its profile"


def in_srgb(image: Image.Image, name: str) -> Image.Image:
    """A CMYK picture in sRGB: relative colorimetric with the black point moved, as photo editors do it.

    Raises:
        PixmendError: there is no profile in the picture, or not one of inks; ``name`` is the file's in the message.
    """
    from PIL import ImageCms

    content = image.info.get("icc_profile")
    if not content:
        raise without_profile(name)
    if "compression" not in image.info and "adobe" not in image.info:
        # A JPEG, for TIFF names its compression, and not Adobe's, who store ink upside down, as Pillow always reads it.
        image = ImageChops.invert(image)
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        converted = ImageCms.profileToProfile(
            image,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise PixmendError(
            f"{name}: is CMYK (print colours) with a profile that cannot be used ({reason}): convert it to RGB first"
        ) from error
    assert converted is not None, "nothing was to be converted in place"
    return converted


def without_profile(name: str) -> PixmendError:
    """To be raised: how the inks of a picture look is not known."""
    return PixmendError(f"{name}: is CMYK (print colours) without a colour profile: convert it to RGB first")
