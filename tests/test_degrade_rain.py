"""Rain: what the streaks look like in numbers, and that they depend on the key alone."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pixmend.degrade import RAIN_HEAVY, RAIN_LIGHT, RainStreaks, rain_layer
from pixmend.errors import PixmendError

DRIZZLE: dict[str, Any] = {"density": 30.0, "length": 40.0, "angle": 0.0, "thickness": 2.0, "intensity": 0.8}
GREY = torch.full((3, 96, 128), 0.4)
KINDS = pytest.mark.parametrize("rain", [RAIN_LIGHT, RAIN_HEAVY], ids=["light", "heavy"])


def direction(layer: Tensor) -> float:
    """Degrees off the vertical along which the map changes least: the short axis of its power spectrum."""
    height, width = layer.shape[-2:]
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    power = torch.fft.fft2((layer[0] - layer.mean()) * window).abs().square().double()
    down, right = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)
    power *= down**2 + right**2 < 0.15**2  # a circle, as the corners of the square would pull at the axis
    across = 0.5 * math.atan2(2 * (power * down * right).sum(), (power * (right**2 - down**2)).sum())
    return -math.degrees(across)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    density=st.floats(0, 200),
    length=st.floats(1, 120),
    angle=st.floats(-60, 60),
    thickness=st.floats(1, 8),
    intensity=st.floats(0, 1),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=80, deadline=None)
def test_a_map_of_any_setting_is_finite_and_not_negative(height: int, width: int, **drawn: Any) -> None:
    layer = rain_layer(height, width, **drawn)
    assert layer.shape == (1, height, width)
    assert layer.isfinite().all() and layer.min() >= 0


@pytest.mark.parametrize("angle", [-55, -30, 0, 20, 45])
def test_streaks_run_along_the_angle(angle: float) -> None:
    layer = rain_layer(300, 300, **DRIZZLE | {"angle": angle, "thickness": 3.0}, seed=1)
    assert direction(layer) == pytest.approx(angle, abs=3)


def test_brightness_grows_with_density_in_proportion() -> None:
    means = [
        torch.stack([rain_layer(64, 64, **DRIZZLE | {"density": density}, seed=(2, i)) for i in range(60)]).mean()
        for density in (5.0, 40.0)
    ]
    assert (means[1] / means[0]).item() == pytest.approx(8, rel=0.35)


def test_rain_is_as_dense_at_the_border_as_in_the_middle() -> None:
    slanted = DRIZZLE | {"angle": 30.0, "density": 100.0}
    mean = torch.stack([rain_layer(60, 60, **slanted, seed=(3, i)) for i in range(400)]).mean(0)[0]
    middle = mean[20:40, 20:40].mean().item()
    for border in (mean[:6], mean[-6:], mean[:, :6], mean[:, -6:]):
        assert border.mean().item() == pytest.approx(middle, rel=0.1)


def test_no_density_is_no_rain() -> None:
    assert rain_layer(50, 50, **DRIZZLE | {"density": 0.0}, seed=0).abs().sum() == 0


def test_a_lone_pair_of_streaks_is_no_brighter_longer_or_thicker_than_asked() -> None:
    sparse = DRIZZLE | {"density": 0.3, "length": 50.0, "thickness": 3.0}
    layers = torch.stack([rain_layer(100, 100, **sparse, seed=(4, i))[0] for i in range(40)])
    assert 0.5 < layers.max() <= 2 * 0.8  # two may cross
    assert 52 < (layers > 0).sum(dim=(1, 2)).max() <= 2 * 52 * 7


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0])
def test_thin_streaks_do_not_flicker_with_the_fraction_of_a_pixel_they_fall_on(angle: float) -> None:
    long_and_thin = DRIZZLE | {"density": 1.0, "length": 400.0, "thickness": 1.0, "angle": angle}
    rows = rain_layer(40, 4000, **long_and_thin, seed=5)[0].sum(dim=1)
    bend = rows[2:] - 2 * rows[1:-1] + rows[:-2]
    assert bend.abs().max() < 0.1 * rows.mean()


@KINDS
def test_the_same_key_gives_the_same_picture_bit_for_bit(rain: RainStreaks) -> None:
    assert torch.equal(rain(GREY, seed=(9, 4)), rain(GREY, seed=(9, 4)))


@KINDS
def test_another_index_gives_another_picture(rain: RainStreaks) -> None:
    assert not torch.equal(rain(GREY, seed=(9, 4)), rain(GREY, seed=(9, 5)))


@KINDS
def test_threads_do_not_change_a_bit(rain: RainStreaks) -> None:
    threads = torch.get_num_threads()
    maps = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            maps.append(rain.layer(400, 400, seed=6))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*maps)


@KINDS
def test_the_global_seed_is_neither_read_nor_moved(rain: RainStreaks) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first = rain(GREY, seed=1)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(7)
    assert torch.equal(rain(GREY, seed=1), first)


@KINDS
def test_rain_only_brightens_and_stays_in_range(rain: RainStreaks) -> None:
    rainy = torch.stack([rain(GREY, seed=(1, i)) for i in range(10)])
    assert (rainy >= GREY).all() and rainy.max() <= 1 and rainy.max() > 0.5


@KINDS
def test_the_picture_is_the_clean_one_plus_the_grey_map_clipped(rain: RainStreaks) -> None:
    assert torch.equal(rain(GREY, seed=2), (GREY + rain.layer(96, 128, seed=2)).clamp(0, 1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_dtype_is_kept(dtype: torch.dtype) -> None:
    assert RAIN_LIGHT(GREY.to(dtype), seed=0).dtype == dtype


def test_heavy_rain_hides_more_than_light_rain() -> None:
    light, heavy = (
        torch.stack([rain.layer(96, 96, seed=(3, i)) for i in range(30)]).clamp(max=0.6).square().mean(dim=(1, 2, 3))
        for rain in (RAIN_LIGHT, RAIN_HEAVY)
    )
    assert heavy.median() > 4 * light.median()


def test_a_picture_of_light_rain_has_one_direction_and_pictures_differ_in_it() -> None:
    upright = replace(RAIN_LIGHT, density=(60, 60), length=(40, 40), thickness=(3, 3))
    halves = [upright.layer(240, 240, seed=(8, i)).split(120, dim=1) for i in range(12)]
    angles = torch.tensor([[direction(half) for half in pair] for pair in halves])
    assert (angles[:, 0] - angles[:, 1]).abs().max() < 6
    assert angles.min() < -15 and angles.max() > 15


def test_layers_add_up_each_with_its_own_child_of_the_key() -> None:
    fixed = {name: (value, value) for name, value in DRIZZLE.items()}
    layer = RainStreaks(**fixed, layers=(3, 3)).layer(50, 60, seed=7)
    expected = sum(rain_layer(50, 60, **DRIZZLE, seed=(7, i)) for i in range(3))
    torch.testing.assert_close(layer, expected)


def test_every_number_of_layers_in_the_range_is_drawn() -> None:
    fixed = {name: (value, value) for name, value in DRIZZLE.items()}
    varied, single = RainStreaks(**fixed, layers=(1, 3)), RainStreaks(**fixed)
    counts = {
        round((varied.layer(400, 400, seed=(1, i)).mean() / single.layer(400, 400, seed=0).mean()).item())
        for i in range(16)
    }
    assert counts == {1, 2, 3}


def test_a_range_of_one_value_is_that_value() -> None:
    fixed = {name: (value, value) for name, value in DRIZZLE.items()}
    layer = RainStreaks(**fixed).layer(50, 60, seed=(5, 5))
    assert torch.equal(layer, rain_layer(50, 60, **DRIZZLE, seed=(5, 5, 0)))


@pytest.mark.parametrize(
    ("field", "bounds"),
    [
        ("angle", (-70, 0)),
        ("angle", (0, 90)),
        ("density", (-1, 3)),
        ("length", (30, 20)),
        ("thickness", (0.2, 2)),
        ("intensity", (0, 25)),
        ("layers", (0, 2)),
        ("density", (math.nan, 3)),
    ],
)
def test_a_range_that_makes_no_rain_is_refused_by_name(field: str, bounds: tuple[float, float]) -> None:
    with pytest.raises(PixmendError, match=f"RainStreaks: {field}: expected"):
        replace(RAIN_LIGHT, **{field: bounds})


@pytest.mark.parametrize(("name", "value"), [("angle", 61.0), ("length", 0.0), ("thickness", 0.5), ("density", -1.0)])
def test_rain_layer_names_the_value_that_is_wrong(name: str, value: float) -> None:
    with pytest.raises(PixmendError, match=f"rain_layer: {name}: expected"):
        rain_layer(10, 10, **DRIZZLE | {name: value}, seed=0)


def test_a_number_of_layers_that_is_not_whole_is_refused() -> None:
    with pytest.raises(PixmendError, match=r"RainStreaks: layers: expected whole numbers, got \(1.0, 2\)"):
        replace(RAIN_LIGHT, layers=(1.0, 2))  # type: ignore[arg-type]


def test_eight_bit_tensors_are_refused() -> None:
    with pytest.raises(PixmendError, match="RainStreaks: expected floats"):
        RAIN_LIGHT(torch.zeros(3, 4, 4, dtype=torch.uint8), seed=0)
