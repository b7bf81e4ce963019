"""A picture's signature: the signs of its 255 slowest waves, which survive scaling, compression and noise.

A signature is (16, 16) booleans, u down and v across: whether wave (u, v) of the luma's cosine transform is positive.
Mirroring a picture flips the signs of the odd waves and turning it by a diagonal swaps u and v, so all eight ways
to hang a picture follow from one signature. N signatures are compared as words (N, 4) of 64 bits, the first of them the
8 x 8 slowest waves.

The limits were measured on 974 pictures: of 473,832 pairs of different ones, each hung in eight ways, no two differ in
fewer than 84 bits; a copy halved, quartered, saved as JPEG of quality 10, buried in noise of sigma 50 or cut by 2 % at
every side differs in at most 46, and the rainy pictures of Rain100L differ in at most 47 from the dry ones.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Signature = NDArray[np.bool_]
Words = NDArray[np.uint64]

ALIKE = 56
"""Two signatures that differ in at most so many of their 255 bits are of one picture."""

_SLOWEST_ALIKE = 14
"""... and in at most so many of the 63 slowest: tried first, on a quarter of the bits."""

_WAVES, _SAMPLES = 16, 64
_LOW_BITS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_ONES = np.uint64(0x0101010101010101)

HUNG = (
    "",
    "mirrored",
    "upside down",
    "turned by 180 degrees",
    *["turned by 90 degrees or mirrored about a diagonal"] * 4,
)
"""What was done to a picture whose signature is found the nth way; the first is nothing."""


def signature(luma: NDArray[np.float32]) -> Signature:
    """Of (H, W) luma in any unit; that of a picture of one colour means nothing."""
    height, width = luma.shape
    step = max(1, min(height, width) // 256)
    if step > 1:
        whole = luma[: height // step * step, : width // step * step]
        luma = whole.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    small = _averages(_averages(luma, 0), 1)
    signs = np.einsum("uj,vj->uv", np.einsum("ui,ij->uj", _cosines(), small), _cosines()) > 0
    signs[0, 0] = False  # brightness, always positive
    return signs


def words(signs: Signature) -> Words:
    """(..., 16, 16) booleans to (..., 4) words, the slowest 8 x 8 waves first."""
    blocks = signs.reshape(*signs.shape[:-2], 2, 8, 2, 8).swapaxes(-3, -2)
    packed = np.packbits(blocks.reshape(*signs.shape[:-2], 4, 64), axis=-1)
    return np.ascontiguousarray(packed).view(np.uint64)[..., 0]


def hung(signs: Signature) -> Signature:
    """(8, ..., 16, 16): the picture as it is, mirrored about either axis and both, and the same of its transpose."""
    odd = np.arange(_WAVES) % 2 == 1
    ways = []
    for turned in (signs, signs.swapaxes(-1, -2)):
        for down, across in ((False, False), (False, True), (True, False), (True, True)):
            ways.append(turned ^ (down & odd)[:, None] ^ (across & odd)[None])
    result = np.stack(ways)
    result[..., 0, 0] = False
    return result


def to_text(signs: Signature) -> str:
    """64 hexadecimal digits."""
    return np.packbits(signs).tobytes().hex()


def from_text(text: str) -> Signature:
    """What ``to_text`` was given."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8)).astype(bool).reshape(_WAVES, _WAVES)


def alike(first: Signature, second: Signature | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Every (i, j, bits that differ, way j is hung) of alike ones among (N, 16, 16) and (M, 16, 16).

    Without ``second``, pairs i < j of the first. All pairs are compared: 10,000 pictures take a second or two,
    100,000 a few minutes, far less than to decode them.
    """
    mine = words(first)
    others = words(hung(first if second is None else second))
    for i, own in enumerate(mine):
        skip = i + 1 if second is None else 0
        best: dict[int, tuple[int, int]] = {}
        for way, theirs in enumerate(others):
            near = np.flatnonzero(_count(theirs[skip:, 0] ^ own[0]) <= _SLOWEST_ALIKE) + skip
            for j, bits in zip(near, _count(theirs[near] ^ own).sum(axis=1), strict=True):
                if bits <= ALIKE:
                    best[int(j)] = min(best.get(int(j), (256, 0)), (int(bits), way))
        for j, (bits, way) in sorted(best.items()):
            yield i, j, bits, way


def _count(bits: Words) -> NDArray[np.integer]:
    """How many bits of each word are set."""
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.bitwise_count(bits)
    pairs, fours, eights = _LOW_BITS
    bits = bits - ((bits >> np.uint64(1)) & pairs)
    bits = (bits & fours) + ((bits >> np.uint64(2)) & fours)
    bits = (bits + (bits >> np.uint64(4))) & eights
    return ((bits * _ONES) >> np.uint64(56)).astype(np.uint16)


def _averages(luma: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """The means over 64 equal parts of one side, parts of pixels counted as such."""
    total = np.cumsum(luma, axis=axis, dtype=np.float64)
    edges = np.linspace(0, luma.shape[axis], _SAMPLES + 1)[1:]
    whole = np.minimum(edges.astype(int), luma.shape[axis] - 1)
    part = np.expand_dims(edges - whole, 1 - axis)
    before = np.take(total, whole, axis) - np.take(luma, whole, axis)
    upto = before + part * np.take(luma, whole, axis)
    return np.diff(upto, axis=axis, prepend=0) * (_SAMPLES / luma.shape[axis])


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float32]:
    samples, waves = np.arange(_SAMPLES), np.arange(_WAVES)
    return np.cos(np.pi * (2 * samples[None] + 1) * waves[:, None] / (2 * _SAMPLES)).astype(np.float32)
