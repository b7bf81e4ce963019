"""Weights from one form of file to another: nothing is lost, and what others read, they read."""

import pytest
import torch
from safetensors.torch import load_file

import pixmend as pm
import small
from pixmend.models import VARIANTS, build, family_of
from pixmend.weights import card, open_weights
from pixmend.weights.convert import WRAPPER, write_official, write_ours
from pixmend.weights.families import FORMATS

FORMS = [(name, layout) for name, config in small.SMALL.items() for layout in FORMATS[family_of(config)].LAYOUTS]


def same_output(first, second) -> bool:
    """The same values; the last bit of a sum may depend on where in memory the weights lie."""
    x = small.picture(first)
    with torch.inference_mode():
        return torch.allclose(first(x), second(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", small.SMALL)
def test_ours_gives_the_same_pictures_as_the_released_file(tmp_path, name):
    source = small.released(tmp_path / "released.pth", small.SMALL[name])
    told = write_ours(tmp_path / "ours.safetensors", open_weights(source))
    assert told.startswith(family_of(small.SMALL[name]))
    ours = open_weights(tmp_path / "ours.safetensors")
    assert (ours.layout, ours.wrapped) == (None, ())
    assert same_output(pm.load(source), pm.load(tmp_path / "ours.safetensors"))


@pytest.mark.parametrize(
    ("name", "layout", "suffix"),
    [(*form, ".safetensors") for form in FORMS] + [(*FORMS[0], ".pth"), (*FORMS[0], ".pt")],
)
def test_the_official_form_has_the_official_names_and_the_same_pictures(tmp_path, name, layout, suffix):
    config = small.SMALL[name]
    network = build(config).eval()
    torch.save(FORMATS[family_of(config)].to_official(network), tmp_path / "released.pth")
    path = tmp_path / f"again{suffix}"
    write_official(path, open_weights(tmp_path / "released.pth"), layout=layout)
    again = open_weights(path)
    assert (again.family, again.layout) == (family_of(config), layout)
    assert same_output(network, pm.load(path))


@pytest.mark.parametrize(("name", "layout"), FORMS)
def test_a_pth_has_the_wrapper_of_its_released_files_and_loads_without_pixmend(tmp_path, name, layout):
    config = small.SMALL[name]
    source = small.released(tmp_path / "released.pth", config)
    told = write_official(tmp_path / "again.pth", open_weights(source), layout=layout)
    content = torch.load(tmp_path / "again.pth", weights_only=True)
    wrapper = WRAPPER.get((family_of(config), layout))
    assert wrapper is None or list(content) == [wrapper]
    tensors = content if wrapper is None else content[wrapper]
    assert tensors.keys() == small.official(config, layout=layout).keys()
    assert not any(tensor.requires_grad for tensor in tensors.values())
    assert f"{len(tensors)} tensors" in told


def test_released_files_of_hat_have_their_average_in_params_ema(tmp_path):
    write_official(tmp_path / "hat.pth", open_weights(small.released(tmp_path / "a.pth", small.SMALL["hat"])))
    assert list(torch.load(tmp_path / "hat.pth", weights_only=True)) == ["params_ema"]


def test_the_written_safetensors_needs_no_tensors_that_share_memory(tmp_path):
    tensors = small.official(small.SMALL["swinir"])
    twins = "layers.0.residual_group.blocks.0.norm1.weight", "layers.0.residual_group.blocks.1.norm1.weight"
    tensors[twins[1]] = tensors[twins[0]]
    torch.save(tensors, tmp_path / "tied.pth")
    opened = open_weights(tmp_path / "tied.pth")
    write_ours(tmp_path / "ours.safetensors", opened)
    write_official(tmp_path / "official.safetensors", opened)
    for file in ("ours.safetensors", "official.safetensors"):
        written = load_file(tmp_path / file)
        assert torch.equal(written[twins[0]], written[twins[1]])


def test_half_precision_stays_half_in_ours(tmp_path):
    tensors = {name: tensor.half() for name, tensor in small.official(small.SMALL["edsr_baseline"]).items()}
    torch.save(tensors, tmp_path / "half.pth")
    write_ours(tmp_path / "ours.safetensors", open_weights(tmp_path / "half.pth"))
    assert {tensor.dtype for tensor in load_file(tmp_path / "ours.safetensors").values()} == {torch.float16}


def test_a_converted_file_says_where_it_is_from_and_on_what_terms(tmp_path, monkeypatch):
    monkeypatch.setitem(VARIANTS, "restormer", small.SMALL["restormer"])
    source = small.released(tmp_path / "deraining.pth", small.SMALL["restormer"])
    write_ours(tmp_path / "ours.safetensors", open_weights(source))
    written = card(tmp_path / "ours.safetensors")
    assert (written["name"], written["converted_from"]) == ("restormer.dr", "deraining.pth")
    assert "Academic Public License" in written["licence"] and "Rain13K" in written["data"]
    assert pm.load(tmp_path / "ours.safetensors").tasks == ("dr",)


def test_a_file_that_is_in_no_catalog_is_named_itself(tmp_path):
    source = small.released(tmp_path / "mine.pth", small.SMALL["hat"])
    write_ours(tmp_path / "ours.safetensors", open_weights(source))
    assert card(tmp_path / "ours.safetensors") == {"converted_from": "mine.pth"}


def test_what_ours_says_of_itself_is_kept(tmp_path):
    write_ours(tmp_path / "again.safetensors", open_weights("default"))
    assert card(tmp_path / "again.safetensors") == card("default")
    assert same_output(pm.load("default", tasks=("sr_x2",)), pm.load(tmp_path / "again.safetensors", tasks=("sr_x2",)))


def test_a_layout_that_the_family_does_not_have_is_refused(tmp_path):
    opened = open_weights(small.released(tmp_path / "a.pth", small.SMALL["rrdbnet"]))
    with pytest.raises(pm.PixmendError, match="rrdbnet has no layout 'esrgan': "):
        write_official(tmp_path / "b.pth", opened, layout="esrgan")
    assert not (tmp_path / "b.pth").exists()


@pytest.mark.parametrize("name", ["out.pth", "out.bin", "out"])
def test_ours_is_safetensors_alone(tmp_path, name):
    opened = open_weights(small.released(tmp_path / "a.pth", small.SMALL["rcan"]))
    with pytest.raises(pm.PixmendError, match=f"{name}: pixmend writes .safetensors; with --to-official also .pth"):
        write_ours(tmp_path / name, opened)


def test_the_official_form_needs_a_name_that_others_know(tmp_path):
    opened = open_weights(small.released(tmp_path / "a.pth", small.SMALL["rcan"]))
    with pytest.raises(pm.PixmendError, match="out.bin: expected a name that ends in .pth, .pt or .safetensors"):
        write_official(tmp_path / "out.bin", opened)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix):
    opened = open_weights(small.released(tmp_path / "a.pth", small.SMALL["rcan"]))
    (tmp_path / f"out{suffix}").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(pm.PixmendError, match=f"out{suffix}: cannot be written: No space left on device"):
        write_official(tmp_path / f"out{suffix}", opened)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pth", f"out{suffix}"]
    assert (tmp_path / f"out{suffix}").read_text() == "old"
