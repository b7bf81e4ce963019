"""A network asked in eight ways, and one whose word counts half: the same contract, the same weights."""

import pytest
import torch
from torch import Tensor, nn

from pixmend.degrade import imresize
from pixmend.errors import PixmendError
from pixmend.infer.ensemble import TURNS, Ensembled
from pixmend.infer.fingerprint import fingerprint
from pixmend.infer.guard import Flat
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.plan import smallest_tile
from pixmend.infer.reach import measure_reach
from pixmend.infer.strength import Blended
from pixmend.models import build
from pixmend.models.base import Restorer
from small import SMALL


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def small(name: str) -> Restorer:
    torch.manual_seed(0)
    network = build(SMALL[name]).eval()
    return network.select(network.tasks[0] if network.tasks else None)


class Convolved(Restorer):
    """One convolution that treats no direction like another."""

    def __init__(
        self, scale: int = 1, *, channels: int = 3, gives: int | None = None, fixed: int | None = None
    ) -> None:
        super().__init__()
        self.scale, self.in_channels, self.out_channels = scale, channels, gives or channels
        self.fixed_size = fixed
        torch.manual_seed(0)
        self.conv = nn.Conv2d(channels, self.out_channels * scale**2, 3, padding=1, padding_mode="reflect")
        self.shapes: list[torch.Size] = []

    def restore(self, x: Tensor) -> Tensor:
        self.shapes.append(x.shape)
        return nn.functional.pixel_shuffle(self.conv(x), self.scale)


# Ensemble


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_a_network_of_every_family_comes_out_laid_as_the_picture_is(name: str) -> None:
    network = Ensembled(small(name))
    side = network.multiple * (2 if network.multiple > 8 else 3)
    x = noise(1, network.in_channels, side, side + network.multiple)
    y = network(x)
    for turn in (TURNS[1], TURNS[6]):
        torch.testing.assert_close(network(turn.there(x)), turn.there(y), rtol=0, atol=1e-4 * float(y.std()))


@torch.inference_mode()
def test_it_is_the_mean_over_the_eight_turns() -> None:
    network, x = Convolved(2), noise(2, 3, 9, 14)
    mean = sum(turn.back(network(turn.there(x))) for turn in TURNS) / 8
    torch.testing.assert_close(Ensembled(network)(x), mean, rtol=0, atol=1e-6)
    assert (mean - network(x)).abs().max() > 0.01


@pytest.mark.parametrize("name", ["rrdbnet", "swinir"])
def test_tiles_give_what_the_whole_picture_gives(name: str) -> None:
    network = small(name)
    tile = smallest_tile(network.multiple)
    image = noise(network.in_channels, 2 * tile - 11, tile - 5)
    whole = Ensembled(network)(image[None])[0].detach()
    tiled = Pipeline(network, tile=tile, ensemble=8)(image)
    plain = (Pipeline(network, tile=tile)(image) - network(image[None])[0].detach()).abs().max()
    assert (tiled - whole).abs().max() <= max(2 * float(plain), 1e-5)


def test_a_network_of_fixed_windows_is_asked_in_eight_ways_too() -> None:
    network, image = Convolved(fixed=48), noise(3, 50, 90)
    result = Pipeline(network, ensemble=8)(image)
    assert {tuple(shape[-2:]) for shape in network.shapes} == {(48, 48)}
    torch.testing.assert_close(result, Ensembled(Convolved())(image[None])[0].detach(), rtol=0, atol=0.05)
    assert (result[:, 8:-8, 8:-8] - Ensembled(Convolved())(image[None])[0, :, 8:-8, 8:-8]).abs().max() < 1e-5


def test_two_views_are_refused() -> None:
    with pytest.raises(PixmendError, match="ensemble: the network sees a left and a right view"):
        Pipeline(Convolved(channels=6, gives=3), ensemble=8)


@pytest.mark.parametrize("ensemble", [0, 2, 4, 9, -1, 8.5, "8"])
def test_an_ensemble_of_another_number_is_refused(ensemble: int) -> None:
    with pytest.raises(PixmendError, match="ensemble: expected 1 or 8, got"):
        Pipeline(Convolved(), ensemble=ensemble)


def test_grey_goes_through_a_network_of_colour_and_colours_through_a_grey_one() -> None:
    assert Pipeline(Convolved(2), ensemble=8)(noise(1, 20, 30)).shape == (1, 40, 60)
    assert Pipeline(Convolved(2, channels=1), ensemble=8, strength=0.5)(noise(3, 20, 30)).shape == (3, 40, 60)


def test_the_time_foretold_is_that_of_eight_and_the_memory_of_little_more_than_one() -> None:
    network = small("rrdbnet")
    plain, eight = Pipeline(network, ensemble=1), Pipeline(network, ensemble=8)
    assert eight.footprints[0].seconds > 4 * plain.footprints[0].seconds
    assert eight.footprints[0].per_pixel < 1.5 * plain.footprints[0].per_pixel


def test_lower_precision_is_summed_in_float32() -> None:
    image = noise(3, 24, 24)
    result = Pipeline(Convolved(), ensemble=8, precision="bfloat16")(image)
    assert not torch.equal(result, result.bfloat16().float())
    torch.testing.assert_close(result, Pipeline(Convolved(), ensemble=8)(image), rtol=0, atol=0.01)


def test_how_far_it_looks_can_be_measured() -> None:
    assert measure_reach(Ensembled(Convolved()), noise(3, 40, 40)).distance(0.01) == 1
    image = noise(3, 150, 90)
    measured = Pipeline(Convolved(), ensemble=8, tile=64, overlap="measured")(image)
    torch.testing.assert_close(measured, Ensembled(Convolved())(image[None])[0].detach(), rtol=0, atol=0.5 / 255)


# Strength


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_half_of_a_network_of_every_family_lies_in_the_middle(name: str) -> None:
    network = small(name)
    x = noise(1, network.in_channels, 20, 24)
    expected = (network(x) + imresize(x, scale=network.scale)) / 2
    torch.testing.assert_close(Blended(network, 0.5)(x), expected, rtol=0, atol=1e-5)


def test_a_strength_of_one_is_the_network_itself() -> None:
    network = Convolved(2)
    assert Pipeline(network, strength=1).networks == (network,)
    x = noise(1, 3, 20, 24)
    assert torch.equal(Blended(network, 1.0)(x), network(x))


def test_less_strength_of_an_ensemble_is_blended_once() -> None:
    network, image = Convolved(2), noise(3, 20, 24)
    result = Pipeline(network, ensemble=8, strength=0.25)(image)
    expected = 0.25 * Ensembled(network)(image[None])[0].detach() + 0.75 * imresize(image, scale=2)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


def test_in_lower_precision_the_picture_itself_keeps_its_own() -> None:
    image = noise(3, 24, 24)
    blend = Pipeline(Convolved(2), strength=0.01, precision="bfloat16")(image)
    torch.testing.assert_close(blend, Pipeline(Convolved(2), strength=0.01)(image), rtol=0, atol=1e-4)


def test_tiles_of_a_blend_cannot_be_seen() -> None:
    image, whole = noise(3, 150, 90), Pipeline(Convolved(2), strength=0.5)
    tiled = Pipeline(Convolved(2), strength=0.5, tile=64)
    torch.testing.assert_close(tiled(image), whole(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize("strength", [0, -0.5, 1.01, 2, float("nan"), float("inf")])
def test_a_strength_of_nothing_or_more_than_all_is_refused(strength: float) -> None:
    with pytest.raises(PixmendError, match="strength: expected more than 0, up to 1, got"):
        Pipeline(Convolved(), strength=strength)


def test_what_has_other_channels_cannot_be_blended() -> None:
    with pytest.raises(PixmendError, match="strength: the network makes 3 channels of 6"):
        Pipeline(Convolved(channels=6, gives=3), strength=0.5)


@pytest.mark.parametrize("ensemble", [1, 8])
def test_damaged_weights_cannot_hide_in_a_blend(ensemble: int) -> None:
    network = Convolved()
    nn.init.zeros_(network.conv.weight)
    with pytest.raises(Flat, match="one value everywhere"):
        Pipeline(network, strength=0.5, ensemble=ensemble)(noise(3, 20, 20))
    nn.init.constant_(network.conv.weight, float("nan"))
    with pytest.raises(PixmendError, match="not finite"):
        Pipeline(network, strength=0.5, ensemble=ensemble)(noise(3, 20, 20))


# Both


def test_the_fingerprint_is_that_of_the_weights() -> None:
    network = Convolved()
    plain = fingerprint(network)
    (wrapped,) = Pipeline(network, ensemble=8, strength=0.5).networks
    assert isinstance(wrapped, Blended) and isinstance(wrapped.inner, Ensembled)
    assert fingerprint(wrapped) == plain
    nn.init.zeros_(network.conv.bias)
    assert fingerprint(wrapped) != plain


def test_a_network_that_does_nothing_is_told_in_any_clothes() -> None:
    class Nothing(Restorer):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def restore(self, x: Tensor) -> Tensor:
            return x * self.weight

    report = Pipeline(Nothing(), ensemble=8, strength=0.5).restore(noise(3, 20, 20)).report
    assert any("the picture itself" in line for line in report.warnings)
