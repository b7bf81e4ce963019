"""Which resize made the low-resolution picture from the true one.

C channels, H and W height and width in pixels, s scale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from pixmend.degrade.resize import Bicubic, imresize, round8
from pixmend.errors import PixmendError
from pixmend.evaluate.explain.choices import Choice, decibels, errors

MATLAB = "MATLAB's bicubic imresize"
_NEAR, _FAR = 0.5, 3.0
"""Root mean squares in levels: within rounding of it, and no longer it."""
_TIE = 0.001

Resize = Callable[[Tensor, int], Tensor]
"""(C, sH, sW) in [0, 1] and s to (C, H, W), not rounded."""


def _torch(mode: str, *, antialias: bool = False) -> Resize:
    def resize(image: Tensor, scale: int) -> Tensor:
        size = [side // scale for side in image.shape[1:]]
        return functional.interpolate(image[None].double(), size, mode=mode, antialias=antialias)[0]

    return resize


def _pillow(name: str) -> Resize:
    def resize(image: Tensor, scale: int) -> Tensor:
        from PIL import Image

        size = (image.shape[2] // scale, image.shape[1] // scale)
        planes = (image * 255).round().to(torch.uint8)
        resized = [Image.fromarray(plane.numpy()).resize(size, Image.Resampling[name]) for plane in planes]
        data = [torch.frombuffer(bytearray(plane.tobytes()), dtype=torch.uint8) for plane in resized]
        return torch.stack(data).view(-1, size[1], size[0]).float() / 255

    return resize


RESIZES: Mapping[str, Resize] = MappingProxyType(
    {
        MATLAB: lambda image, scale: Bicubic(scale=scale)(image.double()),
        "bicubic without antialiasing (OpenCV INTER_CUBIC, PyTorch bicubic)": _torch("bicubic"),
        "Pillow's bicubic": _pillow("BICUBIC"),
        "Pillow's Lanczos": _pillow("LANCZOS"),
        "Pillow's bilinear": _pillow("BILINEAR"),
        "bilinear without antialiasing (OpenCV INTER_LINEAR, PyTorch bilinear)": _torch("bilinear"),
        "the mean of each square (OpenCV INTER_AREA, PyTorch area)": _torch("area"),
        "every s-th pixel from the first (PyTorch nearest)": lambda image, scale: image[:, ::scale, ::scale],
        "the pixel nearest to the middle (PyTorch nearest-exact)": _torch("nearest-exact"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Low:
    """What was found about the low-resolution pictures."""

    resize: str
    """The nearest of those known."""
    rms: float
    """Of the difference from it, in levels."""
    rms_matlab: float
    psnr_matlab: float
    """Of LOW against MATLAB's, in dB over all channels."""
    enlarged: float
    """PSNR in dB of LOW enlarged by MATLAB's bicubic, by the choice of the explanation."""
    enlarged_matlab: float
    """The same of MATLAB's."""
    rms_all: Mapping[str, float]

    @property
    def alike(self) -> str:
        """The nearest, and those that come to the same at this scale."""
        return " or ".join(name for name, rms in self.rms_all.items() if rms <= self.rms + _TIE)

    @property
    def known(self) -> bool:
        """Whether any resize comes near."""
        return self.rms < _FAR

    @property
    def is_matlab(self) -> bool:
        """MATLAB's to within one level here and there."""
        return (self.resize == MATLAB and self.known) or self.rms_matlab < _NEAR / 5

    def describe(self) -> str:
        """One sentence."""
        if self.is_matlab and self.rms_matlab < _NEAR:
            exact = self.rms_matlab < _NEAR / 10
            nearly = "" if exact else " but for single levels, as PyTorch's with antialias=True is"
            return f"LOW is {MATLAB} of TRUE, 8 bit{nearly} (off by {self.rms_matlab:.2f} levels)."
        cost = f"enlarged bicubically it scores {self.enlarged:.2f} dB, MATLAB's {self.enlarged_matlab:.2f} dB"
        if not self.known:
            return (
                f"LOW is no known resize of TRUE: nearest is {self.alike}, off by {self.rms:.1f} levels "
                f"(noise, blur, JPEG, or another picture); {cost}."
            )
        return (
            f"LOW was made by {self.alike}: off by {self.rms:.2f} levels, from MATLAB's by "
            f"{self.rms_matlab:.2f} (PSNR {self.psnr_matlab:.2f} dB); {cost}."
        )


@dataclass(slots=True, kw_only=True)
class Resized:
    """Squared differences of the low-resolution pictures from every resize, summed over pictures."""

    scale: int
    choice: Choice
    squares: dict[str, list[float]] = field(default_factory=dict)
    enlarged: list[tuple[float, float]] = field(default_factory=list)

    def add(self, low: Tensor, true: Tensor) -> None:
        """Take in one picture: (C, H, W) and (C, sH, sW) in [0, 1].

        Raises:
            PixmendError: the sides do not belong together.
        """
        if tuple(side * self.scale for side in low.shape[1:]) != tuple(true.shape[1:]):
            raise PixmendError(
                f"explain: LOW is {low.shape[2]} x {low.shape[1]}, TRUE {true.shape[2]} x {true.shape[1]}: "
                f"expected it {self.scale} times smaller"
            )
        for name, resize in RESIZES.items():
            difference = round8(resize(true, self.scale).double()) - low.double()
            self.squares.setdefault(name, []).append(difference.mul_(255).square().mean().item())
        matlab = round8(Bicubic(scale=self.scale)(true.double())).float()
        scores = (
            errors(imresize(image, scale=self.scale), true, [self.choice])[self.choice].psnr for image in (low, matlab)
        )
        first, second = scores
        self.enlarged.append((first, second))

    def low(self) -> Low:
        """The answer."""
        mean = {name: sum(parts) / len(parts) for name, parts in self.squares.items()}
        nearest = min(mean, key=mean.__getitem__)
        ours, matlabs = (sum(parts) / len(parts) for parts in zip(*self.enlarged, strict=True))
        decibel = [decibels(part) for part in self.squares[MATLAB]]
        return Low(
            resize=nearest,
            rms=mean[nearest] ** 0.5,
            rms_matlab=mean[MATLAB] ** 0.5,
            psnr_matlab=sum(decibel) / len(decibel),
            enlarged=ours,
            enlarged_matlab=matlabs,
            rms_all={name: value**0.5 for name, value in mean.items()},
        )
