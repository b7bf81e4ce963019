"""The effective receptive field is what the gradient says, also where the answer is known beforehand."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.analyze.field import receptive_field
from pixmend.errors import PixmendError
from pixmend.evaluate.baseline import BicubicEnlarge
from pixmend.models import build
from pixmend.models.base import Restorer
from pixmend.seeding import generator
from small import SMALL


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=generator(shape))


class Convolutions(Restorer):
    """So many of 3 x 3, all weights 1 / 9; channels apart."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.kernel, self.count = nn.Parameter(torch.full((3, 1, 3, 3), 1 / 9)), count

    def restore(self, x: Tensor) -> Tensor:
        for _ in range(self.count):
            x = F.conv2d(x, self.kernel, padding=1, groups=3)
        return x


class Windowed(Restorer):
    """Every pixel becomes the mean of its window."""

    multiple = 8

    def restore(self, x: Tensor) -> Tensor:
        means = F.avg_pool2d(x, 8)
        return means.repeat_interleave(8, -1).repeat_interleave(8, -2)


class Pooled(Restorer):
    """Adds the mean of the whole picture."""

    def restore(self, x: Tensor) -> Tensor:
        return x + x.mean((-2, -1), keepdim=True)


def test_the_field_of_bicubic_enlargement_is_its_kernel() -> None:
    # Keys' kernel at the four distances from an output pixel that lies a quarter of a pixel before its own.
    taps = torch.tensor([-0.0234375, 0.2265625, 0.8671875, -0.0703125], dtype=torch.float64)
    field = receptive_field(BicubicEnlarge(2), noise(3, 20, 24), at=[(20, 22)])
    assert field.map.shape == (20, 24) and field.centre == (10, 11)
    torch.testing.assert_close(field.map[8:12, 9:13], (taps[:, None] * taps).abs(), atol=1e-6, rtol=0)
    assert int((field.map > 0).sum()) == 16 and field.support == 2 and field.touched == 16 / 480


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_stack_of_convolutions_reaches_as_far_as_it_has_layers_and_no_further(count: int) -> None:
    field = receptive_field(Convolutions(count), noise(3, 30, 30))
    assert field.support == count and field.touched == pytest.approx(((2 * count + 1) / 30) ** 2)
    assert float(field.weight[count]) == pytest.approx(1) and field.outside(count - 1) > 0 and field.outside(99) == 0


def test_one_convolution_has_its_energy_where_its_weights_are() -> None:
    field = receptive_field(Convolutions(1), noise(3, 30, 30))
    assert float(field.energy[0]) == pytest.approx(1 / 9) and float(field.weight[1]) == pytest.approx(1)
    assert (field.radius(0.1), field.radius(0.5), field.area()) == (0, 1, 9)


@pytest.mark.parametrize(("row", "column"), [(8, 8), (15, 9), (12, 15)])
def test_the_field_of_a_window_ends_where_the_window_does(row: int, column: int) -> None:
    field = receptive_field(Windowed(), noise(3, 24, 24), at=[(row, column)])
    inside = torch.zeros(24, 24, dtype=torch.bool)
    inside[8:16, 8:16] = True
    assert torch.equal(field.map > 0, inside)


def test_the_mean_field_lays_all_phases_of_the_window_over_one_another() -> None:
    field = receptive_field(Windowed(), noise(3, 32, 32), pixels=64)
    assert len({(row % 8, column % 8) for row, column in field.pixels}) > 32
    down, across = field.centre
    assert float(field.map[down, across]) == pytest.approx(1 / 64)
    assert field.support == 7 and field.map[down, across] > field.map[down, across + 4] > field.map[down, across + 6]


def test_what_a_network_takes_from_the_whole_picture_reaches_everywhere() -> None:
    field = receptive_field(Pooled(), noise(3, 40, 40))
    assert field.touched == 1 and field.support == 20
    assert field.outside(10) == pytest.approx((1600 - 21**2) / 1600 / 2)
    assert float(field.energy[0]) > 0.999  # squares hide what is small and everywhere


def test_pictures_of_a_batch_are_averaged() -> None:
    class Masked(Restorer):
        def restore(self, x: Tensor) -> Tensor:
            return x * (1 + x.detach())

    pictures = torch.stack([torch.zeros(3, 9, 9), torch.ones(3, 9, 9)])
    assert float(receptive_field(Masked(), pictures).map[4, 4]) == pytest.approx(1.5)


@pytest.mark.parametrize("name", SMALL)
def test_every_family_has_a_field_about_the_pixel_that_is_asked(name: str) -> None:
    torch.manual_seed(0)
    network = build(SMALL[name]).train()
    network = network.select(network.tasks[0] if network.tasks else None)
    field = receptive_field(network, noise(network.in_channels, 16, 17), pixels=2)
    row, column = field.centre
    peak = divmod(int(field.map.argmax()), field.map.shape[1])
    assert max(abs(peak[0] - row), abs(peak[1] - column)) <= 2
    assert field.energy.diff().min() >= 0 and float(field.energy[-1]) == pytest.approx(1)
    assert network.training and all(parameter.grad is None for parameter in network.parameters())


def test_a_pixel_seen_in_two_windows_of_fixed_size_has_the_field_of_both() -> None:
    class Fixed(Windowed):
        fixed_size, multiple = 8, 1

    field = receptive_field(Fixed(), noise(3, 12, 12), at=[(5, 5)])
    assert field.touched == 1
    assert receptive_field(Fixed(), noise(3, 12, 12), at=[(1, 1)]).touched == 64 / 144


@pytest.mark.parametrize("at", [(16, 0), (0, -1), (3, 40)])
def test_a_pixel_outside_the_result_is_refused(at: tuple[int, int]) -> None:
    with pytest.raises(PixmendError, match=f"row {at[0]}, column {at[1]} lies outside the result of 40 x 16 pixels"):
        receptive_field(Convolutions(1), noise(3, 16, 40), at=[at])


def test_no_pixels_and_pixels_that_nothing_moves_are_refused() -> None:
    class Black(Restorer):
        def restore(self, x: Tensor) -> Tensor:
            return x * 0

    with pytest.raises(PixmendError, match="expected one or more pixels"):
        receptive_field(Convolutions(1), noise(3, 16, 16), at=[])
    with pytest.raises(PixmendError, match="expected 1 or more, got 0"):
        receptive_field(Convolutions(1), noise(3, 16, 16), pixels=0)
    with pytest.raises(PixmendError, match=r"nothing in the picture moves pixel \(8, 8\)"):
        receptive_field(Black(), noise(3, 16, 16))


def test_channels_of_opposite_sign_do_not_cancel() -> None:
    class Difference(Restorer):
        def restore(self, x: Tensor) -> Tensor:
            return (x[:, :1] - x[:, 1:2]).expand(-1, 3, -1, -1)

    assert float(receptive_field(Difference(), noise(3, 5, 5), at=[(2, 2)]).map[2, 2]) == 2


def test_pixels_of_the_mean_are_spread_over_a_cell_of_the_input() -> None:
    pixels = receptive_field(BicubicEnlarge(2), noise(3, 40, 40), pixels=9).pixels
    for places in zip(*pixels, strict=True):
        assert 12 <= max(places) - min(places) < 16  # 8 pixels of the input
        assert min(places) >= 32 and max(places) < 48


def test_it_asks_in_inference_mode_and_leaves_the_picture_alone() -> None:
    network = Convolutions(2)
    plain = receptive_field(network, noise(3, 9, 9))
    with torch.inference_mode():
        made_there = noise(3, 9, 9)
        found = receptive_field(network, made_there)
    assert torch.equal(found.map, plain.map)
    assert torch.equal(receptive_field(network, made_there).map, plain.map)
    assert not made_there.requires_grad


def test_half_precision_is_refused() -> None:
    with pytest.raises(PixmendError, match="expected float32"):
        receptive_field(Convolutions(1).half(), noise(3, 16, 16))
