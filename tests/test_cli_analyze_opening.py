"""What every analysis begins with on the command line: networks, a picture, a place for the figure."""

from pathlib import Path

import pytest
import torch

from pixmend.cli.analyze.opening import figure_path, open_networks, open_picture
from pixmend.degrade import Bicubic
from pixmend.errors import PixmendError
from pixmend.image import read_image, write_image

EXAMPLE = Path(__file__).parent.parent / "examples" / "sign.png"


def test_networks_are_named_with_their_tasks():
    opened = open_networks(["bicubic", "default:sr_x3", "swinir_light:sr_x3"])
    assert [each.name for each in opened] == ["bicubic", "default:sr_x3", "swinir_light (untrained):sr_x3"]
    assert [each.network.scale for each in opened] == [3, 3, 3]


def test_a_network_of_several_tasks_enlarges_unless_told():
    (opened,) = open_networks(["default"])
    assert (opened.name, opened.network.tasks) == ("default:sr_x2", ("sr_x2",))
    (opened,) = open_networks(["default"], task="dn_g25")
    assert (opened.name, opened.network.tasks) == ("default:dn_g25", ("dn_g25",))


def test_an_untrained_network_is_the_same_every_time_and_leaves_the_generator_alone():
    before = torch.random.get_rng_state()
    first, second = (open_networks(["edt_t"])[0].network for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("models", "says"),
    [
        (["bicubic"], "bicubic: by how much"),
        (["default:dn_g25", "bicubic"], "bicubic: by how much"),
        (["defualt"], "no weights are called 'defualt'"),
        (["default:sr_x9"], r"no task 'sr_x9'.*as in default:sr_x2"),
        (["default", "default:sr_x2"], "default:sr_x2 is named twice"),
        (["hat_s:dn_g25"], "HAT enlarges 2, 3, 4 or 8 times"),
    ],
)
def test_what_cannot_be_opened_says_why(models, says):
    with pytest.raises(PixmendError, match=says):
        open_networks(models)


def test_a_picture_is_spoiled_then_cut_and_fits_the_channels(tmp_path):
    whole = open_picture(EXAMPLE, takes=3, chain="bicubic(scale=2)")
    height, width = read_image(EXAMPLE).shape[1:]
    assert whole.shape == (3, height // 2, width // 2)
    part = open_picture(EXAMPLE, takes=3, chain="bicubic(scale=2)", crop="4,6,20,30")
    assert torch.equal(part, whole[:, 4:24, 6:36])
    grey = open_picture(EXAMPLE, takes=1)
    assert grey.shape == (1, height, width)
    write_image(tmp_path / "grey.png", grey)
    assert open_picture(tmp_path / "grey.png", takes=3).shape == (3, height, width)


@pytest.mark.parametrize(
    "crop", ["1,2,3", "0,0,0,4", "a,b,c,d", "-1,0,4,4", "0,0,9999,4", "0,0,00,4", "0,0, 0,4", f"{'9' * 5000},0,4,4"]
)
def test_a_part_that_is_none_is_refused(crop):
    with pytest.raises(PixmendError, match="--crop"):
        open_picture(EXAMPLE, takes=3, crop=crop)


def test_a_chain_that_shrinks_is_given_sides_it_divides(tmp_path):
    image = read_image(EXAMPLE)[:, :31, :26]
    write_image(tmp_path / "odd.png", image)
    low = open_picture(tmp_path / "odd.png", takes=3, chain="bicubic(scale=4)")
    assert torch.equal(low, Bicubic(scale=4)(image[:, :28, :24]))
    with pytest.raises(PixmendError, match="multiples of 40"):
        open_picture(tmp_path / "odd.png", takes=3, chain="bicubic(scale=40)")


def test_bicubic_enlarges_like_the_first_network_that_does():
    names = ["default:dn_g25", "bicubic", "default:sr_x4"]
    assert [each.network.scale for each in open_networks(names)] == [1, 4, 4]


def test_two_views_are_refused():
    with pytest.raises(PixmendError, match="two views"):
        open_picture(EXAMPLE, takes=6)


def test_nothing_is_replaced_unless_told(tmp_path):
    path = tmp_path / "lam.png"
    assert figure_path(path, of=EXAMPLE, command="lam", force=False) == path
    path.with_suffix(".npz").touch()
    with pytest.raises(PixmendError, match=r"lam\.npz: exists already"):
        figure_path(path, of=EXAMPLE, command="lam", force=False)
    assert figure_path(path, of=EXAMPLE, command="lam", force=True) == path
    with pytest.raises(PixmendError, match=r"is what is asked about, and never replaced"):
        figure_path(EXAMPLE, of=EXAMPLE, command="lam", force=True)
    with pytest.raises(PixmendError, match=r"figures are PNG"):
        figure_path(tmp_path / "lam.jpg", of=EXAMPLE, command="lam", force=False)
    with pytest.raises(PixmendError, match="there is no folder"):
        figure_path(tmp_path / "none" / "lam.png", of=EXAMPLE, command="lam", force=False)
