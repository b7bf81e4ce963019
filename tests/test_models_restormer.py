from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import pixmend as pm
import seeded
import small
from pixmend.models.restormer import VARIANTS, LayerNorm, Restormer, RestormerConfig
from pixmend.weights.families.restormer import config_of, layout_of, to_official

TINY = RestormerConfig(dim=8, num_blocks=(1, 2, 1, 2), num_refinement_blocks=3, heads=(1, 2, 2, 4))

KINDS = {
    "with bias": TINY,
    "bias free": replace(TINY, layer_norm="BiasFree"),
    "grey": replace(TINY, layer_norm="BiasFree", in_channels=1, out_channels=1),
    "dual pixel": replace(TINY, in_channels=6, dual_pixel=True, task="defocus_dual"),
    "narrow feed-forward": replace(TINY, ffn_expansion=1.5),
}


def on_meta(config: RestormerConfig) -> Restormer:
    with torch.device("meta"):
        return Restormer(config).eval()


def test_multiplications_are_as_many_as_published():
    network = on_meta(VARIANTS["restormer"])
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, 256, 256, device="meta"))
    counts = {str(operation): flops / 2e9 for operation, flops in counter.get_flop_counts()["Global"].items()}
    assert counts["aten.convolution"] == pytest.approx(140.99, abs=0.01)  # what the paper's tool counts
    assert sum(counts.values()) == pytest.approx(154.9, abs=0.05)


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_official_names_and_back_lose_nothing(config):
    official = small.there_and_back(config)
    read = config_of(official)  # in which another factor may give the same hidden channels
    assert replace(read, ffn_expansion=config.ffn_expansion) == config
    assert {n: t.shape for n, t in on_meta(read).state_dict().items()} == {n: t.shape for n, t in official.items()}


def test_the_factor_of_the_feed_forward_network_is_found_where_there_is_one():
    assert config_of(on_meta(replace(TINY, ffn_expansion=2.0)).state_dict()).ffn_expansion == 2.0
    found = config_of(on_meta(replace(TINY, dim=48, ffn_expansion=2.71828)).state_dict()).ffn_expansion
    assert [int(channels * found) for channels in (48, 96, 192, 384)] == [130, 260, 521, 1043]


def test_without_a_bias_the_mean_stays_but_leaves_the_deviation():
    x = torch.rand(2, 6, 3, 5, dtype=torch.float64) + 4
    deviation = (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(LayerNorm(6, biased=False).double()(x), x / deviation)
    torch.testing.assert_close(LayerNorm(6, biased=True).double()(x), (x - x.mean(1, keepdim=True)) / deviation)


def test_two_views_become_one_picture_that_is_not_added_to_either():
    network = Restormer(KINDS["dual pixel"]).eval()
    torch.nn.init.zeros_(network.output.weight)
    with torch.inference_mode():
        y = network(torch.rand(2, 6, 9, 8))
    assert y.shape == (2, 3, 9, 8)
    assert not y.any()


def test_the_task_is_what_was_said_and_the_dual_pixel_one_needs_no_saying():
    assert Restormer(TINY).tasks == ()
    assert Restormer(replace(TINY, task="deblur")).tasks == ("deblur",)
    assert on_meta(VARIANTS["restormer_dual"]).tasks == ("defocus_dual",)


def test_hidden_sizes_that_no_one_factor_gives_are_refused():
    tensors = to_official(Restormer(TINY))
    tensors["latent.1.ffn.project_out.weight"] = torch.empty(64, 3, 1, 1)
    with pytest.raises(pm.PixmendError, match="hidden channels, 21 of 8, .* 3 of 64, .* no one factor gives"):
        config_of(tensors)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("patch_embed.proj.weight", (8, 3)),
        ("latent.0.attn.temperature", (0, 1, 1)),
        ("latent.0.attn.temperature", (3, 1, 1)),
        ("output.weight", (4, 16, 3, 3)),
        ("patch_embed.proj.weight", (0, 3, 3, 3)),
        ("latent.1.ffn.project_out.weight", (0, 21, 1, 1)),
    ],
)
def test_tensors_of_no_possible_network_are_refused(name, shape):
    tensors = to_official(Restormer(TINY)) | {name: torch.empty(shape)}
    with pytest.raises(pm.PixmendError):
        config_of(tensors)


@pytest.mark.parametrize(
    "more",
    ["prompt1.prompt_param", "encoder_level0.0.norm1.body.weight", "module.output.weight", "reduce_chan_level1.weight"],
)
def test_networks_that_have_more_than_restormer_are_none(more):
    names = [*seeded.shapes("restormer/deraining"), more]
    assert layout_of(names) is None


@pytest.mark.parametrize("lacking", ["output.weight", "latent.0.attn.temperature", "refinement.0.norm1.body.weight"])
def test_networks_that_have_less_than_restormer_are_none(lacking):
    assert layout_of([name for name in seeded.shapes("restormer/deraining") if name != lacking]) is None
    assert layout_of([]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 7},
        {"dim": 10**6},
        {"num_blocks": (1, 1, 1)},
        {"num_blocks": (1, 1, 1, 0)},
        {"num_blocks": (1, 1, 1, 10**5)},
        {"heads": (3, 1, 1, 1)},
        {"heads": (1, 1, 1, -1)},
        {"num_refinement_blocks": 0},
        {"ffn_expansion": float("nan")},
        {"ffn_expansion": 1e9},
        {"ffn_expansion": "2.66"},
        {"ffn_expansion": 0.01},
        {"layer_norm": "none"},
        {"in_channels": 6},
        {"out_channels": 1},
        {"dual_pixel": True},
        {"task": "sr_x2"},
        {"task": 3},
    ],
)
def test_absurd_configurations_are_refused(changes):
    with pytest.raises(pm.PixmendError, match="Restormer"):
        replace(TINY, **changes)
