"""Pictures of which the truth is known, restored by networks, and the spectra of what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze.artefacts import ErrorSpectrum
    from pixmend.cli.analyze.opening import Asked
    from pixmend.degrade import Degradation


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """True pictures, and of each either the low one or the chain that makes it."""

    true: tuple[Path, ...]
    low: tuple[Path, ...]
    """Empty where the chain makes them."""
    chain: "Degradation | None"

    @classmethod
    def find(cls, true: Path, *, low: Path | None, chain: str | None) -> "Pairs":
        """A picture, or the pictures of a folder, those of two folders paired by name.

        Raises:
            PixmendError: neither or both of ``low`` and ``chain``; a path is missing; pictures without a partner.
        """
        from pixmend.data.sources import gather
        from pixmend.degrade import parse_chain
        from pixmend.errors import PixmendError
        from pixmend.evaluate.explain.pairs import pair

        if (low is None) == (chain is None):
            raise PixmendError("errors: expected --chain or --low, one of the two: what is restored?")
        highs = tuple(source.path for source in gather([true]))
        if low is None:
            return cls(true=highs, low=(), chain=parse_chain(chain or ""))
        if low.is_dir() != true.is_dir():
            raise PixmendError(f"{low} and {true}: expected two pictures or two folders, got one of each")
        if not true.is_dir():
            return cls(true=highs, low=tuple(source.path for source in gather([low])), chain=None)
        lows = {source.path.stem: source.path for source in gather([low])}
        names = {path.stem: path for path in highs}
        partners = pair(lows, names, where=f"{low} and {true}")
        ordered = sorted(partners.items(), key=lambda both: both[1])
        return cls(
            true=tuple(names[high] for _, high in ordered), low=tuple(lows[small] for small, _ in ordered), chain=None
        )

    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of the true pictures as ``read`` gives them, from their headers.

        Raises:
            PixmendError: one cannot be read.
        """
        from pixmend.image.header import shape_of

        factor, sizes = self._factor, (shape_of(path)[1:] for path in self.true)
        return [(height // factor * factor, width // factor * factor) for height, width in sizes]

    @property
    def _factor(self) -> int:
        from pixmend.degrade import multiple

        return 1 if self.chain is None else multiple(self.chain)

    def read(self, index: int) -> "tuple[Tensor, Tensor]":
        """The low picture and the true one, (C, H, W) each; where the chain shrinks, the true one cut to a multiple.

        Raises:
            PixmendError: a picture cannot be read or spoiled.
        """
        from pixmend.image import read_image

        high = read_image(self.true[index])
        if self.chain is None:
            return read_image(self.low[index]), high
        height, width = (side // self._factor * self._factor for side in high.shape[1:])
        high = high[:, :height, :width]
        return self.chain(high, seed=index), high


def spectra(pairs: Pairs, networks: "Sequence[Asked]") -> "tuple[dict[str, ErrorSpectrum], int]":
    """Mean error spectra of the baseline, first, and of the networks, by name; and the scale.

    Raises:
        PixmendError: networks of different scales, a true picture that is not the low one's size times the scale, or
            as ``Pipeline``.
    """
    from pixmend.analyze.artefacts import error_spectrum, mean_spectrum, rings_for
    from pixmend.cli.analyze.telling import bar
    from pixmend.errors import PixmendError
    from pixmend.evaluate.baseline import BicubicEnlarge, Identity
    from pixmend.infer.pipeline import Pipeline

    scales = {each.network.scale for each in networks}
    if len(scales) > 1:
        raise PixmendError(f"errors: expected networks of one scale, got {', '.join(map(str, sorted(scales)))}")
    scale = scales.pop()
    baseline = BicubicEnlarge(scale) if scale > 1 else Identity()
    asked = {"bicubic" if scale > 1 else "input": Pipeline(baseline, device="cpu")}
    asked |= {each.name: Pipeline(each.network, device="cpu") for each in networks}
    rings = rings_for(pairs.sizes())
    found: dict[str, list[ErrorSpectrum]] = {name: [] for name in asked}
    with bar("pictures") as progress:
        for index, path in enumerate(pairs.true):
            progress(index, len(pairs.true))
            low, true = pairs.read(index)
            _check_size(low, true, scale=scale, path=path)
            for name, pipeline in asked.items():
                found[name].append(error_spectrum(pipeline(low), true, scale=scale, rings=rings))
    return {name: mean_spectrum(each) for name, each in found.items()}, scale


def _check_size(low: "Tensor", true: "Tensor", *, scale: int, path: Path) -> None:
    from pixmend.errors import PixmendError

    height, width = (side * scale for side in low.shape[1:])
    if true.shape != (low.shape[0], height, width):
        raise PixmendError(
            f"{path}: expected {low.shape[0]} x {height} x {width}, {scale} times the low picture, got "
            f"{' x '.join(map(str, true.shape))}: name a network of its scale, or the chain that fits"
        )
