"""Local attribution against the official demo, analytic answers, and what is refused."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import pixmend as pm
import seeded
import small
from pixmend.analyze.lam import (
    Attribution,
    Black,
    Blur,
    Blurred,
    Edges,
    Gabor,
    Gradient,
    Intensity,
    Part,
    Window,
    busiest_window,
    common_multiple,
    common_scale,
    density,
    diffusion_index,
    diffusion_over,
    local_attribution,
    part_around,
    pixels_holding,
)
from pixmend.evaluate.baseline import BicubicEnlarge, Identity
from pixmend.models import build
from pixmend.models.base import Restorer
from pixmend.models.ipt import IPTConfig
from pixmend.weights.families.edsr import config_of, from_official


def noise(height: int, width: int, *, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def official() -> dict[str, np.ndarray]:
    """The official demo's answer about EDSR on the weights that follow from their names."""
    with np.load(seeded.DATA / "lam/edsr_baseline_x2.npz") as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def ours(official) -> Attribution:
    weights = seeded.weights("edsr/edsr_baseline_x2")
    network = build(config_of(weights))
    network.load_state_dict(from_official(weights))
    top, left, size = (int(official[name]) for name in ("top", "left", "window"))
    return local_attribution(network, torch.from_numpy(official["x"]) / 255, top=top, left=left, size=size)


def test_attribution_is_that_of_the_official_demo(official, ours):
    most = np.abs(official["attribution"]).max()
    assert np.abs(ours.values.numpy() - official["attribution"]).max() < 1e-4 * most
    assert np.abs(ours.map.numpy() - official["map"]).max() < 1e-4
    assert ours.undefined == 0


def test_diffusion_index_is_that_of_the_official_demo(official, ours):
    assert ours.diffusion_index == pytest.approx(float(official["diffusion_index"]), abs=1e-3)


def as_the_demo(network: Restorer, x: Tensor, *, top: int, left: int, size: int, steps: int) -> np.ndarray:
    """Its definition step by step, one picture at a time, with OpenCV's filter."""
    import cv2

    places = np.arange(9) - 4.0
    squares, image = places[:, None] ** 2 + places[None] ** 2, x.permute(1, 2, 0).numpy()
    kernels = [np.exp(-squares / (2 * (sigma + 1e-5) ** 2)) for sigma in np.linspace(1.2, 0, steps + 1)]
    kernels = [kernel / kernel.sum() for kernel in kernels]
    found = np.zeros(x.shape)
    for before, after in pairwise(kernels):
        picture = torch.from_numpy(cv2.filter2D(image, -1, after)).permute(2, 0, 1)[None].requires_grad_()
        result = network(picture)
        down, right = result[..., :-1, :] - result[..., 1:, :], result[..., :-1] - result[..., 1:]
        lengths = torch.sqrt(down[..., :-1] ** 2 + right[..., :-1, :] ** 2)
        lengths[..., top : top + size, left : left + size].sum().backward()
        move = cv2.filter2D(image, -1, (after - before) * steps)
        found += np.nan_to_num(picture.grad[0].numpy()) * move.transpose(2, 0, 1) / steps
    return found


@pytest.mark.parametrize("name", ["hat", "restormer", "rrdbnet", "edt_t"])
def test_other_networks_are_attributed_as_the_demo_would(name):
    network, x = network_of(name), noise(13, 18)
    where = {"top": 3, "left": 5, "size": 6, "steps": 4}
    wanted = as_the_demo(network, x, **where)
    found = local_attribution(network, x, **where)
    assert np.abs(found.values.numpy() - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_a_linear_network_is_attributed_by_its_transpose():
    # F^T 1_w * (I - I'), with F written out as a matrix, column by column.
    network, x = BicubicEnlarge(2).double(), noise(7, 9, channels=3).double()
    window = {"top": 4, "left": 6, "size": 5}
    inside = torch.zeros(14, 18, dtype=torch.float64)
    inside[4:9, 6:11] = 1
    pixels = torch.eye(63, dtype=torch.float64).view(63, 1, 7, 9).expand(-1, 3, -1, -1)
    used = (network(pixels)[:, 0] * inside).sum((1, 2)).view(7, 9)
    for path in (Blur(), Blurred(), Black()):
        found = local_attribution(network, x, **window, detector=Intensity(), path=path, steps=3)
        torch.testing.assert_close(found.values, used * (x - path.start(x)), atol=1e-12, rtol=0)
        assert found.completeness == pytest.approx(1, abs=1e-9)


def test_the_blur_path_is_opencvs_filter():
    import cv2

    x = noise(11, 6)
    places = np.arange(9) - 4.0
    squares = places[:, None] ** 2 + places[None] ** 2
    kernel = np.exp(-squares / (2 * (0.6 + 1e-5) ** 2))
    wanted = cv2.filter2D(x.permute(1, 2, 0).numpy(), -1, kernel / kernel.sum())
    pictures, _ = Blur(sigma=1.2).along(x, steps=4, indices=torch.tensor([1]))
    torch.testing.assert_close(pictures[0], torch.from_numpy(wanted).permute(2, 0, 1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("path", [Blur(), Blurred(), Black()])
def test_the_moves_along_a_path_lead_from_its_start_to_the_picture(path):
    x = noise(8, 9).double()
    pictures, moves = path.along(x, steps=6, indices=torch.arange(6))
    torch.testing.assert_close(path.start(x) + moves.mean(0), x, atol=1e-12, rtol=0)
    torch.testing.assert_close(pictures[-1], x, atol=1e-12, rtol=0)
    between = torch.cat([path.start(x)[None], pictures])
    torch.testing.assert_close(between.diff(dim=0) * 6, moves, atol=1e-12, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2)])
def test_pictures_smaller_than_the_kernel_are_mirrored_as_often_as_needed(size):
    x = noise(*size)
    found = local_attribution(Identity(), x, top=0, left=0, size=1, detector=Intensity(), path=Black(), steps=2)
    torch.testing.assert_close(found.values[:, 0, 0], x[:, 0, 0])
    assert Blur().start(torch.ones(1, *size)).sub(1).abs().max() < 1e-6


class Squared(Restorer):
    """Every pixel squared: its integral along a line is known."""

    def restore(self, x: Tensor) -> Tensor:
        return x**2


def test_completeness_improves_with_the_steps():
    x, network = noise(10, 10), Squared()
    errors = [
        abs(local_attribution(network, x, top=2, left=2, size=6, path=path, steps=steps).completeness - 1)
        for path in (Blur(), Blurred())
        for steps in (5, 20, 80)
    ]
    assert all(later < 0.5 * earlier for earlier, later in [*pairwise(errors[:3]), *pairwise(errors[3:])])
    assert max(errors[2], errors[5]) < 0.03


SHAPES = dict.fromkeys(small.SMALL, (13, 18)) | {"ipt": (20, 60)}
TINY_IPT = IPTConfig(tasks=("sr_x2",), features=4, patch=6, num_heads=3, num_layers=1, mlp_ratio=2, size=24)


def network_of(name: str) -> Restorer:
    """A small one of the family, for one task, random weights."""
    torch.manual_seed(0)
    network = build(TINY_IPT if name == "ipt" else small.SMALL[name]).eval()
    return network.select(network.tasks[0] if network.tasks else None)


@pytest.mark.parametrize("name", SHAPES)
def test_every_family_is_asked_at_sizes_that_fit_no_window_and_left_as_it_was(name):
    network = network_of(name).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    height, width = SHAPES[name]
    x = noise(height, width, channels=network.in_channels)
    corner = {"top": height * network.scale - 4, "left": width * network.scale - 4, "size": 4}
    found = local_attribution(network, x, **corner, steps=2)
    assert found.values.shape == x.shape and found.result.shape[-2:] == (height * network.scale, width * network.scale)
    assert found.values.isfinite().all() and found.map.max() == 1 and found.undefined == 0
    assert 0 < found.diffusion_index < 100 and 1 <= found.area <= height * width
    assert found.map[-3:, -3:].sum() > 0
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["swinir", "ipt"])
def test_batches_say_what_single_pictures_say(name):
    network = network_of(name).double()
    x = noise(*SHAPES[name], channels=network.in_channels)
    one, many = (local_attribution(network, x, top=3, left=5, size=6, steps=5, batch=batch) for batch in (1, 3))
    assert one.values.dtype == torch.float64
    torch.testing.assert_close(one.values, many.values, atol=1e-10 * float(one.values.abs().max()), rtol=0)


def test_single_precision_agrees_with_double():
    network, x = network_of("rcan"), noise(12, 12)
    one = local_attribution(network, x, top=4, left=4, size=8, steps=10)
    two = local_attribution(network.double(), x, top=4, left=4, size=8, steps=10)
    assert (one.values - two.values).abs().max() < 1e-4 * two.values.abs().max()


def test_it_asks_under_no_grad_and_in_inference_mode_and_counts_its_steps():
    network, x, seen = BicubicEnlarge(2), noise(8, 8), []
    plain = local_attribution(network, x, top=4, left=4, size=8, steps=5)
    with torch.inference_mode():
        made_there = x + 0
        found = local_attribution(
            network, made_there, top=4, left=4, size=8, steps=5, batch=2, progress=lambda *at: seen.append(at)
        )
    torch.testing.assert_close(found.map, plain.map)
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_flat_places_outside_the_window_undo_gradients_as_in_the_demo_but_not_edges():
    x, where = noise(12, 40), {"top": 4, "left": 4, "size": 8, "steps": 3}
    x[:, :, 18:] = 0.5
    with pytest.raises(pm.PixmendError, match="at 3 of 3 steps"):  # every output of it is a product with every input
        local_attribution(BicubicEnlarge(2), x, **where)
    found = local_attribution(BicubicEnlarge(2), x, **where, detector=Edges())
    assert found.undefined == 0 and found.map[:, :9].max() == 1


def test_a_flat_pixel_in_the_window_is_counted_and_its_gradient_is_nothing():
    x = noise(12, 12)
    x[:, 4:6, 4:6] = 0.5
    found = local_attribution(Identity(), x, top=2, left=2, size=6, steps=4)
    assert found.undefined == 1  # the last step alone sees the picture without blur
    assert found.values.isfinite().all() and found.map.max() == 1


def test_edges_are_gradients_without_trouble_in_flat_places():
    x, where = noise(12, 12), {"top": 2, "left": 2, "size": 6, "steps": 4}
    plain = local_attribution(Identity(), x, **where)
    torch.testing.assert_close(local_attribution(Identity(), x, **where, detector=Edges()).values, plain.values)
    x[:, 4:6, 4:6] = 0.5
    found = local_attribution(Identity(), x, **where, detector=Edges())
    assert found.undefined == 0 and abs(found.completeness - 1) < 0.2


@pytest.mark.parametrize("path", [Blur(), Black()])
def test_a_flat_window_is_said_to_be_without_attribution(path):
    with pytest.raises(pm.PixmendError, match=r"nothing could be attributed: at 3 of 3 steps .* flat places"):
        local_attribution(BicubicEnlarge(2), torch.full((3, 9, 9), 0.5), top=4, left=4, size=4, steps=3, path=path)


def test_a_detector_that_finds_no_change_is_said_to_have_no_attribution():
    with pytest.raises(pm.PixmendError, match="does not change along the path"):
        local_attribution(Identity(), torch.zeros(3, 9, 9), top=1, left=1, size=4, detector=Intensity(), path=Black())


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"top": 9, "left": 0, "size": 16}, "top from 0 to 8 and left from 0 to 16 .* got 9 and 0"),
        ({"top": 0, "left": -1, "size": 16}, "got 0 and -1"),
        ({"top": 0, "left": 0, "size": 25}, "25 x 25 pixels do not fit into a result of 32 x 24"),
        ({"top": 0, "left": 0, "size": 0}, "size of 1 or more, got 0"),
        ({"top": 0, "left": 0, "steps": 0}, "steps of 1 or more, got 0"),
        ({"top": 0, "left": 0, "batch": 0}, "batch of 1 or more, got 0"),
    ],
)
def test_windows_beyond_the_result_and_counts_of_nothing_are_refused(where, words):
    with pytest.raises(pm.PixmendError, match=words):
        local_attribution(BicubicEnlarge(2), noise(12, 16), **where)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(1, 9, 9), r"expected floats \(3, H, W\) .* \(1, 9, 9\)"),
        (torch.zeros(3, 9, 9, dtype=torch.uint8), "torch.uint8"),
        (torch.zeros(1, 3, 9, 9), r"\(1, 3, 9, 9\)"),
        (torch.full((3, 9, 9), math.nan), "not finite"),
    ],
)
def test_what_is_no_picture_for_the_network_is_refused(x, words):
    with pytest.raises(pm.PixmendError, match=words):
        local_attribution(Identity(), x, top=0, left=0, size=4)


def test_half_networks_are_refused():
    with pytest.raises(pm.PixmendError, match="expected float32"):
        local_attribution(network_of("rcan").half(), noise(9, 9), top=0, left=0, size=4)


def test_the_gradient_detector_ends_at_the_border_as_the_demo_does():
    result = noise(6, 7)[None]
    down, right = (result[..., :-1, :-1] - moved for moved in (result[..., 1:, :-1], result[..., :-1, 1:]))
    lengths = (down**2 + right**2).sqrt()
    assert Gradient()(result, Window(top=2, left=3, size=4)) == pytest.approx(float(lengths[..., 2:, 3:].sum()))
    assert Gradient()(result, Window(top=1, left=0, size=4)) == pytest.approx(float(lengths[..., 1:5, :4].sum()))


def test_gabor_finds_stripes_of_its_own_direction_and_nothing_in_flat_places():
    stripes = (torch.arange(24) * math.pi / 2).cos().expand(1, 1, 24, 24).double()
    window = Window(top=6, left=6, size=8)
    upright, level = Gabor()(stripes, window), Gabor(angle=90)(stripes, window)
    assert upright > 100 * level
    assert Gabor(angle=90)(stripes.mT, window) == pytest.approx(float(upright))
    assert Gabor()(torch.ones(1, 3, 24, 24, dtype=torch.float64), window) == pytest.approx(0, abs=1e-9)


def test_gabor_at_the_corner_is_that_of_the_mirrored_result():
    result, kernel = noise(15, 30).double()[None], Gabor(angle=30).kernel()
    reach = kernel.shape[0] // 2
    whole = F.conv2d(F.pad(result, [reach] * 4, mode="reflect").transpose(0, 1), kernel[None, None]).abs()
    found = Gabor(angle=30)(result, Window(top=10, left=25, size=5))
    assert found == pytest.approx(float(whole[..., 10:, 25:].sum()))


@pytest.mark.parametrize("wrong", [{"wavelength": 0}, {"sigma": -1}, {"aspect": math.nan}, {"angle": math.inf}])
def test_gabors_of_no_size_are_refused(wrong):
    with pytest.raises(pm.PixmendError, match=f"Gabor: expected .*{next(iter(wrong))}"):
        Gabor(**wrong)


@pytest.mark.parametrize("wrong", [{"sigma": 0}, {"sigma": math.inf}, {"size": 4}, {"size": 0}])
def test_blurs_of_no_size_are_refused(wrong):
    for path in (Blur, Blurred):
        with pytest.raises(pm.PixmendError, match=f"{path.__name__}: expected .*{next(iter(wrong))}"):
            path(**wrong)


def gini_of_pairs(x: np.ndarray) -> float:
    """The mean difference of all pairs over twice the mean: the definition."""
    return float(np.abs(x[:, None] - x[None]).mean() / (2 * x.mean()))


@given(
    st.lists(st.floats(0, 1e3), min_size=2, max_size=30).filter(lambda values: max(values) > 1e-3), st.floats(0.01, 100)
)
@settings(deadline=None, max_examples=60)
def test_the_index_is_one_less_gini_whatever_the_unit(values, factor):
    x = np.array(values)
    found = diffusion_index(torch.from_numpy(x)[None])
    assert found == pytest.approx((1 - gini_of_pairs(x / x.max() + 1e-7)) * 100, abs=1e-6)
    assert diffusion_index(torch.from_numpy(factor * x)[None]) == pytest.approx(found, abs=1e-6)


def test_the_index_of_a_constant_is_100_and_of_one_pixel_its_share():
    assert diffusion_index(torch.full((8, 9), 0.3)) == pytest.approx(100)
    alone = torch.zeros(20, 20)
    alone[3, 4] = 2
    assert diffusion_index(alone) == pytest.approx(100 / 400, abs=0.01)


def test_the_index_is_lower_in_a_larger_picture():
    inner = noise(8, 8, channels=1)[0]
    assert diffusion_index(F.pad(inner, [4] * 4)) == pytest.approx(diffusion_index(inner) / 4, rel=0.01)


@pytest.mark.parametrize("values", [torch.zeros(3, 3), torch.full((3, 3), math.nan), -torch.ones(2, 2), torch.ones(4)])
def test_the_index_of_what_is_no_map_is_refused(values):
    with pytest.raises(pm.PixmendError, match="diffusion_index: expected"):
        diffusion_index(values)


def test_the_fewest_pixels_hold_the_share():
    values = torch.tensor([[5.0, 1.0], [3.0, 1.0]])
    assert pixels_holding(values, share=0.5).tolist() == [[True, False], [False, False]]
    assert pixels_holding(values, share=0.8).tolist() == [[True, False], [True, False]]
    assert pixels_holding(values, share=0.9).tolist() == [[True, True], [True, False]]
    assert pixels_holding(values, share=1).all()


def test_the_density_sums_to_one_and_lies_where_the_map_does():
    values = torch.zeros(30, 40)
    values[8:12, 20:30] = 1
    smooth = density(values)
    assert float(smooth.sum()) == pytest.approx(1, abs=1e-9)
    rows, columns = smooth.sum(1), smooth.sum(0)
    assert float((rows * torch.arange(30)).sum()) == pytest.approx(9.5, abs=0.01)
    assert float((columns * torch.arange(40)).sum()) == pytest.approx(24.5, abs=0.01)
    spread = float((columns * (torch.arange(40) - 24.5) ** 2).sum())
    scott = 40 ** (-1 / 3)  # 40 equal pixels; squared width is 40^(-1/6) squared of their variance
    assert spread == pytest.approx(8.25 * (1 + scott), rel=0.01)


def test_the_busiest_window_of_the_input_is_the_same_for_all_networks():
    x = torch.zeros(3, 20, 20)
    x[:, 6:12, 9:15] = noise(6, 6)
    window = busiest_window(x, scale=3, size=16)
    assert window.top % 3 == window.left % 3 == 0 and window.size == 16
    top, left, bottom, right = window.footprint(3)
    assert (bottom - top, right - left) == (6, 6) and 5 <= top <= 7 and 8 <= left <= 10


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 4),
    st.integers(0, 40),
    st.sampled_from([1, 8, 24]),
    st.data(),
)
@settings(deadline=None, max_examples=80)
def test_a_part_holds_the_window_and_its_margin_on_the_grid_unless_it_touches_the_end(
    height, width, scale, margin, multiple, data
):
    x = torch.arange(height * width).view(1, height, width)
    size = data.draw(st.integers(1, min(height, width) * scale))
    top, left = data.draw(st.integers(0, height * scale - size)), data.draw(st.integers(0, width * scale - size))
    part = part_around(x, Window(top=top, left=left, size=size), scale=scale, margin=margin, multiple=multiple)
    cut = part.of(x)
    assert cut.shape == (1, part.height, part.width) and cut[0, 0, 0] == part.top * width + part.left
    assert part.top % multiple == 0 or part.top + part.height == height
    assert part.left % multiple == 0 or part.left + part.width == width
    assert part.height == min(height, -(-(top + size) // scale) - top // scale + 2 * margin + multiple - 1)
    part.window.check(part.height * scale, part.width * scale)
    assert (part.window.top + part.top * scale, part.window.left + part.left * scale) == (top, left)
    up, before, down, after = Window(top=top, left=left, size=size).footprint(scale)
    assert part.top <= max(0, up - margin) and part.top + part.height >= min(height, down + margin)
    assert part.left <= max(0, before - margin) and part.left + part.width >= min(width, after + margin)


def test_a_part_keeps_its_size_at_the_border_and_may_be_all():
    x = torch.zeros(3, 100, 100)
    sides = {part_around(x, Window(top=at, left=at), scale=2, margin=20).height for at in (0, 50, 92, 184)}
    assert sides == {48}
    whole = part_around(x, Window(top=3, left=4), scale=2, margin=None)
    assert whole == Part(top=0, left=0, height=100, width=100, window=Window(top=3, left=4))


def test_what_lies_at_a_cut_is_told_and_at_the_pictures_own_border_is_not():
    values = torch.zeros(20, 20)
    values[1, 1], values[10, 10] = 1, 3
    window = Window(top=5, left=5, size=4)
    cut = Part(top=8, left=0, height=20, width=20, window=window)
    assert cut.share_at_cut(values, whole=(40, 40)) == pytest.approx(0.25)
    corner = Part(top=0, left=0, height=20, width=20, window=window)
    assert corner.share_at_cut(values, whole=(40, 40)) == 0
    values[18, 10], values[10, 18] = 2, 4
    assert corner.share_at_cut(values, whole=(40, 20)) == pytest.approx(0.2)
    assert corner.share_at_cut(values, whole=(20, 40)) == pytest.approx(0.4)


def test_parts_begin_where_windows_of_all_networks_do_unless_that_is_far():
    class Windowed(Identity):
        def __init__(self, multiple: int) -> None:
            super().__init__()
            self.multiple = multiple

    assert common_multiple([Windowed(8), Windowed(12)]) == 24
    assert common_multiple([Windowed(16), Windowed(24), Windowed(7)]) == 1


def test_networks_of_different_scales_are_refused():
    with pytest.raises(pm.PixmendError, match="enlarge alike, got two by 2, three by 3"):
        common_scale({"two": BicubicEnlarge(2), "three": BicubicEnlarge(3)})


def test_a_folder_goes_on_after_a_bad_picture_and_asks_all_about_the_same_window():
    def broken() -> Tensor:
        raise pm.PixmendError("cannot be read")

    networks = {"bicubic": BicubicEnlarge(2), "again": BicubicEnlarge(2)}
    pictures = {"one": lambda: noise(30, 30), "two": broken, "tiny": lambda: noise(3, 3), "four": lambda: noise(24, 40)}
    counts: list[tuple[int, int]] = []
    found = diffusion_over(networks, pictures, steps=3, margin=8, progress=lambda *at: counts.append(at))
    assert [each.error for each in found][1:3] == [
        "cannot be read",
        "window: 16 x 16 pixels do not fit into a result of 6 x 6: give a smaller size",
    ]
    for each in (found[0], found[3]):
        assert each.error is None and each.indices is not None and each.part is not None
        assert each.indices["bicubic"] == each.indices["again"]
        assert (each.part.height, each.part.width) == (24, 24)
    assert counts[-1] == (24, 24)
