"""Padding rules: each as its paper's script fits a picture to the windows."""

import pytest
import torch
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.evaluate.padding import parse_padding, restorer_with
from pixmend.models.base import Restorer


class Windowed(Restorer):
    """Takes multiples of 8 and keeps what it was given."""

    multiple = 8
    scale = 2

    def restore(self, x: Tensor) -> Tensor:
        self.seen = x
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Placed(Restorer):
    """Of a fixed size, and different at every place of the window, so that it shows which window a pixel is of."""

    fixed_size = 48

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        generator = torch.Generator().manual_seed(scale)
        self.place = torch.randn(1, 3, 48 * scale, 48 * scale, generator=generator)

    def restore(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=self.scale) + self.place


@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 23), (3, 9)])
def test_always_mirrors_to_the_next_multiple_even_where_the_size_is_one(height: int, width: int):
    model, x = Windowed(), torch.rand(1, 3, height, width)
    y = restorer_with(model, "always")(x)
    assert model.seen.shape[-2:] == ((height // 8 + 1) * 8, (width // 8 + 1) * 8)
    assert torch.equal(y, x.repeat_interleave(2, -1).repeat_interleave(2, -2))
    down = model.seen[:, :, height : 2 * height, :width]
    assert torch.equal(down, x.flip(-2)[..., : down.shape[-2], :]), "the border is repeated, as flip and cat do"


def test_needed_is_the_models_own_and_extends_nothing_that_fits():
    model = Windowed()
    assert restorer_with(model, "needed") is model
    model(torch.rand(1, 3, 16, 24))
    assert model.seen.shape[-2:] == (16, 24)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_chop_of_one_window_is_the_window(scale: int):
    model, x = Placed(scale), torch.rand(1, 3, 48, 48)
    assert torch.allclose(restorer_with(model, "chop")(x), model(x), atol=1e-6)


def test_chop_averages_the_inner_halves_of_four_windows_in_the_middle():
    model = Placed(1)
    chopped = restorer_with(model, "chop")(torch.zeros(1, 3, 120, 120))
    # at (50, 52) the windows that start at 24 and 36 have it in their inner half, down and across
    rows, columns = (50 - 24, 50 - 36), (52 - 24, 52 - 36)
    expected = torch.stack([model.place[0, :, row, column] for row in rows for column in columns]).mean(dim=0)
    assert torch.allclose(chopped[0, :, 50, 52], expected, atol=1e-6)


def test_chop_leaves_the_edges_to_the_windows_at_the_edge():
    model = Placed(2)
    chopped = restorer_with(model, "chop")(torch.zeros(1, 3, 101, 90))[0]
    place = model.place[0]
    assert torch.allclose(chopped[:, -1, -1], place[:, -1, -1], atol=1e-6)
    assert torch.allclose(chopped[:, :24, :96], place[:, :24], atol=1e-6), "the first rows are the first window's alone"
    # what 12 does not divide, 101 - 48 = 4 * 12 + 5, is the last window's from half of 48 - 5 into it
    start = (101 - 5) * 2 - int((48 - 5) / 2 * 2)
    bottom = chopped[:, start:, 0]
    assert torch.allclose(bottom, place[:, start - 2 * (101 - 48) :, 0], atol=1e-6)


@pytest.mark.parametrize("size", [(49, 49), (97, 130), (60, 48), (131, 61)])
def test_chop_counts_every_output_once_in_all(size: tuple[int, int]):
    class Constant(Placed):
        def restore(self, x: Tensor) -> Tensor:
            return nn.functional.interpolate(x, scale_factor=self.scale)

    x = torch.rand(2, 3, *size)
    for scale in (1, 3):
        y = restorer_with(Constant(scale), "chop")(x)
        assert torch.allclose(y, nn.functional.interpolate(x, scale_factor=scale), atol=1e-6)


def test_rules_that_would_change_nothing_or_cannot_be_are_refused():
    with pytest.raises(PixmendError, match="padding always: this network has no windows"):
        restorer_with(Restorer(), "always")
    with pytest.raises(PixmendError, match="padding chop: is for networks that take one size only"):
        restorer_with(Windowed(), "chop")
    with pytest.raises(PixmendError, match="at least 48 x 48, got 60 x 40"):
        restorer_with(Placed(1), "chop")(torch.rand(1, 3, 40, 60))
    with pytest.raises(PixmendError, match="no padding is called 'reflect'"):
        parse_padding("reflect")
