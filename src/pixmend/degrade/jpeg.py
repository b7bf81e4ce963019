"""What a JPEG file does to a picture."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pixmend.degrade.picture import check_picture
from pixmend.degrade.resize import round8
from pixmend.errors import PixmendError
from pixmend.seeding import Key

_LONGEST = 65_535


@dataclass(frozen=True, kw_only=True, slots=True)
class JPEG:
    """Code as a JPEG file of ``quality`` 1 to 100 and decode it; the input is clipped and rounded to 8 bits first.

    One channel is coded as a grey file, three as a colour one, by libjpeg through Pillow. Source: SwinIR's and KAIR's
    test scripts, ``cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])``, which gives the same bits and
    halves the colour resolution too; MATLAB's encoder of older papers rounds otherwise.

    Raises:
        PixmendError: a quality outside 1 to 100, or a picture that is not (1 or 3, H, W) with sides up to 65,535.
    """

    quality: int
    subsampling: Literal["4:2:0", "4:4:4"] = "4:2:0"
    """Whether the colour planes, in colour pictures, are halved along each side."""

    def __post_init__(self) -> None:
        if not isinstance(self.quality, int) or not 1 <= self.quality <= 100:
            raise PixmendError(f"JPEG: expected a whole quality of 1 to 100, got {self.quality}")
        if self.subsampling not in ("4:2:0", "4:4:4"):
            raise PixmendError(f"JPEG: expected subsampling 4:2:0 or 4:4:4, got {self.subsampling!r}")

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(C, H, W) to the same shape and dtype, k / 255; nothing is drawn from ``seed``, no gradient flows."""
        from PIL import Image
        from PIL.JpegImagePlugin import JpegImageFile

        check_picture(image, "JPEG")
        if image.dim() != 3 or image.shape[0] not in (1, 3) or max(image.shape[1:]) > _LONGEST:
            got = tuple(image.shape)
            raise PixmendError(f"JPEG: expected a picture (1 or 3, H, W) with sides up to {_LONGEST}, got {got}")
        wide = image.detach().to("cpu", torch.promote_types(image.dtype, torch.float32))
        values = (round8(wide) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
        file = io.BytesIO()
        coded = Image.fromarray(values[..., 0] if image.shape[0] == 1 else values)
        coded.save(file, format="JPEG", quality=self.quality, subsampling=self.subsampling)
        file.seek(0)
        # the class itself: Image.open refuses a large picture as a bomb, though it is our own
        decoded = np.array(JpegImageFile(file)).reshape(values.shape)
        return torch.from_numpy(decoded).permute(2, 0, 1).contiguous().to(wide).div_(255).to(image)
