"""The command: what it draws, prints and refuses."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.cli import run


@pytest.fixture
def photo(tmp_path, monkeypatch) -> str:
    """40 x 32 pixels of noise, in the folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    save("photo.png", 40, 32)
    return "photo.png"


def save(name: str, width: int, height: int, *, busy: tuple[int, int] | None = None) -> None:
    pixels = torch.randint(256, (height, width, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    if busy is not None:
        quiet = torch.full_like(pixels, 128)
        part = (slice(busy[0], busy[0] + 40), slice(busy[1], busy[1] + 40))
        quiet[part] = pixels[part]
        pixels = quiet
    Image.fromarray(pixels.numpy()).save(name)


def asked(capsys, *arguments: str) -> dict:
    assert run(["analyze", "attention", *arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments: str) -> str:
    assert run(["analyze", "attention", *arguments]) == 1
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.count("\n") == 1
    return captured.err


def test_distances_of_two_networks_are_drawn_printed_and_kept(photo, tmp_path, capsys):
    assert run(["analyze", "attention", photo, "--model", "default", "--model", "edt_p:sr_x2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["photo-attention.png", "photo-attention.npz"]
    rows = [line for line in lines if "4 x 16 windows" in line]
    assert [row.split()[0] for row in rows] == ["default:sr_x2"] * 2 + ["edt_p"] * 2
    arrays = np.load("photo-attention.npz")
    assert arrays["distance 0"].shape == (16, 2)  # 8 blocks of two halves, two heads
    assert (arrays["distance 0"] != arrays["distance 1"]).all()
    facts = json.loads(str(arrays["pixmend"]))
    assert facts["models"] == ["default:sr_x2", "edt_p (untrained):sr_x2"]
    assert json.loads(Image.open("photo-attention.png").text["pixmend"]) == facts


def test_json_holds_every_head_of_every_attention(photo, capsys):
    said = asked(capsys, photo)
    (reaches,) = said["models"].values()
    assert len(reaches) == 16
    for reach in reaches:
        assert all(0 < each < 2 * reach["uniform"] for each in reach["distance"])
        assert all(0 < each <= reach["even entropy"] * 1.0001 for each in reach["entropy"])


def test_json_of_channels_has_no_distance(photo, capsys):
    reaches = asked(capsys, photo, "--model", "restormer", "--crop", "0,0,8,8")["models"]["restormer (untrained)"]
    assert {reach["looks at"] for reach in reaches} == {"channels"}
    assert reaches[0]["distance"] == [None]


def test_a_layer_is_shown_from_a_place_of_the_picture(photo, capsys):
    said = asked(capsys, photo, "--layer", "layers.0.residual_group.blocks.1", "--at", "31,7", "--out", "maps.png")
    assert [each["looks at"] for each in said["maps"]] == ["4 x 16 windows", "16 x 4 windows"]
    assert all(each["query"] == [31, 7] for each in said["maps"])
    arrays = np.load("maps.npz")
    assert arrays["weights 0"].shape == (2, 2, 8)  # the corner of a window shifted by half
    assert arrays["weights 0"].sum((1, 2)) == pytest.approx([1, 1], rel=1e-5)
    assert Image.open("maps.png").width > 300


def test_a_layer_is_shown_in_a_table(photo, capsys):
    assert run(["analyze", "attention", photo, "--layer", "layers.1.residual_group.blocks.0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("attns." in line for line in lines) == 4  # two halves, two heads


@pytest.mark.parametrize("busy", [(0, 0), (110, 210)])
def test_of_a_large_picture_the_textured_part_is_asked_on_the_grid_of_windows(photo, capsys, busy):
    save("large.png", 250, 150, busy=busy)
    said = asked(capsys, "large.png")
    size, begins = said["part"].split(" from row ")
    top, left = map(int, begins.split(", column "))
    assert size == "96 x 96"
    assert top <= busy[0] + 20 < top + 96 and left <= busy[1] + 20 < left + 96
    assert all(begin % 16 == 0 or begin == length - 96 for begin, length in ((top, 150), (left, 250)))


def test_of_a_large_picture_the_part_around_the_place_is_asked(photo, capsys):
    save("large.png", 250, 150)
    for row, column in ((149, 249), (100, 3)):
        said = asked(
            capsys,
            "large.png",
            "--layer",
            "layers.0.residual_group.blocks.0.attns.0",
            "--at",
            f"{row},{column}",
            "--force",
        )
        assert said["maps"][0]["query"] == [row, column]


def test_a_crop_is_asked_whole(photo, capsys):
    assert asked(capsys, photo, "--crop", "0,8,16,24")["part"] == "24 x 16 from row 0, column 8"


def test_places_are_those_of_the_picture_that_was_given_and_not_of_the_crop(photo, capsys):
    layer = ("--layer", "layers.0.residual_group.blocks.0", "--crop", "12,8,16,24")
    assert asked(capsys, photo, *layer, "--at", "20,10")["maps"][0]["query"] == [20, 10]
    assert "outside the part from row 12, column 8" in refused(capsys, photo, *layer, "--at", "3,10", "--force")
    assert "--at 30,10: lies outside" in refused(capsys, photo, *layer, "--at", "30,10", "--force")


def test_a_picture_that_is_mostly_extension_is_told(photo, capsys):
    Image.new("L", (3, 5), 90).save("dot.png")
    assert run(["analyze", "attention", "dot.png", "--model", "default"]) == 0
    assert "3 x 5 are extended to 16 x 16: 94.1% of the tokens are no picture" in capsys.readouterr().err
    assert run(["analyze", "attention", photo, "--model", "default"]) == 0
    assert capsys.readouterr().err == ""


def test_a_grey_picture_of_one_pixel_is_asked(photo, capsys):
    Image.new("L", (1, 1), 90).save("dot.png")
    assert asked(capsys, "dot.png")["part"] == "1 x 1 from row 0, column 0"
    assert asked(capsys, "dot.png", "--layer", "layers.0.residual_group.blocks.0", "--force")["maps"][0]["query"] == [
        0,
        0,
    ]


def test_a_network_without_attention_is_named_as_such(photo, capsys):
    assert "EDSR has no attention" in refused(capsys, photo, "--model", "edsr_baseline")


def test_what_cannot_be_shown_is_refused_before_anything_is_drawn(photo, tmp_path, capsys):
    layer = ("--layer", "layers.0.residual_group.blocks.0")
    assert "no attention in 'layers.9'" in refused(capsys, photo, "--layer", "layers.9")
    assert "expected ROW,COLUMN" in refused(capsys, photo, *layer, "--at", "1;2")
    assert "expected ROW,COLUMN" in refused(capsys, photo, *layer, "--at=-1,2")
    assert "has 32 rows and 40 columns" in refused(capsys, photo, *layer, "--at", "32,0")
    assert "--at is where a layer looks from" in refused(capsys, photo, "--at", "1,2")
    assert "give one --model" in refused(capsys, photo, *layer, "--model", "default", "--model", "edt_p")
    assert "give it a name that ends in .png" in refused(capsys, photo, "--out", "figure.pdf")
    assert "from 1 to 8 attentions" in refused(capsys, photo, "--layer", "layers.0", "--layer", "layers.1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


def test_a_figure_that_is_there_is_replaced_by_force_alone(photo, capsys):
    asked(capsys, photo, "--crop", "0,0,16,16")
    assert "exists already: give --force" in refused(capsys, photo)
    asked(capsys, photo, "--crop", "0,0,16,16", "--force")
