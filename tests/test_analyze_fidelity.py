"""Maps of doubt find what was planted, are silent where nothing was, and tell of the error what is to be told."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pixmend.analyze.fidelity import (
    DoubtMap,
    agreement,
    back_projected,
    difference_removed,
    disagreement,
    edges_of,
    ensemble,
    fidelity_of,
)
from pixmend.analyze.fidelity.figure import draw, places_of, window_of
from pixmend.analyze.fidelity.residual import degradation_of
from pixmend.degrade import JPEG, Bicubic, Chain, GaussianBlur, GaussianNoise, Round8, imresize
from pixmend.errors import PixmendError
from pixmend.evaluate.baseline import BicubicEnlarge, Identity
from pixmend.infer.ensemble import TURNS
from pixmend.models import build
from pixmend.models.base import Restorer
from small import SMALL


class Planted(Restorer):
    """Bicubic enlargement, and a bright spot at one place of it whatever the picture."""

    def __init__(self, *, top: int = 40, left: int = 16, scale: int = 2) -> None:
        super().__init__()
        self.scale, self.place = scale, (top, left)

    def restore(self, x: Tensor) -> Tensor:
        y = imresize(x, scale=self.scale).clone()
        top, left = self.place
        y[..., top : top + 8, left : left + 8] += 0.25
        return y


class Brighter(Restorer):
    """The picture with something added to all of it."""

    def __init__(self, by: float, *, task: str = "") -> None:
        super().__init__()
        self.by, self.tasks = by, (task,) if task else ()

    def restore(self, x: Tensor) -> Tensor:
        return x + self.by


class Slanted(Restorer):
    """Adds a ramp from left to right, which is another one in a turned picture."""

    def restore(self, x: Tensor) -> Tensor:
        return x + torch.linspace(-0.1, 0.1, x.shape[-1])


def smooth(height: int = 48, width: int = 40, *, channels: int = 3) -> Tensor:
    """A picture of slow waves, inside [0.3, 0.7]."""
    rows, columns = torch.arange(height)[:, None] / 9, torch.arange(width) / 7
    waves = torch.sin(rows) * torch.cos(columns) * 0.2 + 0.5
    return waves.expand(channels, -1, -1).contiguous()


@given(height=st.integers(1, 7), width=st.integers(1, 7), turn=st.sampled_from(TURNS))
def test_every_turn_is_undone_by_its_own_way_back(height: int, width: int, turn) -> None:
    image = torch.rand(3, height, width)

    assert turn.back(turn.there(image)).equal(image)


def test_the_eight_turns_are_eight_different_ones_and_the_first_is_none() -> None:
    image = torch.arange(9.0).view(1, 3, 3)

    assert len({tuple(turn.there(image).flatten().tolist()) for turn in TURNS}) == 8
    assert TURNS[0].there(image).equal(image)


def test_a_planted_spot_is_the_worst_place_of_the_back_projection() -> None:
    low = smooth()

    spotted = fidelity_of([Planted(top=40, left=16)], low).answers[0]
    place = spotted.residual.map.worst(8)[0]

    assert (place.top, place.left, place.height, place.width) == (40, 16, 8, 8)
    assert place.value == pytest.approx(0.25 * 255, rel=0.1)


def test_bicubic_enlargement_of_a_smooth_picture_comes_back_as_the_picture() -> None:
    answer = fidelity_of([BicubicEnlarge(2)], smooth()).answers[0]

    assert answer.residual.rms < 0.2
    assert answer.residual.psnr > 60


def test_what_the_reduction_loses_leaves_no_trace_in_the_back_projection() -> None:
    high = imresize(smooth(), scale=4)
    signs = torch.tensor([1.0, -1.0]).repeat(high.shape[-1] // 2)
    low = Bicubic(scale=4)(high)

    stripes = back_projected(high + 0.1 * signs, low, by=Bicubic(scale=4))

    assert stripes.rms < 1  # of stripes of 25.5 levels


def test_the_border_that_the_reduction_cannot_know_is_left_out_of_the_numbers() -> None:
    low = smooth()
    wrong = low.clone()
    wrong[:, 0] += 0.5
    residual = back_projected(imresize(low, scale=2), wrong, by=Bicubic(scale=2))

    assert residual.map.values[0].min() > 100
    assert residual.rms < 0.2
    assert all(place.top >= 4 for place in residual.map.worst(4))


def test_a_degradation_that_draws_at_random_is_refused() -> None:
    low = smooth()

    with pytest.raises(PixmendError, match="draws at random"):
        back_projected(low, low, by=GaussianNoise(sigma=5))


def test_a_degradation_of_another_size_is_refused() -> None:
    with pytest.raises(PixmendError, match="went through"):
        back_projected(smooth(), smooth(), by=Bicubic(scale=2))


def test_the_degradation_given_goes_before_that_of_the_task() -> None:
    blurred = Chain(GaussianBlur(sigma=1.0), Bicubic(scale=2), Round8())
    low = smooth()

    answer = fidelity_of([BicubicEnlarge(2)], low, again=blurred).answers[0]

    assert answer.residual.chain is not None and answer.residual.chain.startswith("gaussian_blur")


def test_a_network_against_jpeg_is_held_to_its_quality() -> None:
    assert degradation_of(Brighter(0, task="jpeg_q40")) == JPEG(quality=40)
    assert degradation_of(Brighter(0, task="dr_L")) is None
    assert degradation_of(Brighter(0)) is None


def test_removed_white_noise_passes_the_noise_test_with_its_own_deviation() -> None:
    clean = smooth(128, 128)
    noisy = GaussianNoise(sigma=25)(clean, 0)

    test = difference_removed(clean, noisy, task="dn_g25").noise

    assert test is not None and test.sigma == 25
    assert test.deviation == pytest.approx(25, rel=0.02)
    assert abs(test.neighbours) < 0.02
    assert abs(test.edges) < 0.2


def test_removed_shapes_show_in_the_noise_test_and_in_its_map() -> None:
    clean = smooth(128, 128)
    noisy = GaussianNoise(sigma=15)(clean, 0)
    noisy[:, 32:48, 64:80] += 0.15

    found = difference_removed(clean, noisy, task="dn_g15")

    assert found.noise is not None and found.noise.neighbours > 0.02
    place = found.map.worst(16)[0]
    assert abs(place.top - 32) <= 3 and abs(place.left - 64) <= 3
    assert found.map.mean == pytest.approx(15 / 5, rel=0.2)


def test_the_rain_taken_out_is_the_map() -> None:
    found = difference_removed(smooth(), smooth() + 0.2, task="dr_L")

    assert found.noise is None and found.chain is None
    assert found.map.values.min() == pytest.approx(51, abs=1e-3)


def test_what_is_removed_is_the_picture_less_the_result_and_what_comes_back_is_less_the_picture() -> None:
    removed = difference_removed(smooth(), smooth() + 0.2)
    contradicted = fidelity_of([Brighter(0.1, task="jpeg_q90")], smooth(8, 8), again=Round8()).answers[0].residual

    torch.testing.assert_close(removed.signed, torch.full((3, 48, 40), 51.0))
    torch.testing.assert_close(contradicted.signed, torch.full((3, 8, 8), 25.5), atol=0.51, rtol=0)  # of whole levels


def test_a_map_is_the_root_of_the_mean_square_of_the_colours() -> None:
    other = smooth() + torch.tensor([0.3, 0.0, 0.4]).view(3, 1, 1)

    values = difference_removed(smooth(), other).map.values

    torch.testing.assert_close(values, torch.full((48, 40), 255 * math.sqrt(0.25 / 3)))


def test_bicubic_enlargement_does_not_depend_on_how_the_picture_lies() -> None:
    _, doubt = ensemble(lambda image: imresize(image, scale=3), torch.rand(3, 9, 13) * 0.2 + 0.4)

    assert doubt.values.max() < 1e-3


def test_a_network_with_a_direction_differs_where_the_direction_matters() -> None:
    result, doubt = ensemble(lambda image: Slanted()(image[None])[0], torch.full((3, 9, 9), 0.5))

    # Ramps to all four sides: +a, -a, +b, -b, twice, with a deviation of the root of (a^2 + b^2) / 2.
    ramp = torch.linspace(-0.1, 0.1, 9) * 255
    expected = ((ramp[:, None].square() + ramp.square()) / 2).sqrt()
    torch.testing.assert_close(doubt.values, expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(result[0, 0], 0.5 + torch.linspace(-0.1, 0.1, 9))


def test_two_models_disagree_by_their_difference_and_each_is_brighter_by_half_of_it() -> None:
    found = fidelity_of([Brighter(0.1), Brighter(-0.02)], smooth()).disagreement

    assert found is not None
    assert found.map.mean == pytest.approx(0.12 * 255, rel=1e-4)
    assert found.biases == pytest.approx((0.06 * 255, -0.06 * 255), rel=1e-3)


def test_three_models_disagree_by_their_standard_deviation() -> None:
    found = disagreement([torch.full((3, 4, 4), value) for value in (0.2, 0.5, 0.8)])

    assert found.map.mean == pytest.approx(0.3 * 255 * math.sqrt(2 / 3), rel=1e-5)
    assert sum(found.biases) == pytest.approx(0, abs=1e-3)


def test_results_of_different_sizes_cannot_disagree() -> None:
    with pytest.raises(PixmendError, match="one size"):
        disagreement([torch.rand(3, 4, 4), torch.rand(3, 8, 8)])
    with pytest.raises(PixmendError, match="got 1"):
        disagreement([torch.rand(3, 4, 4)])


def test_networks_of_different_scales_are_refused_before_any_work() -> None:
    with pytest.raises(PixmendError, match="scales 2 and 4"):
        fidelity_of([BicubicEnlarge(2), BicubicEnlarge(4)], smooth())


def test_no_network_is_refused() -> None:
    with pytest.raises(PixmendError, match="got none"):
        fidelity_of([], smooth())


def test_a_true_picture_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(PixmendError, match="40 x 48, and 2 times 40 x 48"):
        fidelity_of([BicubicEnlarge(2)], smooth(), true=smooth())


def test_a_network_in_half_precision_is_refused() -> None:
    with pytest.raises(PixmendError, match="float32"):
        fidelity_of([build(SMALL["edsr_baseline"]).half()], smooth(8, 8))


def test_a_map_equal_to_the_error_agrees_with_it_wholly_also_beyond_edges() -> None:
    draw_ = torch.Generator().manual_seed(0)
    error, edges = (torch.rand(32, 32, generator=draw_) for _ in range(2))

    found = agreement(error, error, edges=edges)

    assert found.spearman == pytest.approx(1)
    assert found.beyond_edges == pytest.approx(1)
    assert found.share > 0.1


def test_a_map_of_nothing_but_edges_says_nothing_beyond_them() -> None:
    draw_ = torch.Generator().manual_seed(0)
    edges = torch.rand(64, 64, generator=draw_)
    error, map_ = (edges + 0.3 * torch.rand(64, 64, generator=draw_) for _ in range(2))

    found = agreement(map_, error, edges=edges)

    assert found.spearman > 0.8
    assert abs(found.beyond_edges) < 0.1


def test_a_map_without_values_says_nothing() -> None:
    found = agreement(torch.zeros(8, 8), torch.rand(8, 8), edges=torch.rand(8, 8))

    assert math.isnan(found.spearman) and math.isnan(found.beyond_edges) and math.isnan(found.share)


def test_rank_correlation_equals_that_of_scipy_with_ties() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    draw_ = torch.Generator().manual_seed(1)
    a, b = (torch.randint(0, 9, (20, 20), generator=draw_).float() for _ in range(2))

    found = agreement(a, b, edges=torch.rand(20, 20, generator=draw_))

    assert found.spearman == pytest.approx(float(scipy_stats.spearmanr(a.flatten(), b.flatten()).statistic))


def test_the_edges_of_an_even_picture_are_none() -> None:
    assert edges_of(torch.full((3, 5, 6), 0.3)).abs().max() == 0


def test_the_worst_places_are_ranked_and_do_not_overlap() -> None:
    values = torch.zeros(20, 30)
    values[2:6, 3:7], values[10:14, 20:24], values[11:15, 4:8] = 9, 5, 7
    found = DoubtMap(name="removed", values=values).worst(4)

    assert [(place.top, place.left, place.value) for place in found[:3]] == [(2, 3, 9), (11, 4, 7), (10, 20, 5)]
    for place in found:
        for other in found:
            apart = abs(place.top - other.top) >= 4 or abs(place.left - other.left) >= 4
            assert apart or place is other


def test_places_keep_off_the_borders_of_large_pictures_and_above_half_a_level() -> None:
    result = torch.zeros(3, 160, 176)
    values = torch.zeros(160, 176)
    values[:, :16] = 9  # what 8 pixels of the input show at scale 2
    values[40:60, 100:120] = 2
    values[100:120, 40:60] = 0.4

    places = places_of(DoubtMap(name="ensemble", values=values), result, scale=2)

    assert places[0].value == 2 and places[0].left + 19 >= 100 and places[0].left <= 119
    assert all(place.left >= 16 and place.value > 0.5 for place in places)
    assert places_of(DoubtMap(name="ensemble", values=values[:, :20]), result[:, :, :20], scale=2)[0].left == 0


def test_without_the_true_picture_places_are_shown_beside_the_input() -> None:
    pytest.importorskip("matplotlib")
    low = smooth(12, 14)

    figure = draw(["one"], fidelity_of([BicubicEnlarge(2)], low), given=low)

    told = [part.get_supxlabel() for part in figure.subfigs[0].subfigs]
    assert any(text.endswith("result | input") or text.startswith("no place") for text in told)


def test_where_nothing_is_in_doubt_there_is_no_worst_place() -> None:
    assert DoubtMap(name="ensemble", values=torch.zeros(9, 9)).worst(4) == []


@pytest.mark.parametrize("name", SMALL)
def test_every_family_can_be_asked_and_is_left_as_it_was(name: str) -> None:
    torch.manual_seed(0)
    network = build(SMALL[name])
    network = network.select(network.tasks[0] if network.tasks else None).train()
    low = smooth(9, 11, channels=network.in_channels)

    answer = fidelity_of([network], low).answers[0]

    size = (9 * network.scale, 11 * network.scale)
    assert answer.result.shape[-2:] == size == answer.ensemble.values.shape
    assert answer.residual.map.enlarged().shape == size
    assert answer.ensemble.values.isfinite().all() and answer.residual.signed.isfinite().all()
    assert network.training and all(parameter.requires_grad for parameter in network.parameters())


def test_a_network_in_double_precision_stays_so() -> None:
    torch.manual_seed(0)
    network = build(SMALL["edsr_baseline"]).double()
    before = [parameter.clone() for parameter in network.parameters()]

    fidelity_of([network], smooth(9, 11))

    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2)])
@pytest.mark.parametrize("network", [BicubicEnlarge(2), Brighter(0.1, task="dn_g15"), Identity()])
def test_the_smallest_pictures_have_an_answer_and_a_figure(network: Restorer, size: tuple[int, int]) -> None:
    pytest.importorskip("matplotlib")
    torch.manual_seed(0)
    low = torch.rand(3, *size)
    true = torch.rand(3, size[0] * network.scale, size[1] * network.scale)

    found = fidelity_of([network, network], low, true=true)
    figure = draw(["one", "two"], found, given=low, true=true)

    assert len(figure.subfigs) == 3
    assert window_of(found.answers[0].result) == 16


def test_results_are_what_a_file_holds_and_what_it_cuts_off_is_no_doubt() -> None:
    class Ramp(Restorer):
        def restore(self, x: Tensor) -> Tensor:
            return x + 2 + torch.linspace(0, 1, x.shape[-1])

    answer = fidelity_of([Ramp()], smooth(6, 8)).answers[0]

    assert torch.equal(answer.result, torch.ones(3, 6, 8))
    assert float(answer.ensemble.values.max()) == 0


def test_progress_ends_with_all_passes_of_all_networks() -> None:
    told: list[tuple[float, int]] = []

    fidelity_of([Identity(), Identity()], smooth(4, 4), progress=lambda done, total: told.append((done, total)))

    assert told == [(count, 16) for count in range(1, 17)]


def test_a_grey_picture_through_a_colour_network_stays_grey() -> None:
    answer = fidelity_of([BicubicEnlarge(2)], smooth(channels=1)).answers[0]

    assert answer.result.shape == (1, 96, 80)
    assert answer.residual.signed.shape == (1, 48, 40)
