from dataclasses import replace

import pytest
import torch

import seeded
import small
from pixmend.errors import PixmendError
from pixmend.models.hat import HAT, HATConfig
from pixmend.models.hat_attention import OCAB, overlap_index
from pixmend.weights.families.hat import config_of, from_official, layout_of, to_official

TINY = HATConfig(dim=12, depths=(2, 1), num_heads=2, window=4, overlapping_window=6, compress=3, squeeze=6)
SIZES = {
    "x2": TINY,
    "x3": replace(TINY, scale=3),
    "x4": replace(TINY, scale=4),
    "x8": replace(TINY, scale=8),
    "window 8": replace(TINY, window=8, overlapping_window=12, num_heads=4, mlp_ratio=4),
}
FIRST = "layers.0.residual_group.blocks.0"
OVERLAP = "layers.0.residual_group.overlap_attn"


@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
def test_official_names_and_back_lose_nothing(config):
    assert config_of(small.there_and_back(config)) == config


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("relative_position_index_SA", lambda index: index.T),
        ("relative_position_index_SA", lambda index: index[:, 1:]),
        ("relative_position_index_OCA", lambda index: index % 81),
        ("relative_position_index_OCA", lambda index: index - index.min()),
    ],
)
def test_a_wrong_index_table_is_refused(name, change):
    official = to_official(HAT(TINY))
    with pytest.raises(PixmendError, match=name):
        from_official(official | {name: change(official[name])})


@pytest.mark.parametrize(
    "name",
    [
        f"{FIRST}.attn.logit_scale",
        f"{FIRST}.conv_block.cab.3.body.0.weight",
        "layers.0.conv.S.body.0.weight",
        "layers.0.swin1.norm1.weight",
        "layers.0.residual_group.grid_attn.qkv.weight",
    ],
)
def test_networks_that_grew_from_hat_are_not_taken_for_it(name):
    assert layout_of(seeded.shapes("hat/HAT-S_SRx2") | {name: ()}) is None


@pytest.mark.parametrize(
    "file", ["edt/SRx2_EDTT_Div2kFlickr2K", "swinir/001_classicalSR_DF2K_s64w8_SwinIR-M_x2", "rcan/RCAN_BIX2"]
)
def test_files_of_other_families_are_not_taken_for_it(file):
    assert layout_of(seeded.shapes(file)) is None


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("conv_first.weight", (12, 3), "conv_first.weight: expected a tensor of 4 dimensions"),
        ("conv_first.weight", (0, 3, 3, 3), "4 channels are no whole part of 0"),
        (f"{FIRST}.attn.relative_position_bias_table", (48, 2), "48 entries are not those of a square window"),
        (f"{FIRST}.attn.relative_position_bias_table", (49, 0), "HAT: num_heads"),
        (f"{OVERLAP}.relative_position_bias_table", (4095**2, 2), "HAT: overlapping_window"),
        (f"{OVERLAP}.relative_position_bias_table", (100, 2), "does not overlap one of 4 alike on all sides"),
        (f"{OVERLAP}.relative_position_bias_table", (25, 2), "HAT: window"),
        (f"{FIRST}.conv_block.cab.0.weight", (0, 12, 3, 3), "0 channels are no whole part of 12"),
        (f"{FIRST}.conv_block.cab.0.weight", (8, 12, 3, 3), "8 channels are no whole part of 12"),
        (f"{FIRST}.conv_block.cab.3.attention.1.weight", (24, 12, 1, 1), "24 channels are no whole part of 12"),
        ("upsample.0.weight", (128, 64, 3, 3), "upsample.0.weight: 64 to 128 channels in 1 steps give no scale"),
    ],
)
def test_shapes_that_no_hat_has_are_refused(name, shape, message):
    with pytest.raises(PixmendError, match=message):
        config_of(to_official(HAT(TINY)) | {name: torch.empty(shape, device="meta")})


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 10**9},
        {"dim": 13},
        {"depths": ()},
        {"depths": (0,)},
        {"window": 8},
        {"overlapping_window": 7},
        {"overlapping_window": 2048},
        {"num_heads": 5},
        {"compress": 13},
        {"squeeze": 0},
        {"mlp_ratio": 0},
        {"scale": 1},
        {"scale": 5},
        {"scale": [2]},
        {"drop_path": 1.0},
        {"drop_path": "a"},
        {"task": ""},
    ],
)
def test_sizes_that_it_cannot_have_are_refused(change):
    with pytest.raises(PixmendError, match="HAT"):
        replace(TINY, **change)


def test_the_task_is_that_of_the_scale_unless_one_is_named():
    assert HAT(replace(TINY, scale=4)).tasks == ("sr_x4",)
    assert HAT(replace(TINY, scale=4, task="sr_real_x4")).tasks == ("sr_real_x4",)


def test_indices_of_the_overlapping_window_begin_below_zero_and_stay_apart_once_wrapped():
    index = overlap_index(16, 24)
    assert index.shape == (256, 576)
    assert (index.min(), index.max(), index.unique().numel()) == (-880, 640, 1521)
    wrapped = index % 1521
    assert (wrapped.min(), wrapped.max(), wrapped.unique().numel()) == (0, 1520, 1521)


def test_overlapping_windows_are_those_around_the_windows_and_zero_beyond_the_border():
    block = OCAB(12, num_heads=2, window=4, overlapping=6, hidden=24)
    x = torch.rand(2, 8, 12, 3)
    windows = block.around_windows(x)
    assert windows.shape == (6, 2, 6, 6, 3)
    # The second window of the first row begins at column 4; the larger one around it one further up and left.
    assert torch.equal(windows[1, :, 1:, :], x[:, :5, 3:9])
    assert not windows[1, :, 0].any()
