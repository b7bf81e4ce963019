"""Names, paths and bytes to networks: released files of every family, what their names tell, and what is refused."""

from dataclasses import replace

import pytest
import torch

import pixmend as pm
import small
from pixmend import models
from pixmend.models import VARIANTS, build, family_of
from pixmend.weights import find, network_of, open_weights
from pixmend.weights.families import FORMATS, recognise


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where fetched weights are kept; the sizes of the papers are small ones here."""
    monkeypatch.setenv("PIXMEND_WEIGHTS", str(tmp_path))
    for name, config in small.SMALL.items():
        monkeypatch.setitem(VARIANTS, name, config)
    return tmp_path


# Names and places


@pytest.mark.parametrize("name", ["hat.sr_x4", "HAT_SRx4.pth", "hat_srx4"])
def test_fetched_weights_load_by_their_names(folder, name):
    small.released(folder / "HAT_SRx4.pth", small.SMALL["hat"])
    assert find(name) == folder / "HAT_SRx4.pth"
    assert pm.load(name).tasks == ("sr_x4",)


@pytest.mark.parametrize("name", ["hat.sr_x4", "HAT_SRx4.pth"])
def test_weights_that_are_not_here_name_the_command_that_fetches_them(folder, name):
    with pytest.raises(pm.PixmendError, match=rf"{name}: not on this machine: pixmend models fetch hat.sr_x4"):
        pm.load(name)


@pytest.mark.parametrize(("name", "meant"), [("hat.sr_x5", "hat.sr_x"), ("restormer.drr", "restormer.dr")])
def test_a_mistyped_name_says_which_was_meant(name, meant):
    with pytest.raises(pm.PixmendError, match=f"no weights are called '{name}', and no file is: did you mean {meant}"):
        pm.load(name)


def test_a_folder_is_no_weight_file(tmp_path, monkeypatch):
    (tmp_path / "hat").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pm.PixmendError, match="hat is a size, not weights"):
        pm.load("hat")


def test_a_file_beside_is_taken_before_a_fetched_one(folder, monkeypatch):
    (folder / "here").mkdir()
    small.released(folder / "HAT_SRx4.pth", small.SMALL["hat"])
    own = small.released(folder / "here/HAT_SRx4.pth", replace(small.SMALL["hat"], scale=3))
    monkeypatch.chdir(own.parent)
    assert pm.load("HAT_SRx4.pth").tasks == ("sr_x3",)


# Released files


@pytest.mark.parametrize("name", small.SMALL)
def test_a_released_file_comes_back_as_the_network_it_was_of(folder, name):
    config = small.SMALL[name]
    network = build(config).eval()
    torch.save(FORMATS[family_of(config)].to_official(network), folder / "file.pth")
    loaded = pm.load(folder / "file.pth")
    assert type(loaded) is type(network) and not loaded.training
    x = small.picture(network)
    with torch.inference_mode():
        assert torch.equal(loaded(x), network(x))


def test_a_file_of_half_precision_becomes_a_network_of_whole(tmp_path):
    tensors = {name: tensor.half() for name, tensor in small.official(small.SMALL["edsr_baseline"]).items()}
    torch.save({"params": tensors}, tmp_path / "half.pth")
    network = pm.load(tmp_path / "half.pth")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert all(torch.equal(t, tensors[name].float()) for name, t in network.state_dict().items() if name in tensors)


def test_bytes_are_a_file_without_a_name(folder):
    path = small.released(folder / "deraining.pth", small.SMALL["restormer"])
    opened = open_weights(path.read_bytes())
    assert (opened.family, opened.layout, opened.released) == ("restormer", "restormer", None)


@pytest.mark.parametrize("name", ["hat", "restormer", "swinir", "edt_t"])
def test_the_network_holds_the_tensors_of_the_file_and_no_copies(tmp_path, name):
    opened = open_weights(small.released(tmp_path / "file.pth", small.SMALL[name]))
    network = network_of(opened)
    for key, parameter in network.named_parameters():
        assert parameter.data_ptr() == opened.tensors[key].data_ptr()


# What a file's name tells


@pytest.mark.parametrize(
    ("name", "file", "tasks"),
    [
        ("restormer", "deraining.pth", ("dr",)),
        ("restormer", "motion_deblurring.pth", ("deblur",)),
        ("restormer", "renamed.pth", ()),
        ("rcdnet", "RCDNet_rain100L.pt", ("dr_L",)),
        ("rcdnet", "renamed.pt", ("dr",)),
        ("hat", "Real_HAT_GAN_SRx4.pth", ("sr_real_x4",)),
        ("hat", "renamed.pth", ("sr_x4",)),
    ],
)
def test_the_purpose_that_no_tensor_tells_is_taken_from_the_released_name(folder, name, file, tasks):
    assert pm.load(small.released(folder / file, small.SMALL[name])).tasks == tasks


@pytest.mark.parametrize("file", ["HAT_SRx4.pth", "deraining.pth", "HAT-L_SRx4_ImageNet-pretrain.pth"])
def test_the_name_of_another_network_tells_nothing(folder, file):
    path = small.released(folder / file, replace(small.SMALL["hat"], scale=2))
    assert open_weights(path).released is None
    assert pm.load(path).tasks == ("sr_x2",)


@pytest.mark.parametrize(("file", "task"), [("IPT_denoise30.pt", "dn_g30"), ("IPT_derain.pt", "dr"), ("my.pt", "x1")])
def test_a_head_of_ipt_that_keeps_the_size_is_named_by_its_file(tmp_path, monkeypatch, file, task):
    config = replace(VARIANTS["ipt"], tasks=("x1",), num_layers=1, mlp_ratio=1)
    monkeypatch.setitem(VARIANTS, "ipt", config)
    opened = open_weights(small.released(tmp_path / file, config))
    assert opened.config == replace(config, tasks=(task,))
    assert network_of(opened).tasks == (task,)


# What does not fit


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors, name: tensors.pop(name), r"expected \(.*\), got nothing"),
        (lambda tensors, name: tensors.update({name: tensors[name][None]}), r"expected \(.*\), got \(1, .*\)"),
    ],
    ids=["missing", "misshapen"],
)
@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("hat", "conv_after_body.bias"),
        ("restormer", "latent.0.attn.project_out.weight"),
        ("swinir", "layers.0.residual_group.blocks.1.norm2.bias"),
        ("rcan", "body.1.body.0.body.2.bias"),
        ("rcdnet", "x_stage.1.resx1.0.weight"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_with_its_family(tmp_path, name, tensor, change, told):
    tensors = small.official(small.SMALL[name])
    change(tensors, tensor)
    torch.save(tensors, tmp_path / "odd.pth")
    with pytest.raises(
        pm.PixmendError, match=rf"odd.pth: (?i:looks like {name}), but: (.*; )?{tensor}: {told}"
    ) as error:
        pm.load(tmp_path / "odd.pth")
    assert "\n" not in str(error.value)


def test_more_tensors_than_a_network_has_are_refused(tmp_path):
    torch.save(small.official(small.SMALL["restormer"]) | {"output.extra": torch.zeros(2)}, tmp_path / "odd.pth")
    with pytest.raises(
        pm.PixmendError, match="odd.pth: looks like Restormer, but: output.extra: expected nothing, got"
    ):
        pm.load(tmp_path / "odd.pth")


def test_a_network_that_pixmend_does_not_have_is_called_by_its_name(tmp_path):
    names = ["intro.weight", "ending.weight", "ups.0.0.weight", "middle_blks.0.sca.1.weight"]
    torch.save({name: torch.zeros(1) for name in names}, tmp_path / "NAFNet.pth")
    with pytest.raises(pm.PixmendError, match="NAFNet.pth: this looks like NAFNet .*, which pixmend does not have; it"):
        pm.load(tmp_path / "NAFNet.pth")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("hat", "conv_first.weight", "conv_start.weight"),
        ("restormer", "patch_embed.proj.weight", "patch_embed.projection.weight"),
    ],
)
def test_a_file_with_a_renamed_tensor_is_told_what_it_nearly_is(folder, name, old, new):
    names = [new if key == old else key for key in small.official(small.SMALL[name])]
    with pytest.raises(pm.PixmendError, match=f"nearly a file of {name}, .*missing {old}, unexpected {new}"):
        recognise(names)


def test_what_is_like_nothing_shows_how_it_begins():
    with pytest.raises(pm.PixmendError, match=r"not a file of a family pixmend knows .*; its tensors begin a.b, c$"):
        recognise(["a.b", "c"])


def test_every_family_is_recognised_by_its_own_names_in_every_layout(folder):
    for name, config in small.SMALL.items():
        for layout in FORMATS[family_of(config)].LAYOUTS:
            found = recognise(small.official(config, layout=layout).keys())
            assert found == (family_of(config), layout), name


def test_every_family_that_can_be_written_can_be_read():
    assert {family_of(kind) for kind in models.NETWORKS} == set(FORMATS)
