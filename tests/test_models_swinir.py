from dataclasses import replace

import pytest
import torch

import seeded
import small
from pixmend.errors import PixmendError
from pixmend.layers.window import (
    WindowAttention,
    attend,
    merge,
    partition,
    position_bias,
    relative_index,
    shift_mask,
    shift_masks,
)
from pixmend.models.swinir import SwinIR, SwinIRConfig
from pixmend.weights.families.swinir import config_of, from_official, layout_of, to_official

TINY = SwinIRConfig(dim=8, depths=(2, 3), num_heads=2)
SIZES = {
    "x2": TINY,
    "x3": replace(TINY, scale=3),
    "x4": replace(TINY, scale=4),
    "x8": replace(TINY, scale=8),
    "window 16": replace(TINY, window=16, num_heads=4, mlp_ratio=4),
    "window 12": replace(TINY, window=12),
    "light x2": replace(TINY, upsampler="pixelshuffledirect"),
    "light x4": replace(TINY, upsampler="pixelshuffledirect", scale=4),
    "real x2": replace(TINY, upsampler="nearest+conv"),
    "real x4": replace(TINY, upsampler="nearest+conv", scale=4, three_convs=True),
    "denoising": replace(TINY, upsampler="none", scale=1),
    "denoising in grey": replace(TINY, upsampler="none", scale=1, in_channels=1),
    "jpeg": replace(TINY, upsampler="none", scale=1, window=7, value_range=255.0),
}
FIRST = "layers.0.residual_group.blocks.0"
SHIFTED = "layers.0.residual_group.blocks.1"


@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
def test_official_names_and_back_lose_nothing(config):
    assert config_of(small.there_and_back(config)) == config


@pytest.mark.parametrize("size", [48, 64, 128])
def test_masks_of_any_training_size_are_read_and_none_need_be_there(size):
    official = to_official(SwinIR(TINY))
    mask = shift_mask(size, size, (8, 8), (4, 4)).squeeze(1)
    masked = {name: mask if name.endswith("attn_mask") else tensor for name, tensor in official.items()}
    bare = {name: tensor for name, tensor in official.items() if not name.endswith(("attn_mask", "position_index"))}
    assert from_official(masked).keys() == from_official(bare).keys() == SwinIR(TINY).state_dict().keys()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (f"{FIRST}.attn.relative_position_index", lambda index: index.T),
        (f"{SHIFTED}.attn_mask", lambda mask: -mask),
        (f"{SHIFTED}.attn_mask", lambda mask: mask[:50]),
        (f"{SHIFTED}.attn_mask", lambda mask: mask[:, :49, :49]),
        (f"{SHIFTED}.attn_mask", lambda mask: mask[0]),
    ],
)
def test_a_wrong_constant_is_refused(name, change):
    official = to_official(SwinIR(TINY))
    with pytest.raises(PixmendError, match=name):
        from_official(official | {name: change(official[name])})


@pytest.mark.parametrize(
    "change",
    [
        {f"{FIRST}.attn.logit_scale": 1},
        {f"{FIRST}.attn.relative_coords_table": 1},
        {f"{FIRST}.conv_block.cab.0.weight": 1},
        {"layers.0.residual_group.overlap_attn.norm1.weight": 1},
        {f"{FIRST}.mlp.dwconv.weight": 1},
        {"layers.0.conv.S.body.0.weight": 1},
        {"layers.0.swin1.norm1.weight": 1},
    ],
)
def test_networks_that_grew_from_swinir_are_not_taken_for_it(change):
    assert layout_of(seeded.shapes("swinir/002_lightweightSR_DIV2K_s64w8_SwinIR-S_x2") | change) is None


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight"],
        ["conv_first.weight", "layers.0.blocks.0.attn.qkv.weight", "conv_last.weight"],
        ["conv_first.weight", "patch_embed.norm.weight", f"{FIRST}.attn.logit_scale", "norm.weight"],
        ["patch_embed.proj.weight", "encoder_level1.0.norm1.body.weight", "output.weight"],
    ],
)
def test_other_networks_are_not_taken_for_it(names):
    assert layout_of(names) is None


@pytest.mark.parametrize("file", ["edt/SRx2_EDTT_Div2kFlickr2K", "hat/HAT_SRx2", "rcan/RCAN_BIX2", "han/HAN_BIX2"])
def test_files_of_other_families_are_not_taken_for_it(file):
    assert layout_of(seeded.shapes(file)) is None


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("conv_first.weight", (8, 3), "conv_first.weight: expected a tensor of 4 dimensions"),
        ("conv_first.weight", (0, 3, 3, 3), "SwinIR: dim"),
        ("conv_first.weight", (9, 3, 3, 3), "dim 9 does not divide into 2 heads"),
        (f"{FIRST}.attn.relative_position_bias_table", (224, 2), "224 entries are not those of a square window"),
        (f"{FIRST}.attn.relative_position_bias_table", (4095**2, 2), "SwinIR: window"),
        (f"{FIRST}.attn.relative_position_bias_table", (225, 0), "SwinIR: num_heads"),
        (f"{FIRST}.mlp.fc1.weight", (4, 8), "SwinIR: mlp_ratio"),
        ("upsample.0.weight", (128, 64, 3, 3), "upsample.0.weight: 64 to 128 channels in 1 steps give no scale"),
    ],
)
def test_shapes_that_no_swinir_has_are_refused(name, shape, message):
    with pytest.raises(PixmendError, match=message):
        config_of(to_official(SwinIR(TINY)) | {name: torch.empty(shape, device="meta")})


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 10**9},
        {"dim": 9},
        {"dim": 3, "num_heads": 1, "three_convs": True},
        {"depths": ()},
        {"depths": (0,)},
        {"window": 64},
        {"num_heads": 3},
        {"mlp_ratio": 0},
        {"upsampler": "bilinear"},
        {"upsampler": []},
        {"scale": 5},
        {"upsampler": "none"},
        {"upsampler": "nearest+conv", "scale": 3},
        {"in_channels": 5},
        {"value_range": 2.0},
        {"drop_path": 1.0},
        {"drop_path": "a"},
        {"three_convs": "yes"},
        {"task": ""},
    ],
)
def test_sizes_that_it_cannot_have_are_refused(change):
    with pytest.raises(PixmendError, match="SwinIR"):
        replace(TINY, **change)


def test_tasks_are_those_of_the_upsampler_unless_one_is_named():
    found = {name: SwinIR(config).tasks for name, config in SIZES.items()}
    assert found["x3"] == ("sr_x3",)
    assert found["light x4"] == ("sr_x4",)
    assert found["real x4"] == ("sr_real_x4",)
    assert found["denoising"] == ()
    assert SwinIR(replace(SIZES["denoising"], task="dn_g25")).tasks == ("dn_g25",)


@pytest.mark.parametrize("window", [(8, 8), (7, 7), (4, 6)])
@pytest.mark.parametrize("windows", [(1, 1), (1, 3), (2, 1), (3, 4)])
def test_four_kinds_of_windows_attend_like_all_windows_with_a_mask_each(window, windows):
    torch.manual_seed(0)
    height, width = (side * number for side, number in zip(window, windows, strict=True))
    layer = WindowAttention(12, 3, window, shifted=True).double()
    torch.nn.init.normal_(layer.relative_position_bias_table)
    index, shift = relative_index(window), (window[0] // 2, window[1] // 2)
    x = torch.rand(2, height, width, 12, dtype=torch.float64)
    bias = position_bias(layer.relative_position_bias_table, index) + shift_mask(height, width, window, shift)
    q, k, v = partition(layer.qkv(x.roll((-shift[0], -shift[1]), (1, 2))), window).chunk(3, -1)
    whole = layer.proj(merge(attend(q, k, v, num_heads=3, bias=bias), height, width)).roll(shift, (1, 2))
    torch.testing.assert_close(layer(x, index, shift_masks(window)), whole)


def test_the_index_of_a_window_tells_offsets_apart():
    index = relative_index((2, 3))
    assert (index.min(), index.max(), index.unique().numel()) == (0, 14, 15)
    assert index[0, 0] == index[5, 5] == 7  # no offset: the middle of 3 x 5
    assert index[0, 5] == 0  # from the first token to the last: as far up and left as can be
