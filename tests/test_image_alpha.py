"""No rim around what is cut out: hidden colours are replaced before a network sees them. And other whole pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import pixmend as pm
from pixmend.image import Picture, bled, read_picture, write_picture
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.seeding import generator

RED = torch.tensor([0.9, 0.1, 0.1])[:, None, None]


@pytest.fixture(scope="module")
def twice() -> Pipeline:
    """The bundled network, enlarging twice."""
    return Pipeline(pm.load("default"), task="sr_x2", device="cpu")


def disc(side: int = 24) -> Tensor:
    """(1, H, W): 1 in a disc, 0 around it, and in between along its edge."""
    axis = torch.arange(side) + 0.5 - side / 2
    return (side / 3 - torch.hypot(axis[:, None], axis)).clamp(0, 1)[None]


def test_a_red_disc_on_transparent_black_has_no_darker_rim(twice: Pipeline):
    alpha = disc()
    opaque = restore_picture(twice, Picture(pixels=RED.expand(3, 24, 24).contiguous())).pixels
    hidden = torch.where(alpha > 0, RED, torch.zeros(()))
    cut = restore_picture(twice, Picture(pixels=hidden, alpha=alpha))
    assert cut.alpha is not None
    seen = (cut.alpha > 0).expand(3, -1, -1)
    assert (cut.pixels - opaque)[seen].abs().max() < 1e-5
    assert (twice(hidden) - opaque)[seen].abs().max() > 0.5, "so it would be without"


def test_the_edge_of_what_is_cut_out_stays_clean(twice: Pipeline):
    alpha = (disc() > 0.5).float()
    enlarged = restore_picture(twice, Picture(pixels=RED.expand(3, 24, 24).contiguous(), alpha=alpha)).alpha
    assert enlarged is not None
    inside, outside = (torch.nn.functional.max_pool2d(plane, 5, 1, 2) for plane in (alpha, 1 - alpha))
    double = torch.nn.Upsample(scale_factor=2)
    assert (enlarged[double(outside[None])[0] == 0] == 1).all(), "no ripples within"
    assert (enlarged[double(inside[None])[0] == 0] == 0).all(), "no ghosts without"


def test_opaque_pictures_stay_opaque_and_are_restored_as_without_alpha(twice: Pipeline):
    pixels = torch.rand(3, 20, 20, generator=generator(1))
    plain = restore_picture(twice, Picture(pixels=pixels))
    opaque = restore_picture(twice, Picture(pixels=pixels, alpha=torch.ones(1, 20, 20)))
    assert torch.equal(plain.pixels, opaque.pixels)
    assert opaque.alpha is not None and torch.equal(opaque.alpha, torch.ones(1, 40, 40))


def test_several_channels_are_restored_one_by_one(twice: Pipeline):
    pixels = torch.rand(5, 16, 16, generator=generator(2))
    ranges = tuple((0.0, float(n + 1)) for n in range(5))
    steps: list[tuple[int, int]] = []
    picture = Picture(pixels=pixels, depth=16, ranges=ranges, icc=b"icc", exif=None, xmp=b"xmp", dpi=(3.0, 4.0))
    after = restore_picture(twice, picture, progress=lambda done, total: steps.append((done, total)))
    assert torch.equal(after.pixels, torch.cat([twice(plane[None]) for plane in pixels]))
    assert (after.depth, after.ranges, after.icc, after.xmp, after.dpi) == (16, ranges, b"icc", b"xmp", (3.0, 4.0))
    assert steps == sorted(steps) and steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_restored_to_sixteen_bits(suffix: str, twice: Pipeline, tmp_path: Path):
    ramp = torch.linspace(0.4, 0.41, 24).expand(1, 24, 24).contiguous()
    write_picture(tmp_path / f"a{suffix}", Picture(pixels=ramp, depth=16))
    write_picture(tmp_path / f"b{suffix}", restore_picture(twice, read_picture(tmp_path / f"a{suffix}")))
    after = read_picture(tmp_path / f"b{suffix}")
    assert after.depth == 16 and len(np.unique(after.pixels[:, 24].numpy())) > 24, "8 bits would leave four steps"


# Bleeding


def test_colours_beside_the_hidden_ones_are_spread_and_seen_ones_untouched():
    alpha = torch.zeros(1, 9, 64)
    alpha[..., :8], alpha[..., -8:] = 1, 1
    pixels = torch.rand(3, 9, 64, generator=generator(3))
    pixels[:, :, :8], pixels[:, :, -8:] = RED, 1 - RED
    filled = bled(pixels, alpha)
    assert torch.equal(filled[..., :8], pixels[..., :8]) and torch.equal(filled[..., -8:], pixels[..., -8:])
    assert (filled[:, :, 8] - RED[..., 0]).abs().max() < 0.15 and (
        filled[:, :, 55] - 1 + RED[..., 0]
    ).abs().max() < 0.15


@pytest.mark.parametrize("alpha", [0.0, 1.0, 0.5])
def test_with_all_or_nothing_hidden_there_is_nothing_to_do(alpha: float):
    pixels = torch.rand(3, 5, 6, generator=generator(4))
    assert bled(pixels, torch.full((1, 5, 6), alpha)) is pixels


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 33), st.integers(1, 33)),
    channels=st.sampled_from([1, 3]),
    share=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_bled_colours_lie_within_those_that_are_seen(size, channels, share, seed):
    random = generator(seed)
    alpha = (torch.rand(1, *size, generator=random) < share).float()
    pixels = 0.2 + 0.5 * torch.rand(channels, *size, generator=random)
    hidden = torch.where(alpha > 0, pixels, torch.ones(()))
    filled = bled(hidden, alpha)
    seen = alpha.expand(channels, -1, -1) > 0
    assert torch.equal(filled[seen], pixels[seen])
    if seen.any():
        assert filled.min() >= 0.2 - 1e-4 and filled.max() <= 0.7 + 1e-4
