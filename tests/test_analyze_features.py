"""Features as maps in every family, and the trace of windows in them."""

import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.analyze.artefacts import (
    Features,
    Grid,
    Map,
    Shown,
    Windows,
    blocking,
    draw_features,
    features_of,
    grid_of,
    milestones,
    plain_grid,
    visit,
    windows_of,
)
from pixmend.analyze.artefacts.features import principal
from pixmend.analyze.artefacts.maps import blocks_by_depth
from pixmend.analyze.points import Point, find_points
from pixmend.errors import PixmendError
from pixmend.layers.window import WindowAttention
from pixmend.models import VARIANTS, IPTConfig, build
from pixmend.models.base import Restorer
from small import SMALL, few

IPT_SMALL = IPTConfig(tasks=("sr_x2",), features=8, num_heads=2, num_layers=1)
FAMILIES = SMALL | {"edt_dn": few("edt_p", tasks=("dn_g25",)), "ipt": IPT_SMALL}


def network_of(name: str) -> Restorer:
    torch.manual_seed(0)
    network = build(FAMILIES[name]).eval()
    return network.select(network.tasks[0] if network.tasks else None)


def maps_of(network: Restorer, image: torch.Tensor, points: list[Point]) -> dict[str, Map]:
    found = {}
    visit(network, image, points=points, take=lambda each: found.update({each.point.name: each}))
    return found


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", FAMILIES)
def test_what_changes_in_the_picture_changes_the_maps_at_the_same_place(name):
    """Also where a map is as high as it has channels, and wider."""
    network = network_of(name)
    width = 48 if name == "ipt" else 64
    image = torch.rand(1, network.in_channels, 48, width, generator=torch.Generator().manual_seed(1))
    changed = image.clone()
    changed[..., 28:34, 8:14] += 0.3
    points = list(dict.fromkeys([*milestones(network), *blocks_by_depth(network)]))
    before, after = maps_of(network, image, points), maps_of(network, changed, points)
    for point in points:
        step = before[point.name].step
        difference = (after[point.name].values - before[point.name].values).abs().mean(0)
        assert difference.shape == (math.ceil(48 / step), math.ceil(width / step))
        # The nearest local mean: attention over the whole picture spreads a little of it everywhere.
        blurred = F.avg_pool2d(difference[None], 3, 1, 1)[0]
        row, column = divmod(int(blurred.argmax()), difference.shape[1])
        assert abs(row * step - 30) <= 8 + step and abs(column * step - 10) <= 8 + step, point.name


def test_maps_are_as_wide_as_the_picture_and_not_as_what_it_was_extended_to():
    network = network_of("swinir")
    found = maps_of(network, torch.rand(1, 3, 19, 26), milestones(network))
    assert {each.values.shape for each in found.values()} == {(24, 19, 26)}
    assert {each.step for each in found.values()} == {Fraction(1)}


def test_a_quarter_of_the_size_is_four_pixels_a_step():
    network = network_of("edt_dn")
    image = torch.rand(1, 3, 50, 70)
    found = maps_of(network, image, milestones(network))
    assert {(each.step, tuple(each.values.shape[1:])) for each in found.values()} == {(Fraction(4), (13, 18))}


def test_inside_of_shifted_attention_maps_are_shifted_back():
    network = network_of("swinir")
    image = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(1))
    points = find_points(network, [f"layers.0.residual_group.blocks.1.attn.{part}" for part in ("qkv", "proj")])
    changed = image.clone()
    changed[..., 20, 12] += 0.5
    before, after = maps_of(network, image, points), maps_of(network, changed, points)
    for name in before:
        difference = (after[name].values - before[name].values).abs().mean(0)
        row, column = divmod(int(difference.argmax()), 40)
        assert abs(row - 20) <= 1 and abs(column - 12) <= 1


@pytest.mark.parametrize(
    ("name", "module"),
    [("edt_t", "body.layers.0.residual_group.blocks.0.attns.0.lepe"), ("han", "la"), ("restormer", "norm")],
)
def test_what_is_no_map_of_the_picture_is_refused(name, module):
    network = network_of(name)
    with pytest.raises(PixmendError, match="no map of the picture|no module"):
        maps_of(network, torch.rand(1, 3, 48, 48), find_points(network, [module]))


def test_a_network_of_fixed_size_is_asked_about_one_window():
    network = network_of("ipt")
    with pytest.raises(PixmendError, match="sees 48 x 48 pixels at once, got 60 x 48"):
        features_of(network, torch.rand(3, 48, 60))


def test_one_picture_at_a_time():
    with pytest.raises(PixmendError, match="one picture"):
        maps_of(network_of("rdn"), torch.rand(2, 3, 16, 16), [])


def test_milestones_are_the_ends_of_groups_and_few():
    assert [point.name for point in milestones(network_of("restormer"), most=8)] == [
        *("encoder_level1", "encoder_level2", "encoder_level3", "latent"),
        *("decoder_level3", "decoder_level2", "decoder_level1", "refinement"),
    ]
    assert [point.name for point in milestones(network_of("edsr_baseline"))] == [
        f"body.{index}" for index in (0, 3, 6, 9, 12, 15)
    ]


def test_windows_are_told_in_input_pixels():
    assert windows_of(network_of("edt_t")) == Windows(sizes=((6, 24), (24, 6)), shifted=True, token=1)
    assert windows_of(network_of("edt_dn")) == Windows(sizes=((16, 64), (64, 16)), shifted=True, token=4)
    assert windows_of(network_of("hat")) == Windows(sizes=((8, 8),), shifted=True, token=1)
    assert windows_of(network_of("ipt")) == Windows(sizes=((3, 3),), shifted=False, token=1)
    assert windows_of(network_of("rcan")) is None


def test_borders_of_crosswise_windows_are_all_known():
    grid = grid_of(Windows(sizes=((6, 24), (24, 6)), shifted=True, token=1), step=Fraction(1))
    assert grid is not None
    assert (grid.period, grid.borders, grid.shifted) == (24, (0, 6, 12, 18), (3, 9, 15, 21))
    larger = grid_of(Windows(sizes=((7, 7),), shifted=True, token=1), step=Fraction(1, 2))
    assert larger is not None
    assert (larger.period, larger.borders, larger.shifted, larger.quiet) == (14, (0,), (6,), (2, 4, 8, 10, 12))
    assert grid_of(Windows(sizes=((2, 2),), shifted=True, token=1), step=Fraction(1)) is None
    assert grid_of(Windows(sizes=((8, 8),), shifted=True, token=1), step=Fraction(2, 3)) is None


@pytest.mark.parametrize(("rows", "columns", "strength"), [(0, 0, 1.0), (3, 5, 0.5)])
def test_planted_blocks_are_found_where_they_are_and_as_strong_as_they_are(rows, columns, strength):
    """Of independent noise the mean difference grows by sqrt(1 + strength^2) across borders of blocks."""
    blocks = strength * noise(16, 26, 26, seed=1).repeat_interleave(8, 1).repeat_interleave(8, 2)
    values = noise(16, 200, 200) + blocks[:, 8 - rows : 208 - rows, 8 - columns : 208 - columns]
    trace = blocking(values, grid=plain_grid(8))
    assert int(trace.rows.argmax()) == rows
    assert int(trace.columns.argmax()) == columns
    quiet = [phase for phase in range(8) if phase != rows]
    planted = trace.rows[rows] / trace.rows[quiet].mean()
    assert planted == pytest.approx(math.sqrt(1 + strength**2), rel=0.02)


def test_without_blocks_there_is_no_trace():
    down, right = torch.meshgrid(torch.arange(160.0), torch.arange(176.0), indexing="ij")
    phases = 6 * noise(32, 3, 1, 1)
    smooth = (phases[:, 0] + down * 0.11 * phases[:, 1] + right * 0.11 * phases[:, 2]).sin()
    for values in (smooth, noise(32, 160, 176)):
        trace = blocking(values, grid=Grid(period=8, borders=(0,), shifted=(4,)))
        assert trace.unshifted == pytest.approx(1, abs=0.03)
        assert trace.shifted == pytest.approx(1, abs=0.03)
        assert trace.spread < 0.03


def test_enlarged_tokens_are_no_trace():
    enlarged = noise(16, 80, 80).repeat_interleave(2, 1).repeat_interleave(2, 2)
    grid = grid_of(Windows(sizes=((8, 8),), shifted=True, token=1), step=Fraction(1, 2))
    assert grid is not None
    trace = blocking(enlarged, grid=grid)
    assert trace.unshifted == pytest.approx(1, abs=0.03)
    assert trace.both[1].item() == 0


def test_edges_of_the_picture_are_left_out():
    values = noise(4, 80, 80)
    plain = blocking(values, grid=plain_grid(8))
    edges = values.clone()
    for side in (edges, edges.flip(1), edges.transpose(1, 2), edges.flip(2).transpose(1, 2)):
        side[:, 0] += 5
    both = blocking(edges, grid=plain_grid(8))
    assert both.rows.argmax() == plain.rows.argmax()
    torch.testing.assert_close(both.both, plain.both, atol=0.02, rtol=0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=4, max_size=4), st.floats(-10, 10))
def test_no_channel_speaks_louder_than_another(factors, added):
    values = noise(4, 40, 44)
    louder = values * torch.tensor(factors).view(4, 1, 1) + added
    torch.testing.assert_close(
        blocking(louder, grid=plain_grid(4)).both, blocking(values, grid=plain_grid(4)).both, atol=1e-3, rtol=0
    )


def test_a_low_map_is_judged_by_its_columns_alone():
    trace = blocking(noise(4, 12, 100), grid=plain_grid(8))
    assert trace.rows.isnan().all()
    quiet = trace.columns[list(trace.grid.quiet)].mean()
    torch.testing.assert_close(trace.both, trace.columns / quiet)


def test_too_few_windows_are_refused_and_a_flat_map_has_no_trace():
    with pytest.raises(PixmendError, match="23 x 20 has too few windows of 8: 24 values are needed"):
        blocking(noise(4, 20, 23), grid=plain_grid(8))
    assert blocking(torch.ones(4, 40, 40), grid=plain_grid(8)).both.isnan().all()


def test_content_averages_out_over_offsets_and_windows_stay():
    stripes = torch.zeros(3, 64, 160)
    stripes[:, :, ::8] = 1
    network = network_of("swinir")
    once, often = (features_of(network, stripes, offsets=number).traces for number in (1, 8))
    assert once["input"].both.max() > 2
    assert often["input"].both.sub(1).abs().max() < 0.01


def test_loud_attention_leaves_its_own_borders_and_not_those_of_the_other_windows():
    network = network_of("swinir")
    generator = torch.Generator().manual_seed(1)
    smooth = F.interpolate(torch.rand(1, 3, 6, 7, generator=generator), (48, 56), mode="bicubic")[0]
    for module in network.modules():
        if isinstance(module, WindowAttention):
            module.proj.weight.data *= 30
    traces = features_of(network, smooth, offsets=8).traces
    first, second = (traces[f"layers.0.residual_group.blocks.{index}"] for index in (0, 1))
    assert traces["input"].both.sub(1).abs().max() < 0.01
    assert first.unshifted > 1.3 and second.shifted > 1.3
    assert first.shifted == pytest.approx(1, abs=0.01)
    assert first.spread < 0.01


def test_every_block_the_picture_and_the_result_have_a_trace():
    network = network_of("hat")
    features = features_of(network, torch.rand(3, 40, 48))
    names = [point.name for point in blocks_by_depth(network)]
    assert list(features.traces) == ["input", *names, "result"]
    assert features.traces["result"].grid.period == 32
    assert features.result.shape == (3, 160, 192)
    assert [shown.name for shown in features.shown] == names


def test_without_windows_there_is_nothing_to_look_for_but_a_period():
    network = network_of("edsr_baseline")
    assert features_of(network, torch.rand(3, 40, 40)).traces == {}
    traces = features_of(network, torch.rand(3, 40, 40), period=8).traces
    assert {trace.grid.period for trace in traces.values()} == {8, 16}
    with pytest.raises(PixmendError, match="period: expected 2 or more"):
        features_of(network, torch.rand(3, 40, 40), period=1)


@pytest.mark.parametrize("name", ["restormer", "edt_dn"])
def test_maps_with_too_few_windows_are_shown_without_a_trace(name):
    network = network_of(name)
    features = features_of(network, torch.rand(3, 40, 40), period=8 if name == "restormer" else None)
    assert len(features.shown) == len(milestones(network))
    assert "latent.0" not in features.traces


@pytest.mark.parametrize("name", ["swinir", "rcdnet", "rdn"])
@pytest.mark.parametrize("side", [1, 40])
def test_flat_and_tiny_pictures_give_something_finite(name, side):
    features = features_of(network_of(name), torch.full((3, side, side), 0.5))
    assert all(shown.picture.isfinite().all() for shown in features.shown)


def test_offsets_are_counted_from_one():
    with pytest.raises(PixmendError, match="offsets: expected 1 or more, got 0"):
        features_of(network_of("rdn"), torch.rand(3, 16, 16), offsets=0)


def test_the_principal_component_is_what_channels_share_and_as_light_as_the_picture():
    pattern = noise(1, 20, 24)
    values = 3 * noise(16, 1, 1, seed=2) * pattern + 0.1 * noise(16, 20, 24, seed=3)
    point = Point(name="here", module="here")
    shown = principal(Map(point=point, values=values, step=Fraction(1)), light=pattern)
    assert torch.corrcoef(torch.stack([shown.picture.flatten(), pattern.flatten()]))[0, 1] > 0.98
    assert shown.share > 0.8
    assert shown.picture.std(correction=0) == pytest.approx(1, abs=1e-5)


def test_the_network_is_left_as_it_was():
    network = network_of("swinir")
    network.train()
    features_of(network, torch.rand(3, 32, 32), offsets=2)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_no_released_size_is_without_milestones():
    """Sizes with many blocks show few of them, the last among them."""
    for name in ("edt_p", "swinir_light", "hat_s"):
        config = VARIANTS[name]
        network = build(config)
        chosen = milestones(network.select(network.tasks[0]))
        assert 3 <= len(chosen) <= 6


def shown(name: str, picture: torch.Tensor, *, share: float = 0.5) -> Features:
    one = Shown(name=name, picture=picture, share=share, step=Fraction(1))
    return Features(shown=(one,), traces={}, result=torch.zeros(3, 4, 4))


def test_rows_at_the_edges_have_no_say_in_what_is_black_and_white():
    picture = noise(40, 40)
    inside = draw_features({"one": shown("layer", picture)}).axes[0].images[0].get_clim()
    picture[:2], picture[:, -2:] = 90, -90
    assert draw_features({"one": shown("layer", picture)}).axes[0].images[0].get_clim() == inside


def test_titles_end_with_what_differs_and_say_constant():
    name = ".".join(["a_module_of_some_length"] * 12) + ".3"
    title = draw_features({"one": shown(name, torch.zeros(8, 8), share=0.0)}).axes[0].get_title()
    first, second = title.splitlines()
    assert first.startswith("...") and first.endswith(".3") and len(first) <= 200
    assert second == "8 x 8; constant"


def test_traces_of_all_networks_have_one_scale():
    torch.manual_seed(0)
    image = torch.rand(3, 64, 64)
    found = {name: features_of(network_of(name), image) for name in ("edt_t", "swinir")}
    assert all(each.traces for each in found.values())
    limits = [axes.get_ylim() for axes in draw_features(found).axes if axes.get_ylabel().startswith("difference")]
    assert len(limits) == 4 and limits[0] == limits[2] and limits[1] == limits[3]
