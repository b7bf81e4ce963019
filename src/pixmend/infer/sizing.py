"""What size a result shall have, and which enlargements of a network lead there. Pure.

Sizes of pictures are (height, width) in pixels.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction

from pixmend.errors import PixmendError

_NEAR = 1e-9  # what a factor may be off by, having been a square root


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Exactly one of these; the aspect ratio stays, but for the rounding to whole pixels, of which at least 1 is left.

    Raises:
        PixmendError: none or several of them, or one that is not positive.
    """

    scale: float | None = None
    """Pixels of the result for each of the picture, along a side."""
    width: int | None = None
    height: int | None = None
    fit: tuple[int, int] | None = None
    """(width, height), as people say it, of a box: the largest result that it holds, which may be a smaller one."""
    megapixels: float | None = None
    """Millions of pixels, as near as whole sides come."""

    def __post_init__(self) -> None:
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if len(given) != 1:
            raise PixmendError(f"size: expected one of scale, width, height, fit, megapixels, got {given or 'none'}")
        ((name, value),) = given.items()
        kinds = int | float if name in ("scale", "megapixels") else int
        parts = value if name == "fit" and isinstance(value, tuple) and len(value) == 2 else (value,)
        if len(parts) != 1 + (name == "fit") or not all(
            isinstance(part, kinds) and not isinstance(part, bool) and 0 < part < math.inf for part in parts
        ):
            kind = {"fit": "a width and a height", "scale": "a number", "megapixels": "a number"}.get(name, "pixels")
            raise PixmendError(f"{name}: expected {kind} above 0, got {value!r}")

    def factor(self, size: tuple[int, int]) -> float:
        """By how much a picture is enlarged for it, before sides are rounded; below 1 it is shrunk."""
        return float(self._factor(size))

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of the result. Halves of a pixel are rounded up."""
        factor = self._factor(size)
        height, width = (max(1, math.floor(side * factor + Fraction(1, 2))) for side in size)
        return height, width

    def _factor(self, size: tuple[int, int]) -> Fraction | float:
        height, width = size
        if self.scale is not None:
            return Fraction(str(self.scale))  # 1.15 as it was typed, of which a float falls short
        if self.width is not None:
            return Fraction(self.width, width)
        if self.height is not None:
            return Fraction(self.height, height)
        if self.fit is not None:
            return min(Fraction(self.fit[0], width), Fraction(self.fit[1], height))
        assert self.megapixels is not None
        return math.sqrt(self.megapixels * 1e6 / (height * width))


def chain_scale(factor: float, have: Iterable[int]) -> tuple[int, ...]:
    """The enlargements to run, the smaller one first: of all single ones and pairs the least that reach the factor.

    None where the picture is not to be enlarged. Where none reach the factor, the largest: the rest of the way is the
    resampling's, and is to be told.

    Raises:
        PixmendError: a factor that is none.
    """
    if not 0 < factor < math.inf:
        raise PixmendError(f"scale: expected a number above 0, got {factor}")
    scales = sorted({scale for scale in have if scale > 1})
    if factor <= 1 + _NEAR or not scales:
        return ()
    chains = [(scale,) for scale in scales] + [(a, b) for a in scales for b in scales if a <= b]
    reaching = [chain for chain in chains if math.prod(chain) >= factor * (1 - _NEAR)]
    if reaching:
        return min(reaching, key=lambda chain: (math.prod(chain), len(chain)))
    return max(chains, key=lambda chain: (math.prod(chain), -len(chain)))
