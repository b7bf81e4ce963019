"""Every released file whose tensors are listed in ``data`` is recognised, fits our network and gives its pictures."""

from dataclasses import replace
from functools import cache
from math import prod

import pytest
import torch

import seeded
from pixmend.models import VARIANTS, build, family_of
from pixmend.weights.families import FORMATS, recognise

EDT_T, EDT_B = VARIANTS["edt_t"], VARIANTS["edt_b"]
HAT, HAT_S, HAT_L = VARIANTS["hat"], VARIANTS["hat_s"], VARIANTS["hat_l"]
IPT, SWINIR, LIGHT = VARIANTS["ipt"], VARIANTS["swinir"], VARIANTS["swinir_light"]
FILES = {
    "edsr/edsr_baseline_x2": VARIANTS["edsr_baseline"],
    "edsr/EDSR_Mx2_f64b16_DIV2K_official": VARIANTS["edsr_baseline"],
    "edsr/EDSR_Lx4_f256b32_DIV2K_official": replace(VARIANTS["edsr"], scale=4),
    "edt/SRx2_EDTT_Div2kFlickr2K": EDT_T,
    "edt/SRx2_EDTS_Div2kFlickr2K": VARIANTS["edt_s"],
    "edt/SRx2_EDTL_Div2kFlickr2K": VARIANTS["edt_l"],
    # Unlike its fine-tunes, the jointly trained T file has the upsampler of the larger sizes.
    "edt/SRx2x3x4_EDTT_ImageNet200K": replace(EDT_T, tasks=("sr_x2", "sr_x3", "sr_x4"), upsampler="pixelshuffle"),
    "edt/SRx2x3DNg15_EDTB_ImageNet200K": replace(EDT_B, tasks=("sr_x2", "sr_x3", "dn_g15")),
    "edt/DNg15g25g50_EDTB_ImageNet200K": replace(EDT_B, tasks=("dn_g15", "dn_g25", "dn_g50")),
    "edt/DNg15_EDTBSF_D4": replace(VARIANTS["edt_b_sf"], tasks=("dn_g15",)),
    "edt/DRlshs_EDTB_ImageNet200K": replace(EDT_B, tasks=("dr_L", "dr_H")),
    "han/HAN_BIX2": VARIANTS["han"],
    "hat/HAT-S_SRx2": HAT_S,
    "hat/HAT-S_SRx4": replace(HAT_S, scale=4),
    "hat/HAT_SRx2": HAT,
    "hat/HAT_SRx3": replace(HAT, scale=3),
    "hat/HAT_SRx4_ImageNet-pretrain": replace(HAT, scale=4),
    "hat/HAT-L_SRx3_ImageNet-pretrain": replace(HAT_L, scale=3),
    "ipt/IPT_pretrain": IPT,
    "ipt/IPT_sr2": replace(IPT, tasks=("sr_x2",)),
    "ipt/IPT_sr4": replace(IPT, tasks=("sr_x4",)),
    "rcan/RCAN_BIX2": VARIANTS["rcan"],
    "rcdnet/RCDNet_rain100L": VARIANTS["rcdnet"],
    "rdn/RDN_BIX2": VARIANTS["rdn"],
    "restormer/deraining": VARIANTS["restormer"],
    "restormer/gaussian_color_denoising_blind": VARIANTS["restormer_biasfree"],
    "restormer/gaussian_gray_denoising_blind": VARIANTS["restormer_grey"],
    "restormer/dual_pixel_defocus_deblurring": VARIANTS["restormer_dual"],
    "rrdbnet/ESRGAN_SRx4_DF2KOST_official": VARIANTS["rrdbnet"],
    "swinir/001_classicalSR_DF2K_s64w8_SwinIR-M_x2": SWINIR,
    "swinir/001_classicalSR_DF2K_s64w8_SwinIR-M_x3": replace(SWINIR, scale=3),
    "swinir/002_lightweightSR_DIV2K_s64w8_SwinIR-S_x2": LIGHT,
    "swinir/002_lightweightSR_DIV2K_s64w8_SwinIR-S_x4": replace(LIGHT, scale=4),
    "swinir/003_realSR_BSRGAN_DFO_s64w8_SwinIR-M_x4_GAN": VARIANTS["swinir_real"],
    "swinir/003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN": VARIANTS["swinir_real_l"],
    "swinir/004_grayDN_DFWB_s128w8_SwinIR-M_noise25": VARIANTS["swinir_dn_grey"],
    "swinir/005_colorDN_DFWB_s128w8_SwinIR-M_noise25": VARIANTS["swinir_dn"],
    "swinir/006_CAR_DFWB_s126w7_SwinIR-M_jpeg10": VARIANTS["swinir_jpeg_grey"],
}
LAYOUTS = {"edsr/edsr_baseline_x2": "edsr"}
"""Where it is not the first one of the family."""
COUNTS = [
    ("edsr_baseline", {2: 1_369_859, 3: 1_554_499, 4: 1_517_571}),
    ("edsr", {2: 40_729_603, 3: 43_680_003, 4: 43_089_923}),
    ("rcan", {2: 15_444_643, 3: 15_629_283, 4: 15_592_355}),
    ("han", {2: 15_924_033, 3: 16_108_673, 4: 16_071_745}),
    ("rdn", {2: 22_123_395, 3: 22_308_035, 4: 22_271_107}),
    ("rrdbnet", {2: 16_703_171, 4: 16_697_987}),
    ("rrdbnet_6b", {4: 4_467_779}),
    ("hat_s", {2: 9_473_471, 3: 9_658_111, 4: 9_621_183}),
    ("hat", {2: 20_624_795, 3: 20_809_435, 4: 20_772_507}),
    ("hat_l", {2: 40_698_863, 3: 40_883_503, 4: 40_846_575}),
    ("swinir", {2: 11_752_487, 3: 11_937_127, 4: 11_900_199}),
    ("swinir_light", {2: 910_152, 3: 918_267, 4: 929_628}),
    ("swinir_real", {4: 11_715_559}),
    ("swinir_real_l", {4: 28_013_059}),
    ("swinir_dn", {1: 11_504_163}),
    ("swinir_dn_grey", {1: 11_497_681}),
    ("swinir_jpeg_grey", {1: 11_485_585}),
    ("rcdnet", {None: 3_166_355}),
    ("restormer", {None: 26_126_644}),
    ("restormer_biasfree", {None: 26_111_668}),
    ("restormer_grey", {None: 26_109_076}),
    ("restormer_dual", {None: 26_132_548}),
]
"""Parameters of the published sizes, by scale where they have one."""


@pytest.mark.parametrize(
    ("file", "size"),
    [
        ("edsr/edsr_baseline_x2", None),
        ("edt/SRx2_EDTT_Div2kFlickr2K", None),
        ("edt/SRx2x3x4_EDTT_ImageNet200K", None),
        ("edt/DRlshs_EDTB_ImageNet200K", None),
        pytest.param("edt/DNg15g25g50_EDTB_ImageNet200K", None, marks=pytest.mark.slow),
        ("han/HAN_BIX2", None),
        ("hat/HAT-S_SRx4", (32, 48)),
        pytest.param("hat/HAT-S_SRx4", (64, 64), marks=pytest.mark.slow),
        pytest.param("hat/HAT_SRx2", None, marks=pytest.mark.slow),
        pytest.param("hat/HAT_SRx4_ImageNet-pretrain", None, marks=pytest.mark.slow),
        ("rcan/RCAN_BIX2", None),
        ("rcdnet/RCDNet_rain100L", None),
        ("rdn/RDN_BIX2", None),
        ("restormer/deraining", None),
        ("restormer/gaussian_color_denoising_blind", None),
        ("rrdbnet/ESRGAN_SRx4_DF2KOST_official", None),
        ("swinir/001_classicalSR_DF2K_s64w8_SwinIR-M_x2", None),
        ("swinir/002_lightweightSR_DIV2K_s64w8_SwinIR-S_x2", None),
        ("swinir/003_realSR_BSRGAN_DFO_s64w8_SwinIR-M_x4_GAN", None),
        ("swinir/004_grayDN_DFWB_s128w8_SwinIR-M_noise25", None),
        ("swinir/005_colorDN_DFWB_s128w8_SwinIR-M_noise25", None),
    ],
)
def test_outputs_agree_with_the_official_network(file, size):
    weights, format_ = seeded.weights(file), FORMATS[family_of(FILES[file])]
    network = build(format_.config_of(weights)).eval()
    network.load_state_dict(format_.from_official(weights))
    vectors = [vector for vector in seeded.vectors(file) if size in (None, vector[0].shape[2:])]
    several = len(network.tasks) > 1
    assert {task for _, task, _ in vectors} == set(network.tasks) if several else vectors
    for x, task, golden in vectors:
        with torch.inference_mode():
            assert seeded.error(network.select(task if several else None)(x), golden) < seeded.TOLERANCE


@pytest.mark.parametrize("file", FILES)
def test_layout_and_configuration_are_read_off_the_tensors(file):
    tensors = {name: torch.empty(shape, device="meta") for name, shape in seeded.shapes(file).items()}
    family = family_of(FILES[file])
    assert recognise(tensors) == (family, LAYOUTS.get(file, FORMATS[family].LAYOUTS[0]))
    assert FORMATS[family].config_of(tensors) == FILES[file]


@cache
def shapes_of(config):
    """The network without values."""
    with torch.device("meta"):
        return build(config)


@pytest.mark.parametrize("file", FILES)
def test_names_shapes_kinds_and_counts_are_the_official_ones(file):
    format_ = FORMATS[family_of(FILES[file])]
    network = shapes_of(FILES[file])
    official = format_.to_official(network, LAYOUTS.get(file, format_.LAYOUTS[0]))
    listed = seeded.manifest(file)["state_dict"]
    found = {name: (str(t.dtype).removeprefix("torch."), [*t.shape]) for name, t in official.items()}
    assert found == {name: (dtype, shape) for name, (_, dtype, shape) in listed.items()}
    frozen = sum(prod(shape) for kind, _, shape in listed.values() if kind == "frozen")  # mean shifts
    ours = sum(parameter.numel() for parameter in network.parameters())
    assert ours + frozen == seeded.manifest(file)["params"]
    assert format_.from_official(official).keys() == network.state_dict().keys()


@pytest.mark.parametrize(("name", "scale", "count"), [(name, *row) for name, rows in COUNTS for row in rows.items()])
def test_parameter_counts_are_those_of_the_published_sizes(name, scale, count):
    config = VARIANTS[name] if scale is None else replace(VARIANTS[name], scale=scale)
    assert sum(parameter.numel() for parameter in shapes_of(config).parameters()) == count
