"""Centred kernel alignment: the estimate, what is compared, and what networks are given."""

import math
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pixmend.analyze.cka import (
    Inputs,
    Layer,
    Similarity,
    branches,
    cka,
    clean_patches,
    clean_side,
    similarity,
    stream,
    task_degradation,
    unbiased_hsic,
)
from pixmend.analyze.cka import draw as draw_figure
from pixmend.analyze.cka.layers import groups_of
from pixmend.analyze.cka.summary import summaries
from pixmend.analyze.points import Point, find_points, watched
from pixmend.degrade import JPEG, Bicubic, Chain, GaussianNoise, Round8, round8
from pixmend.errors import PixmendError
from pixmend.evaluate.baseline import BicubicEnlarge
from pixmend.image import write_image
from pixmend.models import build
from pixmend.models.base import Restorer
from pixmend.models.ipt import IPTConfig
from small import SMALL, few

NARROW = few("swinir", dim=8, num_heads=2)
IPT = IPTConfig(tasks=("sr_x2", "dn_g30"), features=4, patch=6, num_heads=3, num_layers=2, mlp_ratio=2, size=24)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(x: Tensor) -> Tensor:
    return x.flatten(1).double() @ x.flatten(1).double().T


def by_quadruples(k: Tensor, m: Tensor) -> float:
    """The mean of k_ij l_ij + k_ij l_qr - 2 k_ij l_iq over all ways to pick four different examples, which is unbiased
    term by term."""
    total, count = 0.0, 0
    for i, j, q, r in permutations(range(len(k)), 4):
        total += float(k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]))
        count += 1
    return total / count


def by_song(k: Tensor, m: Tensor) -> Tensor:
    """Song et al. (JMLR 13, 2012), equation 5."""
    n = len(k)
    k, m = (each - torch.diag(each.diagonal()) for each in (k, m))
    one = torch.ones(n, dtype=torch.float64)
    middle = (one @ k @ one) * (one @ m @ one) / (n - 1) / (n - 2)
    return (torch.trace(k @ m) + middle - 2 / (n - 2) * (one @ k @ m @ one)) / n / (n - 3)


def single(config) -> Restorer:
    network = build(config)
    return network.select(network.tasks[0] if network.tasks else None)


def pictures_for(network: Restorer, count: int, *, seed: int = 0) -> Tensor:
    side = network.fixed_size or network.multiple
    return torch.rand(count, network.in_channels, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [4, 5, 7])
def test_the_estimate_is_the_mean_over_all_four_different_examples(n):
    k, m = linear(draw(n, 3)), linear(draw(n, 5, seed=1) + draw(n, 1))
    assert unbiased_hsic(k, m) == pytest.approx(by_quadruples(k, m), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("n", [4, 9, 32])
def test_the_estimate_is_that_of_the_paper(n):
    k, m = linear(draw(n, 40)), linear(draw(n, 7, seed=1))
    assert unbiased_hsic(k, m) == pytest.approx(float(by_song(k, m)), rel=1e-11)


def test_the_estimate_is_unbiased_with_as_few_as_five_examples():
    draws = 4000
    x, noise = draw(draws, 5, 1), draw(draws, 5, 1, seed=1)
    depends = torch.tensor([unbiased_hsic(linear(a), linear(a + b)) for a, b in zip(x, noise, strict=True)])
    apart = torch.tensor([unbiased_hsic(linear(a), linear(b)) for a, b in zip(x, noise, strict=True)])
    for found, truth in ((depends, 1.0), (apart, 0.0)):  # of linear kernels HSIC is the covariance squared
        assert abs(found.mean() - truth) < 4 * found.std() / math.sqrt(draws)
    assert 0.2 < (apart < 0).float().mean() < 0.8


numbers = st.integers(0, 10_000)


@settings(deadline=None, max_examples=25)
@given(numbers, st.integers(4, 12), st.floats(1e-3, 1e3))
def test_rotation_scale_shift_and_order_change_nothing(seed, n, scale):
    x, y = draw(n, 6, seed=seed), draw(n, 9, seed=seed + 1) + draw(n, 1, seed=seed)
    rotated = x @ torch.linalg.qr(draw(6, 6, seed=seed + 2)).Q
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    expected = pytest.approx(cka(x, y), rel=1e-8, abs=1e-8)
    assert cka(rotated, y) == expected
    assert cka(-scale * x, y) == expected
    assert cka(x + 10 * draw(1, 6, seed=seed + 3), y) == expected
    assert cka(x[order], y[order]) == expected


@settings(deadline=None, max_examples=25)
@given(numbers, st.integers(4, 12))
def test_of_itself_it_is_one_and_never_more(seed, n):
    x, y = draw(n, 3, seed=seed), draw(n, 2, seed=seed + 1)
    assert cka(x, x) == pytest.approx(1)
    assert abs(cka(x, y)) <= 1


def test_another_linear_map_and_another_order_of_one_side_change_it():
    x = draw(12, 4)
    assert cka(x, x * torch.tensor([1, 10, 0.1, 1])) < 0.9
    assert cka(x, x.flip(0)) < 0.5


def test_independent_features_have_nothing_in_common():
    assert abs(cka(draw(300, 50), draw(300, 40, seed=1))) < 0.05


def test_a_mean_a_thousand_times_the_spread_is_no_loss():
    x = (1000 + draw(16, 5000)).float()
    y = draw(16, 3, seed=1)
    exact = x.double() - x.double().mean(0)
    expected = by_song(linear(exact), linear(y))
    found = cka(x, y) * math.sqrt(by_song(linear(exact), linear(exact)) * by_song(linear(y), linear(y)))
    assert found == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.3, 1e20])
def test_constant_features_are_like_nothing(value):
    assert math.isnan(cka(torch.full((8, 3, 5, 5), value), draw(8, 3)))


def test_features_in_double_precision_are_left_as_they_are():
    x = torch.rand(6, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    cka(x, x.square())
    assert torch.equal(x, before)


def test_rounding_is_no_difference():
    rounded = torch.full((8, 1000), 0.3) * (1 + 1e-7 * draw(8, 1000)).float()
    assert bool((rounded != rounded[0]).any())
    assert math.isnan(cka(rounded, draw(8, 3)))


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(PixmendError, match="4 examples or more"):
        cka(draw(3, 2), draw(3, 2))
    with pytest.raises(PixmendError, match="same n examples"):
        cka(draw(6, 2), draw(5, 2))
    with pytest.raises(PixmendError, match="one shape"):
        unbiased_hsic(draw(6, 6), draw(5, 5))
    with pytest.raises(PixmendError, match="finite"):
        cka(draw(6, 2), draw(6, 2) * torch.nan)


def test_batches_are_averaged_before_they_are_divided():
    network, patches = single(NARROW), torch.rand(14, 3, 8, 8)
    found = similarity(network, patches, batch=7)
    seen: list[dict[str, Tensor]] = [{}, {}]
    for half, features in zip(patches.chunk(2), seen, strict=True):
        points = [layer.point for layer in found.layers]
        with (
            torch.no_grad(),
            watched(network.eval(), points, lambda point, t, kept=features: kept.update({point.name: t})),
        ):
            network(half)
    names = [layer.name for layer in found.layers]
    hsic = torch.zeros(len(names), len(names), dtype=torch.float64)
    for features in seen:
        grams = [linear(features[name]) for name in names]
        hsic += torch.tensor([[float(by_song(k, m)) for m in grams] for k in grams])
    norm = hsic.diagonal().sqrt()
    torch.testing.assert_close(found.own, hsic / norm / norm[:, None], rtol=1e-6, atol=1e-6)
    assert (found.examples, found.batches) == (14, 2)


def test_batches_of_a_tensor_leave_no_patch_out():
    network = single(SMALL["rdn"])
    sizes = [each.shape[0] for each in torch.rand(23, 3, 4, 4).tensor_split(2)]
    patches = torch.rand(23, 3, 4, 4)
    heard: list[tuple[int, int]] = []
    found = similarity(network, patches, batch=9, progress=lambda done, total: heard.append((done, total)))
    assert (found.examples, found.batches, sizes) == (23, 2, [12, 11])
    assert heard == [(1, 2), (2, 2)]
    again = similarity(network, list(patches.split([12, 11])))
    torch.testing.assert_close(again.joint, found.joint, rtol=0, atol=0)


@pytest.mark.parametrize("name", SMALL)
def test_every_family_is_compared_and_left_as_it_was(name):
    network = single(SMALL[name]).train()
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    patches = pictures_for(network, 5)
    for layers in (stream(network), branches(network)):
        found = similarity(network, patches, layers=layers)
        known = ~found.own.diagonal().isnan()
        assert known.sum() > len(layers) / 2
        own = found.own[known][:, known]
        torch.testing.assert_close(own, own.T)
        torch.testing.assert_close(own.diagonal(), torch.ones_like(own.diagonal()))
        assert bool((own.abs() <= 1).all()) and own.dtype == torch.float64
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert hooks == [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_branches_are_what_modules_add():
    network, patches = single(NARROW), torch.rand(6, 3, 8, 8)
    layer = next(layer for layer in branches(network) if layer.point.kind == "feed-forward")
    mlp = Layer(point=find_points(network, [f"{layer.name}.mlp"])[0])
    found = similarity(network, patches, layers=[layer, mlp])
    assert float(found.own[0, 1]) == pytest.approx(1, abs=1e-6)


def test_a_block_that_adds_nothing_is_named():
    network = single(SMALL["edsr_baseline"])
    torch.nn.init.zeros_(network.body[3].conv2.weight)
    torch.nn.init.zeros_(network.body[3].conv2.bias)
    found = similarity(network, torch.rand(6, 3, 4, 4), layers=branches(network))
    assert found.constant == ("body.3",)
    assert bool(found.own[3].isnan().all()) and bool(found.own[:, 3].isnan().all())
    assert int(found.own.isnan().sum()) == 2 * len(found.layers) - 1
    [line] = summaries(found, names=["EDSR"])
    assert math.isfinite(line.mean) and math.isfinite(line.least) and "body.3" not in line.where


def test_two_tasks_of_one_network_see_patches_of_their_own():
    network = build(few("edt_t", features=4, dim=12, num_heads=2, tasks=("sr_x2", "dn_g25"), window=(2, 4)))
    small, noisy = torch.rand(6, 3, 8, 8), torch.rand(6, 3, 16, 16)
    one, other = network.select("sr_x2"), network.select("dn_g25")
    found = similarity(one, small, other=other, other_patches=noisy)
    assert found.matrix.shape == (len(stream(one)), len(stream(other)))
    swapped = similarity(other, noisy, other=one, other_patches=small)
    torch.testing.assert_close(found.matrix, swapped.matrix.T)
    torch.testing.assert_close(found.own, similarity(one, small).own)
    torch.testing.assert_close(found.other, similarity(other, noisy).own)


def test_patches_are_given_in_the_precision_of_the_network():
    network = build(SMALL["edsr_baseline"]).eval()
    patches = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    single = similarity(network, patches).joint
    torch.testing.assert_close(similarity(network.double(), patches).joint, single, atol=1e-5, rtol=0)


def test_with_itself_a_network_is_compared_like_alone():
    network, patches = single(NARROW), torch.rand(5, 3, 8, 8)
    found = similarity(network, patches, other=network)
    torch.testing.assert_close(found.matrix, found.own)
    lines = summaries(found, names=["one", "two"])
    assert [line.among for line in lines] == ["neighbours", "neighbours", "the same layer"]
    assert lines[2].least == pytest.approx(1)


def test_a_figure_has_a_panel_for_each_pair_and_a_bar():
    network, patches = single(NARROW), torch.rand(5, 3, 8, 8)
    assert len(draw_figure(similarity(network, patches), names=["one"]).axes) == 1 + 1
    figure = draw_figure(similarity(network, patches, other=single(SMALL["rdn"])), names=["one", "two"])
    assert [axes.get_xlabel() for axes in figure.axes[:3]] == ["layer", "layer", "layer of two"]
    assert figure.axes[2].images[0].get_array().shape == (len(stream(network)), len(stream(single(SMALL["rdn"]))))


def test_colours_begin_at_the_tenth_below_the_smallest_value():
    layers = tuple(Layer(point=Point(name=name, module=name)) for name in ("one", "two"))
    joint = torch.tensor([[1.0, 0.87], [0.87, 1.0]], dtype=torch.float64)
    found = Similarity(layers=layers, other_layers=layers, joint=joint, examples=8, batches=1)
    panel, bar = draw_figure(found, names=["one"]).axes
    assert panel.images[0].get_clim() == (0.8, 1.0)
    assert bar.get_ylabel() == "CKA, colours begin at 0.8"


def test_layers_of_another_architecture_are_told_by_their_best_partner():
    found = similarity(single(NARROW), torch.rand(5, 3, 8, 8), other=single(SMALL["rdn"]))
    line = summaries(found, names=["SwinIR", "RDN"])[2]
    assert line.among == "the best partner"
    assert line.least == pytest.approx(float(found.matrix.max(1).values.min()))


@pytest.mark.parametrize(
    ("patches", "options", "words"),
    [
        (torch.rand(3, 3, 8, 8), {}, "n of 4 or more"),
        (torch.rand(8, 3, 8, 8), {"batch": 3}, "4 examples or more"),
        (torch.rand(3, 8, 8), {}, r"\(n, C, H, W\)"),
        (torch.rand(8, 1, 8, 8), {}, "expected a batch"),
        ([], {}, "as many batches"),
        (torch.rand(8, 3, 8, 8), {"layers": []}, "one layer or more"),
        (torch.rand(8, 3, 8, 8) * torch.nan, {}, "not finite"),
        (torch.rand(8, 3, 8, 8), {"other_patches": torch.rand(8, 3, 8, 8)}, "no effect without other"),
    ],
)
def test_patches_that_cannot_be_compared_are_refused(patches, options, words):
    with pytest.raises(PixmendError, match=words):
        similarity(single(NARROW), patches, **options)


def test_two_networks_see_the_same_examples():
    network = single(NARROW)
    with pytest.raises(PixmendError, match="as many for both networks"):
        similarity(network, torch.rand(6, 3, 8, 8), other=network, other_patches=torch.rand(5, 3, 8, 8))
    with pytest.raises(PixmendError, match="as many batches"):
        similarity(network, torch.rand(64, 3, 8, 8), other=network, other_patches=torch.rand(32, 3, 8, 8))


def test_a_network_without_modules_has_no_layers():
    with pytest.raises(PixmendError, match="no layers to compare"):
        similarity(BicubicEnlarge(2), torch.rand(8, 3, 8, 8))
    with pytest.raises(PixmendError, match="no branches to compare"):
        branches(BicubicEnlarge(2))


def test_a_network_of_one_size_takes_patches_of_that_size():
    network = build(IPT).select("sr_x2")
    assert similarity(network, pictures_for(network, 4)).matrix.shape == (len(stream(network)),) * 2
    with pytest.raises(PixmendError, match="24 x 24 pixels at a time"):
        similarity(network, torch.rand(4, 3, 48, 24))


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("edt_t", ["head", "layers.0", "layers.1", "tail"]),
        ("hat", ["head", "layers.0", "layers.1", "tail"]),
        ("edsr_baseline", ["head", "body", "tail"]),
        ("rcan", ["head", "body.0", "body.1", "tail"]),
        ("rcdnet", [""]),
    ],
)
def test_stages_are_read_off_names(name, groups):
    layers = stream(single(SMALL[name]))
    found = groups_of(layers)
    assert [group.name for group in found] == groups
    assert sum(group.count for group in found) == len(layers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Pictures of 40 x 50 pixels, one of which is cut short, and a small one."""
    place = tmp_path_factory.mktemp("clean")
    for number in range(3):
        write_image(place / f"{number}.png", torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(number)))
    write_image(place / "small.png", torch.rand(3, 9, 9))
    content = (place / "1.png").read_bytes()
    (place / "1.png").write_bytes(content[: len(content) // 2])
    return place


@pytest.mark.filterwarnings("ignore")
def test_patches_are_those_of_the_seed_and_damage_is_left_out(folder):
    one, again, other = (clean_patches(folder, count=6, side=24, seed=seed) for seed in (0, 0, 1))
    assert one.shape == (6, 3, 24, 24) and one.dtype == torch.uint8
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert len({patch.numpy().tobytes() for patch in one}) == 6


def test_patches_that_cannot_be_cut_are_refused(folder):
    with pytest.raises(PixmendError, match="no picture has 64 x 64 pixels"):
        clean_patches(folder, count=6, side=64)
    with pytest.raises(PixmendError, match="expected a folder of clean pictures"):
        clean_patches(folder / "0.png", count=6, side=8)
    with pytest.raises(PixmendError, match="expected 4 or more"):
        clean_patches(folder, count=3, side=8)


@pytest.mark.parametrize(
    ("chains", "side"),
    [
        ([None], 48),
        ([Bicubic(scale=2)], 96),
        ([Chain(Bicubic(scale=2), Round8()), GaussianNoise(sigma=25)], 96),
        ([Bicubic(scale=3), Bicubic(scale=4)], 192),
        ([Bicubic(scale=3), Bicubic(scale=2)], 144),
    ],
)
def test_clean_patches_are_large_enough_for_all(chains, side):
    assert clean_side(48, chains) == side


def test_networks_are_given_what_their_tasks_are_for():
    clean = torch.randint(256, (9, 3, 16, 16), dtype=torch.uint8)
    network = build(replace(SMALL["edt_t"], tasks=("sr_x2", "dn_g50")))
    enlarges, denoises = network.select("sr_x2"), network.select("dn_g50")
    given = Inputs(clean=clean, network=enlarges, chain=task_degradation(enlarges), batch=4)
    assert [tuple(batch.shape) for batch in given] == [(4, 3, 8, 8), (5, 3, 8, 8)]
    assert (len(given), given.size) == (2, (8, 8))
    assert torch.equal(next(iter(given))[2], round8(Bicubic(scale=2)(clean[2].float() / 255)))
    strong, weak = (
        torch.cat(list(Inputs(clean=clean, network=denoises, chain=chain, batch=4))) - clean / 255
        for chain in (task_degradation(denoises), GaussianNoise(sigma=25))
    )
    torch.testing.assert_close(strong, 2 * weak, rtol=0, atol=1e-6)
    assert float(strong.std() * 255) == pytest.approx(50, rel=0.1)


def test_no_two_patches_have_the_same_noise_and_every_time_it_is_the_same():
    network = build(replace(SMALL["edt_t"], tasks=("dn_g50",))).select("dn_g50")
    clean = torch.full((4, 3, 8, 8), 128, dtype=torch.uint8)
    given = Inputs(clean=clean, network=network, chain=task_degradation(network), batch=4)
    [first], [again] = given, given
    assert torch.equal(first, again)
    assert all(not torch.equal(first[one], first[other]) for one in range(4) for other in range(one))


def test_a_network_of_one_size_is_given_the_middle():
    network = build(IPT).select("dn_g30")
    clean = torch.randint(256, (4, 3, 48, 48), dtype=torch.uint8)
    [given] = Inputs(clean=clean, network=network, chain=None, batch=4)
    assert torch.equal(given, clean[..., 12:36, 12:36].float() / 255)


def test_a_grey_network_is_given_luma_and_one_of_two_views_nothing():
    clean = torch.full((4, 3, 8, 8), 51, dtype=torch.uint8)
    [given] = Inputs(clean=clean, network=single(few("swinir_jpeg_grey", dim=8, num_heads=2)), chain=None, batch=4)
    torch.testing.assert_close(given, torch.full((4, 1, 8, 8), 0.2))
    chain = JPEG(quality=40)
    assert Inputs(clean=clean, network=single(few("restormer_grey", dim=16)), chain=chain, batch=4).size == (8, 8)
    with pytest.raises(PixmendError, match="two views"):
        Inputs(clean=clean, network=single(few("restormer_dual", dim=16)), chain=None, batch=4)
