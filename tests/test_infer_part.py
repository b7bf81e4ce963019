"""A part of a picture is restored as it would be within the whole."""

from dataclasses import replace

import pytest
import torch

from pixmend.image import Picture
from pixmend.image.place import Place
from pixmend.infer.part import Box, restore_part
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.models import build
from pixmend.seeding import generator
from small import SMALL

BOX = Box(left=45, top=43, width=20, height=17)


@pytest.fixture(scope="module")
def fix() -> Pipeline:
    """Windows of 8 pixels, every other time shifted: what comes out depends on where they begin, and on neighbours."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(SMALL["swinir"]).eval()
    return Pipeline(network, device="cpu")


def picture(*, alpha: bool = False) -> Picture:
    values = torch.rand(4, 96, 104, generator=generator(1))
    return Picture(pixels=values[:3], alpha=values[3:] if alpha else None)


def part_of(before: Picture, fix: Pipeline, *, size: tuple[int, int] | None = None) -> Picture:
    outer = BOX.around((before.pixels.shape[1], before.pixels.shape[2]), pipelines=[fix])
    assert outer.width < before.pixels.shape[2]
    return restore_part(fix, outer.cut(before), part=BOX.within(outer), size=size)


def test_a_part_has_its_neighbours_and_lies_on_the_networks_grid(fix: Pipeline) -> None:
    before = picture(alpha=True)
    whole, part = BOX.scaled(fix.scale).cut(restore_picture(fix, before)), part_of(before, fix)
    torch.testing.assert_close(part.pixels, whole.pixels, rtol=0, atol=1e-5)
    assert part.alpha is not None and whole.alpha is not None
    torch.testing.assert_close(part.alpha, whole.alpha, rtol=0, atol=1e-6)


def test_a_part_lies_where_it_lay_on_the_map(fix: Pipeline) -> None:
    tags = ((33550, 12, (10.0, 10.0, 0.0)), (33922, 12, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0)))
    place = part_of(replace(picture(), place=Place(size=(96, 104), tags=tags)), fix).place
    assert place is not None and place.size == (17 * fix.scale, 20 * fix.scale)
    (_, _, pixel), (_, _, tie) = place.tags
    assert pixel[:2] == (10 / fix.scale, 10 / fix.scale) and tie == (-45 * fix.scale, -43 * fix.scale, 0, 5e5, 4e6, 0)


def test_a_part_in_a_size_of_its_own_differs_from_the_wholes_only_at_its_edge(fix: Pipeline) -> None:
    before, box = picture(), Box(left=44, top=40, width=20, height=16)
    whole = restore_picture(fix, before, size=(144, 156)).pixels[:, 60:84, 66:96]
    outer = box.around((96, 104), pipelines=[fix])
    part = restore_part(fix, outer.cut(before), part=box.within(outer), size=(24, 30)).pixels
    torch.testing.assert_close(part[:, 3:-3, 3:-3], whole[:, 3:-3, 3:-3], rtol=0, atol=1e-5)


def test_several_networks_share_a_part_that_lies_on_the_grids_of_all() -> None:
    fixes = [
        Pipeline(build(SMALL[name]).eval(), device="cpu", task=task)
        for name, task in (("swinir", None), ("edt_t", "sr_x2"))
    ]
    outer = Box(left=200, top=300, width=10, height=10).around((1000, 1000), pipelines=fixes)
    assert [network.multiple for fix in fixes for network in fix.networks] == [8, 24]
    assert outer.left % 24 == outer.top % 24 == 0 and outer.left <= 168 and outer.left + outer.width >= 242
