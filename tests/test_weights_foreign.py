import pytest

import seeded
from pixmend.weights.families import rdn, rrdbnet
from pixmend.weights.families.foreign import PLAIN, SIGNATURES, looks_like, nearest, normalised

OURS = sorted(f"{path.parent.name}/{path.name.removesuffix('.json.gz')}" for path in seeded.DATA.glob("*/*.json.gz"))

STRANGERS = {
    "DAT": ["conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.ffn.sg.conv.weight"],
    "NAFNet": ["intro.weight", "ending.weight", "ups.0.0.weight", "middle_blks.0.sca.1.weight", "middle_blks.0.beta"],
    "Swin2SR": [
        "conv_first.weight",
        "patch_embed.proj.weight",
        "layers.0.residual_group.blocks.0.attn.logit_scale",
        "layers.0.residual_group.blocks.0.attn.relative_position_index",
    ],
    "DRCT": ["conv_first.weight", "layers.5.swin3.attn.qkv.weight", "layers.5.adjust5.weight", "norm.weight"],
    "SRVGGNetCompact": ["body.0.weight", "body.0.bias", "body.1.weight", "body.34.weight", "body.34.bias"],
    "a plain sequence": ["model.0.weight", "model.0.bias", "model.2.weight", "model.2.bias"],
    "SRCNN": ["conv1.weight", "conv1.bias", "conv2.weight", "conv3.weight"],
    "a U-Net discriminator": ["conv0.weight", "conv0.bias", "conv1.weight_orig", "conv1.weight_u", "conv9.weight"],
    "a VGG discriminator": ["conv0_0.weight", "conv0_1.weight", "bn0_1.weight", "linear1.weight", "linear2.bias"],
    "Stable Diffusion": ["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.quant_conv.weight"],
    "LaMa": ["model.model.1.bn_l.running_mean", "model.model.1.ffc.convl2l.weight"],
    "GRL": [
        "model.norm_start.weight",
        "model.layers.0.blocks.0.attn.stripe_attn.attn_transform1.logit_scale",
    ],
    "PromptIR": ["patch_embed.proj.weight", "prompt1.prompt_param", "encoder_level1.0.attn.temperature"],
    "SRResNet in BasicSR": ["conv_first.weight", "body.0.conv1.weight", "upconv1.weight", "conv_hr.weight"],
    "MM-RealSR": ["conv_first.weight", "am_list.0.fc.0.weight", "de_net.conv_first.0.weight"],
}


@pytest.mark.parametrize("network", STRANGERS)
def test_a_stranger_is_called_by_its_name(network):
    found = looks_like(STRANGERS[network])
    assert found is not None
    assert found.startswith(network)


@pytest.mark.parametrize("network", SIGNATURES)
def test_no_signature_hides_another(network):
    names = [name.replace("#", "1") for name in SIGNATURES[network]]
    assert looks_like(names) == network


@pytest.mark.parametrize("network", PLAIN)
def test_no_plain_network_hides_another(network):
    names = [name.replace("#", "1") for name in PLAIN[network]]
    assert looks_like(names) == network


@pytest.mark.parametrize("file", OURS)
def test_a_network_that_pixmend_has_is_no_stranger(file):
    assert looks_like(seeded.shapes(file)) is None


@pytest.mark.parametrize("network", STRANGERS)
def test_a_stranger_is_none_of_the_convolutional_families(network):
    assert rdn.layout_of(STRANGERS[network]) is None
    assert rrdbnet.layout_of(STRANGERS[network]) is None


@pytest.mark.parametrize("names", [[], ["weight"], ["foo.bar", "conv_first.weight"], ["model.", "body.0.weight"]])
def test_names_of_nothing_known_are_nothing_known(names):
    assert looks_like(names) is None


def test_every_signature_is_written_as_names_are_compared():
    for signature in [*SIGNATURES.values(), *PLAIN.values()]:
        assert all(normalised(name) == name for name in signature)


def test_the_nearest_is_the_one_with_most_names_in_common():
    known = {"one": ["a.0.weight", "b.weight", "c.weight"], "two": ["a.0.weight", "d.weight"]}
    assert nearest(["a.0.weight", "a.1.weight", "b.weight", "c.bias"], known) == (
        "one",
        ["missing c.weight", "unexpected c.bias"],
    )


def test_differences_are_shown_from_both_sides_in_the_order_of_the_files():
    known = {"one": ["a.weight", "b.weight", "c.weight", "d.weight", "e.weight"]}
    found = nearest(["a.weight", "b.weight", "c.weight", "x.weight"], known)
    assert found == ("one", ["missing d.weight", "unexpected x.weight", "missing e.weight"])


def test_more_blocks_are_no_difference():
    assert nearest(["body.0.weight", "body.9.weight"], {"one": ["body.0.weight"]}) == ("one", [])


@pytest.mark.parametrize("known", [{}, {"one": []}, {"one": ["a", "b", "c", "d"]}])
def test_what_is_like_nothing_has_no_nearest(known):
    assert nearest(["a", "x", "y", "z", "w"], known) is None


@pytest.mark.parametrize("file", {file.partition("/")[0]: file for file in OURS}.values())
def test_a_file_with_a_renamed_tensor_is_nearest_to_its_own_family(file):
    known = {other: list(seeded.shapes(other)) for other in OURS}
    names = list(seeded.shapes(file))
    found = nearest([*names[:-1], "stranger.weight"], known)
    assert found is not None
    assert found[0].partition("/")[0] == file.partition("/")[0]
    assert "unexpected stranger.weight" in found[1]
