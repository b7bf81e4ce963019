from dataclasses import replace

import pytest
import torch

import pixmend as pm
import seeded
import small
from pixmend.models.edsr import EDSR, VARIANTS, EDSRConfig
from pixmend.weights.families.edsr import LAYOUTS, config_of, from_official, layout_of, to_official

TINY = EDSRConfig(features=4, blocks=3, res_scale=0.5, scale=4)
BASELINE = "edsr/edsr_baseline_x2"


def meta(file: str) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in seeded.shapes(file).items()}


def on_meta(config: EDSRConfig) -> EDSR:
    with torch.device("meta"):
        return EDSR(config)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_official_names_and_back_lose_nothing(layout, scale):
    small.there_and_back(replace(TINY, scale=scale), layout=layout)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_every_scale_is_read_and_kept(scale):
    network = on_meta(replace(VARIANTS["edsr_baseline"], scale=scale))
    assert all(config_of(to_official(network, layout)).scale == scale for layout in LAYOUTS)
    x = torch.rand(1, 3, 5, 7)
    assert EDSR(replace(TINY, scale=scale))(x).shape == (1, 3, 5 * scale, 7 * scale)


def test_each_block_adds_a_scaled_branch():
    x = torch.rand(1, 3, 6, 6)
    strong, weak = EDSR(replace(TINY, res_scale=1.0)), EDSR(replace(TINY, res_scale=0.25))
    with torch.no_grad():
        for block in weak.body:
            block.conv2.weight *= 4
            block.conv2.bias *= 4
        strong.load_state_dict(weak.state_dict())
        for block in strong.body:
            block.conv2.weight *= 0.25
            block.conv2.bias *= 0.25
        torch.testing.assert_close(strong(x), weak(x))


def test_basicsr_files_cannot_hold_another_mean():
    with pytest.raises(pm.PixmendError, match=r"networks with the mean \(0.4488, .*\), and this one has \(0.5, 0.5"):
        to_official(EDSR(replace(TINY, mean=(0.5, 0.5, 0.5))), "basicsr")


def test_unknown_sizes_are_refused_with_the_known_ones():
    with pytest.raises(pm.PixmendError, match="an EDSR of 4 features x 3 blocks: .* only for 64 x 16 and 256 x 32"):
        config_of(to_official(EDSR(TINY)))


def test_an_upsampler_of_no_known_scale_is_refused():
    tensors = meta(BASELINE)
    tensors["tail.0.0.weight"] = torch.empty(320, 64, 3, 3, device="meta")
    with pytest.raises(pm.PixmendError, match="tail.0.0.weight: 64 to 320 channels in 1 steps give no scale"):
        config_of(tensors)


def test_a_tensor_under_two_names_is_refused():
    official = to_official(EDSR(TINY), "edsr")
    with pytest.raises(pm.PixmendError, match="head.0.weight: the file holds this tensor twice"):
        from_official({"conv_first.weight": official["head.0.weight"], **official})


@pytest.mark.parametrize(
    "names",
    [
        # MSRResNet of BasicSR
        ["conv_first.weight", "body.0.conv1.weight", "upconv1.weight", "conv_hr.weight", "conv_last.weight"],
        # MDSR
        ["head.0.weight", "pre_process.0.0.body.0.weight", "body.0.body.0.weight", "upsample.0.0.weight"],
        # IPT
        ["head.0.0.weight", "body.linear_encoding.weight", "tail.0.0.0.weight", "tail.0.1.weight"],
        # NLSN, EDSR with attention in its body
        ["head.0.weight", "body.0.conv_match.0.weight", "body.1.body.0.weight", "tail.0.0.weight", "tail.1.weight"],
        # SwinIR, HAT
        ["conv_first.weight", "layers.0.conv.weight", "conv_after_body.weight", "upsample.0.weight"],
        [*seeded.shapes(BASELINE), "body.8.conv_match.0.weight"],
        *map(seeded.shapes, ["rcan/RCAN_BIX2", "han/HAN_BIX2", "edt/SRx2_EDTT_Div2kFlickr2K"]),
        [],
    ],
)
def test_what_is_another_network_is_not_taken_for_this(names):
    assert layout_of(names) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": 10**6}, "features"),
        ({"blocks": 10**6}, "blocks"),
        ({"blocks": 0}, "blocks"),
        ({"scale": 5}, "2, 3, 4 or 8 times, not 5"),
        ({"scale": 2.0}, "2, 3, 4 or 8 times, not 2.0"),
        ({"res_scale": 0}, "res_scale"),
        ({"res_scale": float("nan")}, "res_scale"),
        ({"res_scale": "1"}, "res_scale"),
        ({"mean": (0.4, 0.4)}, "mean"),
        ({"mean": (0.4, 0.4, float("inf"))}, "mean"),
    ],
)
def test_configurations_that_cannot_be_are_refused(change, message):
    with pytest.raises(pm.PixmendError, match=f"EDSR.*{message}"):
        replace(TINY, **change)
