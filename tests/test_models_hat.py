from dataclasses import replace

import pytest
import torch

import seeded
from pixmend.errors import PixmendError
from pixmend.models.hat import HAT, OCAB, VARIANTS, HATConfig, overlap_index
from pixmend.weights.families.hat import LAYOUTS, config_of, from_official, layout_of, to_official

TINY = HATConfig(dim=12, depths=(2, 1), num_heads=2, window=4, overlapping_window=6, compress=3, squeeze=6)
SIZES = {
    "x2": TINY,
    "x3": replace(TINY, scale=3),
    "x4": replace(TINY, scale=4),
    "x8": replace(TINY, scale=8),
    "window 8": replace(TINY, window=8, overlapping_window=12, num_heads=4, mlp_ratio=4),
}
FILES = {
    "hat/HAT-S_SRx2": VARIANTS["hat_s"],
    "hat/HAT-S_SRx4": replace(VARIANTS["hat_s"], scale=4),
    "hat/HAT_SRx2": VARIANTS["hat"],
    "hat/HAT_SRx3": replace(VARIANTS["hat"], scale=3),
    "hat/HAT_SRx4_ImageNet-pretrain": replace(VARIANTS["hat"], scale=4),
    "hat/HAT-L_SRx3_ImageNet-pretrain": replace(VARIANTS["hat_l"], scale=3),
}
FIRST = "layers.0.residual_group.blocks.0"
OVERLAP = "layers.0.residual_group.overlap_attn"


def empty(file: str) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in seeded.shapes(file).items()}


@pytest.mark.parametrize(
    ("file", "size"),
    [
        pytest.param("hat/HAT-S_SRx4", (32, 48)),
        pytest.param("hat/HAT-S_SRx4", (64, 64), marks=pytest.mark.slow),
        pytest.param("hat/HAT_SRx2", (32, 48), marks=pytest.mark.slow),
        pytest.param("hat/HAT_SRx4_ImageNet-pretrain", (48, 32), marks=pytest.mark.slow),
    ],
)
def test_outputs_agree_with_the_official_network(file, size):
    weights = seeded.weights(file)
    network = HAT(config_of(weights)).eval()
    network.load_state_dict(from_official(weights))
    (x, golden), *_ = [(x, golden) for x, _, golden in seeded.vectors(file) if x.shape[2:] == size]
    with torch.inference_mode():
        assert seeded.error(network(x), golden) < seeded.TOLERANCE


@pytest.mark.parametrize("file", FILES)
def test_the_configuration_is_read_off_the_tensors(file):
    assert layout_of(seeded.shapes(file)) == LAYOUTS[0]
    assert config_of(empty(file)) == FILES[file]


@pytest.mark.parametrize("file", FILES)
def test_names_shapes_kinds_and_counts_are_the_official_ones(file):
    with torch.device("meta"):
        network = HAT(config_of(empty(file)))
    official = to_official(network)
    listing = seeded.manifest(file)
    assert sum(parameter.numel() for parameter in network.parameters()) == listing["params"]
    assert {name: tuple(tensor.shape) for name, tensor in official.items()} == seeded.shapes(file)
    kinds = {name: f"torch.{kind}" for name, (_, kind, _) in listing["state_dict"].items()}
    assert {name: str(tensor.dtype) for name, tensor in official.items()} == kinds


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("hat_s", (9_473_471, 9_658_111, 9_621_183)),
        ("hat", (20_624_795, 20_809_435, 20_772_507)),
        ("hat_l", (40_698_863, 40_883_503, 40_846_575)),
    ],
)
def test_parameter_counts_are_those_of_the_published_sizes(name, counts):
    for scale, count in zip((2, 3, 4), counts, strict=True):
        with torch.device("meta"):
            network = HAT(replace(VARIANTS[name], scale=scale))
        assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
def test_official_names_and_back_lose_nothing(config):
    network = HAT(config)
    official = to_official(network)
    assert layout_of(official) == LAYOUTS[0]
    assert config_of(official) == config
    back = from_official(official)
    assert back.keys() == network.state_dict().keys()
    assert all(back[name] is official[name] for name in back)
    assert all(torch.equal(back[name], tensor) for name, tensor in network.state_dict().items())


def test_a_file_without_its_index_tables_is_read():
    network = HAT(TINY)
    assert from_official(network.state_dict()).keys() == network.state_dict().keys()


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


def test_unknown_names_stay_for_the_strict_check():
    official = to_official(HAT(TINY)) | {"absolute_pos_embed": torch.zeros(1, 4, 8)}
    assert "absolute_pos_embed" in from_official(official)


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
    block = OCAB(TINY)
    x = torch.rand(2, 8, 12, 3)
    windows = block.around_windows(x)
    assert windows.shape == (6, 2, 6, 6, 3)
    # The second window of the first row begins at column 4; the larger one around it one further up and left.
    assert torch.equal(windows[1, :, 1:, :], x[:, :5, 3:9])
    assert not windows[1, :, 0].any()
