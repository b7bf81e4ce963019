"""Weights read from outside against what the network made of them, and places against windows counted by hand."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pixmend.analyze.attention import (
    AttentionMap,
    Call,
    attention_distance,
    attention_maps,
    attentions_of,
    find_attentions,
    read_attention,
)
from pixmend.analyze.attention.figure import draw_reaches
from pixmend.analyze.attention.geometry import block_of
from pixmend.analyze.attention.map_figure import MOST_MAPS, draw_maps
from pixmend.analyze.place import busiest
from pixmend.errors import PixmendError
from pixmend.layers.window import WindowAttention
from pixmend.models import VARIANTS, build
from pixmend.models.base import Restorer
from pixmend.models.hat_attention import OCAB
from pixmend.models.ipt import IPTConfig
from small import SMALL

IPT = IPTConfig(tasks=("sr_x2",), features=8, num_layers=1, num_heads=2)
"""Takes 48 x 48 pixels, as all of them do."""
CONFIGS = {
    "ipt": IPT,
    "edt dn": replace(SMALL["edt_t"], tasks=("dn_g25",), depths=(2,)),
    "odd window": replace(SMALL["swinir"], window=7),
    **SMALL,
}
TINY = {
    "tiny ipt": replace(IPT, size=12),
    "tiny edt": replace(SMALL["edt_t"], depths=(2,), window=(2, 4)),
    "tiny edt dn": replace(SMALL["edt_t"], tasks=("dn_g25",), depths=(2,), window=(2, 4)),
    "tiny hat": replace(SMALL["hat"], depths=(2,), window=4, overlapping_window=6),
    "tiny swinir": replace(SMALL["swinir"], depths=(2,), window=4),
}
"""Of few tokens, so that each can be asked."""
WITH = ("ipt", "edt dn", "edt_t", "hat", "restormer", "swinir", "odd window", "han")
WITHOUT = ("edsr_baseline", "rcan", "rdn", "rrdbnet", "rcdnet")
SPATIAL = ("ipt", "edt dn", "edt_t", "hat", "swinir", "odd window")


def make(name: str) -> Restorer:
    """A network whose attention is far from even: what begins small is made large."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build({**CONFIGS, **TINY}[name])
        for part, parameter in network.named_parameters():
            if "qkv" in part:
                parameter.data *= 15
            if "bias_table" in part:
                parameter.data *= 50
    return network.select(network.tasks[0] if network.tasks else None).eval()


def picture(height: int, width: int, *, channels: int = 3) -> Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(1))


def calls_of(network: Restorer, image: Tensor) -> list[tuple[Call, Tensor]]:
    calls: list[tuple[Call, Tensor]] = []

    def take(call: Call) -> None:
        parts = [weights for _, weights in call.weights()]
        if parts:
            calls.append((call, torch.cat(parts)))

    read_attention(network, image[None], take)
    return calls


def same_cell(a: tuple[int, int], b: tuple[int, int], *, window: tuple[int, int], shift: tuple[int, int]) -> bool:
    """Whether two tokens lie in one window of a grid that begins ``shift`` after the corner; before it lie others."""
    return all((p - s) // w == (q - s) // w for p, q, w, s in zip(a, b, window, shift, strict=True))


def spread(each: AttentionMap, *, size: tuple[int, int], step: int) -> Tensor:
    """The weights (h, H, W) of a map on all tokens of the picture; those beyond it are dropped."""
    assert each.looking is not None
    heads, rows, columns = each.weights.shape
    whole = torch.zeros(heads, size[0] + 2 * rows, size[1] + 2 * columns)
    top = round((each.looking.keys.top + 0.5) / step) + rows
    left = round((each.looking.keys.left + 0.5) / step) + columns
    whole[:, top : top + rows, left : left + columns] = each.weights
    return whole[:, rows : rows + size[0], columns : columns + size[1]]


def by_hand(network: Restorer, name: str, image: Tensor, token: tuple[int, int]) -> Tensor:
    """Weights (h, H, W) of this token of a Swin or overlapping attention, from what its module is given: every pair of
    tokens by itself, without windows, rolls or masks."""
    module = dict(network.named_modules())[name]
    assert isinstance(module, WindowAttention | OCAB)
    seen: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        network(image[None])
    hook.remove()
    x = module.norm1(seen[0]) if isinstance(module, OCAB) else seen[0]
    q, k, _ = module.qkv(x)[0].unflatten(-1, (3, module.num_heads, -1)).unbind(2)
    height, width = q.shape[:2]
    reach = range(height), range(width)
    side = module.window if isinstance(module, OCAB) else module.window[0]
    border = (module.overlapping - side) // 2 if isinstance(module, OCAB) else 0
    shift = side // 2 if isinstance(module, WindowAttention) and module.shifted else 0
    if isinstance(module, OCAB):
        reach = tuple(range(p // side * side - border, p // side * side + side + border) for p in token)
    logits = torch.full((module.num_heads, height + 2 * side, width + 2 * side), -math.inf)
    for row in reach[0]:
        for column in reach[1]:
            within = 0 <= row < height and 0 <= column < width
            if isinstance(module, WindowAttention) and not same_cell(
                token, (row, column), window=module.window, shift=(shift, shift)
            ):
                continue
            if isinstance(module, WindowAttention):
                entry = (token[0] - row + side - 1) * (2 * side - 1) + token[1] - column + side - 1
            else:
                # How far the key is from the query, both counted from the beginnings of their windows.
                down = (row - reach[0][0]) - token[0] % side + side - module.overlapping + 1
                right = (column - reach[1][0]) - token[1] % side + side - module.overlapping + 1
                entry = (down * (side + module.overlapping - 1) + right) % len(module.relative_position_bias_table)
            key = k[row, column] if within else torch.zeros_like(k[0, 0])
            product = (q[token] * key).sum(-1) / q.shape[-1] ** 0.5
            logits[:, row + side, column + side] = product + module.relative_position_bias_table[entry]
    weights = logits.flatten(1).softmax(-1).view_as(logits)
    return weights[:, side : side + height, side : side + width]


@pytest.mark.parametrize("name", WITH)
def test_weights_times_values_are_what_the_network_computed(name, monkeypatch):
    network, image = make(name), picture(17, 26)
    attend, softmax = F.scaled_dot_product_attention, Tensor.softmax
    made: list[tuple[Tensor | None, Tensor]] = []
    with monkeypatch.context() as patched:
        # What the kernel was given and gave, without anything of ours.
        def heard(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None) -> Tensor:
            made.append((v, attend(q, k, v, attn_mask=attn_mask)))
            return made[-1][1]

        def soft(x: Tensor, dim: int) -> Tensor:
            made.append((None, softmax(x, dim)))
            return made[-1][1]

        patched.setattr(F, "scaled_dot_product_attention", heard)
        patched.setattr(Tensor, "softmax", soft)
        with torch.no_grad():
            network(image[None])
    calls = calls_of(network, image)
    made = [(v, out) for v, out in made if out.numel()]
    assert len(calls) == len(made) > 0
    for (_, weights), (v, out) in zip(calls, made, strict=True):
        again, out = (weights, out.view_as(weights)) if v is None else (weights @ v, out)
        torch.testing.assert_close(again, out, rtol=1e-4, atol=1e-4 * float(out.abs().max()))


@pytest.mark.parametrize("name", WITH)
def test_weights_of_every_query_add_up_to_one(name):
    for _, weights in calls_of(make(name), picture(17, 26)):
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)))


@pytest.mark.parametrize("name", WITH)
def test_a_network_gives_the_same_while_it_is_read_and_keeps_no_hook(name):
    network, image = make(name), picture(9, 14)
    before = {part: parameter.requires_grad for part, parameter in network.named_parameters()}
    with torch.no_grad():
        expected = network(image[None])
    read: list[Tensor] = []
    hook = network.register_forward_hook(lambda module, args, out: read.append(out))
    calls_of(network, image)
    hook.remove()
    torch.testing.assert_close(read[0], expected, rtol=0, atol=0)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert before == {part: parameter.requires_grad for part, parameter in network.named_parameters()}


@pytest.mark.parametrize("name", SPATIAL)
def test_every_token_of_the_picture_looks_once_in_every_attention(name):
    from pixmend.analyze.attention.geometry import GEOMETRIES

    network, size = make(name), (17, 26)
    tokens: dict[str, list[Tensor]] = {}

    def take(call: Call) -> None:
        place = GEOMETRIES[type(call.module)].place
        assert place is not None
        tokens.setdefault(call.name, []).append(place(network, call, size).queries.flatten(0, 1))

    read_attention(network, picture(*size)[None], take)
    assert list(tokens) == list(attentions_of(network))
    multiple = network.fixed_size or network.multiple
    extended = [-(-side // multiple) * multiple for side in size]
    step = {"ipt": 3, "edt dn": 4}.get(name, 1)
    expected = [
        (row + 0.5, column + 0.5) for row in range(extended[0] // step) for column in range(extended[1] // step)
    ]
    for places in tokens.values():
        found = ((torch.cat(places) + 0.5) / step).tolist()
        assert sorted(map(tuple, found)) == expected


# Corners and edges, where shifted windows wrap; both sides of a shifted and of a plain border; the middle.
PIXELS = ((0, 0), (0, 23), (15, 0), (15, 23), (3, 4), (4, 3), (7, 8), (11, 12), (12, 20), (2, 21))


@pytest.mark.parametrize("at", PIXELS)
@pytest.mark.parametrize("name", ["swinir", "hat"])
def test_a_map_shows_the_weights_that_every_pair_of_tokens_has_by_itself(name, at):
    network, image = make(name), picture(16, 24)
    for each in attention_maps(network, image, layers=["layers.1"], at=at):
        assert each.looking is not None
        assert each.looking.query == at
        expected = by_hand(network, each.name, image, at)
        torch.testing.assert_close(spread(each, size=(16, 24), step=1), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("at", [(0, 0), (0, 47), (23, 0), (23, 47), (3, 12), (2, 11), (12, 35), (21, 36)])
@pytest.mark.parametrize(("name", "step"), [("edt_t", 1), ("edt dn", 4)])
def test_crosswise_windows_look_where_their_own_tokens_are(name, step, at):
    network, image = make(name), picture(24 * step, 48 * step)
    module_name = "edt.body.layers.0.residual_group.blocks.1"  # shifted
    block = dict(network.named_modules())[module_name]
    given: dict[int, Tensor] = {}
    hooks = [
        part.register_forward_pre_hook(lambda module, args, half=half: given.update({half: args[0]}))
        for half, part in enumerate(block.attns)
    ]
    with torch.no_grad():
        network(image[None])
    for hook in hooks:
        hook.remove()
    pixel = (at[0] * step + step // 2, at[1] * step + step - 1)
    maps = attention_maps(network, image, layers=["layers.0.residual_group.blocks.1"], at=pixel)
    for half, (each, window) in enumerate(zip(maps, [(6, 24), (24, 6)], strict=True)):
        heads = block.attns[half].num_heads
        q, k, _ = given[half][0].unflatten(-1, (heads, -1)).unbind(2)
        logits = torch.einsum("hd,yxhd->hyx", q[at], k) / q.shape[-1] ** 0.5
        for row in range(24):
            for column in range(48):
                shift = (window[0] // 2, window[1] // 2)
                if not same_cell(at, (row, column), window=window, shift=shift):
                    logits[:, row, column] = -math.inf
        expected = logits.flatten(1).softmax(-1).view_as(logits)
        torch.testing.assert_close(spread(each, size=(24, 48), step=step), expected, rtol=1e-4, atol=1e-6)
        assert each.looking is not None
        assert each.looking.query == tuple((token + 0.5) * step - 0.5 for token in at)


def test_of_a_network_of_fixed_size_the_window_is_asked_in_whose_middle_the_pixel_is():
    network, image = make("ipt"), picture(48, 76)  # two windows, from column 0 and from 28
    for column, left in ((5, 0), (37, 0), (38, 28), (70, 28)):
        (each,) = attention_maps(network, image, layers=["encoder"], at=(10, column))
        assert each.looking is not None
        assert (each.looking.keys.left, each.looking.keys.right) == (left - 0.5, left + 47.5)
        assert abs(each.looking.query[1] - column) <= 1
        assert each.weights.shape == (2, 16, 16)


def test_in_a_lower_row_of_windows_tokens_of_a_network_of_fixed_size_are_as_in_a_window_alone():
    network, image = make("ipt"), picture(76, 48)  # two rows of windows, from row 0 and from 28
    (low,) = attention_maps(network, image, layers=["decoder.layers.0.multihead_attn"], at=(70, 20))
    (alone,) = attention_maps(network, image[:, 28:], layers=["decoder.layers.0.multihead_attn"], at=(42, 20))
    torch.testing.assert_close(low.weights, alone.weights, rtol=1e-4, atol=1e-6)
    assert low.looking is not None
    assert low.looking.keys.top == 27.5


def test_a_planted_offset_is_found_at_that_distance():
    # A bias alone decides: every query looks 2 down and 3 left, if that is in its window, else at all of it alike.
    network = build(SMALL["swinir"]).eval()
    for module in network.modules():
        if isinstance(module, WindowAttention):
            nn.init.zeros_(module.qkv.weight)
            nn.init.zeros_(module.relative_position_bias_table)
            module.relative_position_bias_table.data[(-2 + 7) * 15 + 3 + 7] = 60
    names = ["layers.0.residual_group.blocks.0.attn", "layers.0.residual_group.blocks.1.attn"]
    for name, shift in zip(names, ((0, 0), (4, 4)), strict=True):
        for at in ((1, 5), (5, 9), (0, 4), (14, 2), (15, 23), (11, 23)):
            (each,) = attention_maps(network, picture(16, 24), layers=[name], at=at)
            to = (at[0] + 2, at[1] - 3)
            found = spread(each, size=(16, 24), step=1)
            inside = 0 <= to[0] < 16 and to[1] >= 0 and same_cell(at, to, window=(8, 8), shift=shift)
            assert (float(found[0][to]) > 0.999) == inside if inside else float(found.max()) < 0.2, (name, at)
            if inside:
                assert each.looking is not None
                assert each.looking.distance[0] == pytest.approx(math.hypot(2, 3), abs=1e-3)


@pytest.mark.parametrize("name", TINY)
def test_mean_distance_is_the_mean_over_the_maps_of_all_queries(name):
    network, step = make(name), {"tiny ipt": 3, "tiny edt dn": 4}.get(name, 1)
    size = (network.fixed_size or network.multiple, 2 * (network.fixed_size or network.multiple))
    size = (size[0], size[0]) if network.fixed_size else size
    image = picture(*size)
    for chosen in list(attentions_of(network))[-2:]:
        (reach,) = attention_distance(network, image[None], names=[chosen])
        pixels = [(row, column) for row in range(0, size[0], step) for column in range(0, size[1], step)]
        maps = [attention_maps(network, image, layers=[chosen], at=at)[0] for at in pixels]
        distances = torch.tensor([each.looking.distance for each in maps if each.looking])
        beyond = torch.tensor([each.looking.beyond for each in maps if each.looking])
        assert reach.distance == pytest.approx(distances.mean(0).tolist(), rel=1e-4)
        assert reach.beyond == pytest.approx(beyond.mean(0).tolist(), abs=1e-5)
        assert reach.step == step


def test_even_weights_in_a_window_have_the_distance_and_entropy_of_even_weights():
    network = make("swinir")
    for module in network.modules():
        if isinstance(module, WindowAttention):
            nn.init.zeros_(module.qkv.weight)
            nn.init.zeros_(module.relative_position_bias_table)
    plain, shifted, *_ = attention_distance(network, picture(16, 24)[None])
    places = [(row, column) for row in range(8) for column in range(8)]
    expected = sum(math.dist(a, b) for a in places for b in places) / 64**2
    assert plain.uniform == pytest.approx(expected, rel=1e-6)
    assert plain.distance == pytest.approx([expected] * 2, rel=1e-5)
    assert plain.entropy == pytest.approx([math.log(64)] * 2, rel=1e-5)
    # Shifted, the windows at the border are cut into parts that do not see one another.
    assert shifted.uniform < plain.uniform
    assert shifted.distance == pytest.approx([shifted.uniform] * 2, rel=1e-5)
    assert shifted.evenness == pytest.approx([1] * 2, rel=1e-5)


def test_heads_that_look_at_one_token_have_no_entropy():
    network = make("swinir")
    for module in network.modules():
        if isinstance(module, WindowAttention):
            nn.init.zeros_(module.qkv.weight)
            nn.init.zeros_(module.relative_position_bias_table)
            module.relative_position_bias_table.data[7 * 15 + 7] = 60  # itself
    for reach in attention_distance(network, picture(16, 24)[None]):
        assert reach.distance == pytest.approx([0, 0], abs=1e-6)
        assert reach.evenness == pytest.approx([0, 0], abs=1e-6)


def test_weight_beyond_the_border_is_told_and_left_out_of_the_distance():
    network = make("hat")
    for module in network.modules():
        if isinstance(module, OCAB):
            nn.init.zeros_(module.qkv.weight)
            nn.init.zeros_(module.relative_position_bias_table)
    (reach,) = attention_distance(network, picture(8, 8)[None], names=["layers.0.residual_group.overlap_attn"])
    assert reach.beyond == pytest.approx([1 - 64 / 144] * 2, rel=1e-5)  # 8 x 8 of 12 x 12 are there
    places = [(row, column) for row in range(8) for column in range(8)]
    expected = sum(math.dist(a, b) for a in places for b in places) / 64**2
    assert reach.distance == pytest.approx([expected] * 2, rel=1e-5)
    assert reach.most == pytest.approx(math.log(144))


def test_channels_and_layers_have_entropy_and_no_distance():
    for name, kind in (("restormer", "channels"), ("han", "layers")):
        reaches = attention_distance(make(name), picture(16, 16)[None])
        assert {reach.kind for reach in reaches} == {kind}
        assert not any(reach.spatial for reach in reaches)
        assert all(math.isnan(each) for reach in reaches for each in reach.distance)
        assert all(0 <= each <= 1 + 1e-5 for reach in reaches for each in reach.evenness)


def test_maps_of_channels_are_those_of_the_whole_picture():
    network = make("restormer")
    (each,) = attention_maps(network, picture(16, 16), layers=["latent.0"])
    assert each.looking is None
    assert each.weights.shape == (8, 16, 16)  # 128 channels, 8 heads
    torch.testing.assert_close(each.weights.sum(-1), torch.ones(8, 16))


def test_of_several_pictures_the_mean_is_taken():
    network = make("swinir")
    a, b = picture(16, 16), picture(16, 16).flip(1).square()
    both = attention_distance(network, torch.stack([a, b]))
    alone = [attention_distance(network, each[None]) for each in (a, b)]
    for mean, first, second in zip(both, *alone, strict=True):
        assert mean.distance == pytest.approx(
            [(x + y) / 2 for x, y in zip(first.distance, second.distance, strict=True)], rel=1e-6
        )


@settings(max_examples=10, deadline=None)
@given(height=st.integers(1, 30), width=st.integers(1, 30), name=st.sampled_from(["swinir", "hat", "odd window"]))
def test_pictures_of_any_size_are_asked_and_no_head_looks_further_than_its_window(height, width, name):
    network = make(name)
    window = {"swinir": 8, "hat": 12, "odd window": 7}[name]
    for reach in attention_distance(network, picture(height, width)[None]):
        assert all(0 <= each <= window * math.sqrt(2) for each in reach.distance)
        assert all(0 <= each <= 1 + 1e-5 for each in reach.evenness)
        assert all(-1e-6 <= each <= 1 for each in reach.beyond)


@pytest.mark.parametrize("name", WITHOUT)
def test_a_network_without_attention_is_refused_in_a_line(name):
    with pytest.raises(PixmendError, match="has no attention: expected a transformer"):
        attention_distance(make(name), picture(8, 8)[None])


def test_weights_are_computed_in_parts_no_larger_than_agreed(monkeypatch):
    network, image = make("swinir"), picture(16, 24)
    whole = attention_distance(network, image[None])
    monkeypatch.setattr("pixmend.analyze.attention.record.MOST", 64 * 64 * 2 + 1)  # one window at a time
    for one, other in zip(attention_distance(network, image[None]), whole, strict=True):
        assert one.distance == pytest.approx(other.distance, rel=1e-6)
        assert one.entropy == pytest.approx(other.entropy, rel=1e-6)


def test_a_name_means_an_attention_or_all_that_are_inside():
    network = make("edt_t")
    inside = find_attentions(network, ["layers.1.residual_group.blocks.0"])
    assert inside == [f"edt.body.layers.1.residual_group.blocks.0.attns.{half}" for half in (0, 1)]
    assert find_attentions(network, inside[:1]) == inside[:1]
    for question in (
        lambda: find_attentions(network, ["layers.7"]),
        lambda: attention_distance(network, picture(24, 24)[None], names=["layers.7"]),
        lambda: attention_maps(network, picture(24, 24), layers=["layers.7"]),
    ):
        with pytest.raises(PixmendError, match="no attention in 'layers.7'"):
            question()


def test_a_pixel_outside_and_two_pictures_are_refused():
    network = make("swinir")
    with pytest.raises(PixmendError, match="row 16, column 0 is outside the picture of 24 x 16"):
        attention_maps(network, picture(16, 24), layers=["layers.0"], at=(16, 0))
    with pytest.raises(PixmendError, match="one picture at a time"):
        read_attention(network, picture(8, 8).expand(2, -1, -1, -1), lambda call: None)
    with pytest.raises(PixmendError, match="empty batch"):
        attention_distance(network, torch.zeros(0, 3, 8, 8))


def test_an_error_inside_the_network_leaves_no_hook():
    network = make("swinir")
    with pytest.raises(RuntimeError, match="seen enough"):
        read_attention(network, picture(8, 8)[None], lambda call: (_ for _ in ()).throw(RuntimeError("seen enough")))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_without_a_pixel_the_most_textured_place_looks():
    image = torch.full((3, 32, 32), 0.5)
    image[:, 18:26, 5:13] = picture(8, 8)
    (each,) = attention_maps(make("swinir"), image, layers=["layers.0.residual_group.blocks.0"])
    top, left = busiest(image, size=(12, 12))
    assert each.looking is not None
    assert each.looking.query == (top + 6, left + 6)


def test_half_precision_is_refused():
    with pytest.raises(PixmendError, match=r"bfloat16.*float\(\)"):
        attention_distance(make("swinir").to(torch.bfloat16), picture(8, 8)[None])


def test_figures_show_every_network_and_every_head():
    reaches = {name: attention_distance(make(name), picture(16, 16)[None]) for name in ("hat", "restormer")}
    figure = draw_reaches(reaches)
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == [
        "hat: how far heads look",
        "restormer: how far heads look",
    ]
    assert "every other block's windows are shifted" in figure.axes[0].get_xlabel()
    assert [each.get_text() for each in figure.axes[0].get_xticklabels(minor=True)] == ["0", "0"]  # of two stages
    maps = attention_maps(make("ipt"), picture(20, 20), layers=["encoder", "decoder"])
    titles = [axes.get_title() for axes in draw_maps(picture(20, 20), maps, model="ipt").axes]
    assert sum(title.startswith("head") for title in titles) == 3 * 2
    with pytest.raises(PixmendError, match=f"from 1 to {MOST_MAPS} attentions"):
        draw_maps(picture(20, 20), [maps[0]] * (MOST_MAPS + 1), model="ipt")


def test_the_picture_is_drawn_once_for_the_attentions_of_a_block():
    maps = attention_maps(make("edt_t"), picture(20, 20), layers=["layers.0"])
    titles = [axes.get_title() for axes in draw_maps(picture(20, 20), maps, model="edt").axes]
    assert sum(title.startswith("from row") for title in titles) == len(maps) / 2 == 2


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("edt.body.layers.2.residual_group.blocks.3.attns.1", 3),
        ("ipt.body.decoder.layers.11.multihead_attn", 11),
        ("encoder_level1.0.attn", 0),
        ("layers.0.residual_group.overlap_attn.attn", None),
        ("la", None),
    ],
)
def test_blocks_are_numbered_within_their_stage(name, block):
    assert block_of(name) == block


def test_every_transformer_of_the_catalogue_has_attention_in_every_block():
    for name in ("edt_b", "hat_s", "swinir_light", "restormer", "ipt_4"):
        with torch.device("meta"):
            network = build(VARIANTS[name])
        found = attentions_of(network.select(network.tasks[0] if network.tasks else None))
        assert len(found) == {"edt_b": 72, "hat_s": 42, "swinir_light": 24, "restormer": 44, "ipt_4": 12}[name]
