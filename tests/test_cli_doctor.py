"""``pixmend doctor`` tries what this machine can do, says what is missing, and ends with 1 where something fails."""

import json
import os
from pathlib import Path

import pytest
import torch

import pixmend as pm
from pixmend import cli
from pixmend.cli import doctor_findings as look
from pixmend.image.options import FORMATS
from pixmend.infer.conformance import TOLERANCE, conform, read_golden

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def found() -> list[look.Finding]:
    return [*look.versions(), *look.precisions(CPU), *look.codecs(), *look.extras(), *look.places()]


def test_the_command_tries_everything_and_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    groups = {finding["group"] for finding in told["findings"]}
    assert groups >= {"versions", "devices", "precisions", "results", "formats", "extras", "places"}
    results = [finding for finding in told["findings"] if finding["group"] == "results"]
    assert {finding["name"] for finding in results} >= {"cpu, float32", "cpu, bfloat16"}


def test_what_fails_stands_in_the_table_with_its_fix_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TOLERANCE, ("cpu", "bfloat16"), 1e-9)
    assert cli.run(["doctor"]) == 1
    told = capsys.readouterr().out
    line = next(line for line in told.splitlines() if "cpu, bfloat16" in line and "FAILS" in line)
    assert "allowed 1e-09" in line and line.rstrip().endswith("use float32") and "1 of " in told


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_bundled_weights_give_the_stored_result(precision: str) -> None:
    conformance = conform(pm.load("default").select("sr_x2").eval(), device=CPU, precision=precision)
    assert conformance.passed and 0 <= conformance.difference < TOLERANCE["cpu", precision]


def test_a_network_that_is_a_little_off_does_not_conform() -> None:
    network = pm.load("default").select("sr_x2").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.001)
    assert not conform(network, device=CPU, precision="float32").passed


def test_a_result_that_is_not_finite_does_not_conform() -> None:
    network = pm.load("default").select("sr_x2").eval()
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    finding = look.conformance(network, CPU, "float32")
    assert finding.state == "fails" and finding.fix


def test_the_stored_picture_has_content() -> None:
    low, high = read_golden()
    assert low.shape == (1, 3, 48, 48) and high.shape == (1, 3, 96, 96) and float(low.std()) > 0.1


def test_every_format_is_tried_at_each_depth(found: list[look.Finding]) -> None:
    formats = {finding.name: finding for finding in found if finding.group == "formats"}
    assert formats.keys() == FORMATS.keys() and {finding.state for finding in formats.values()} == {"ok"}
    assert "8-bit, 16-bit, 32-bit float, transparency" in formats["TIFF"].told


def test_a_format_that_cannot_be_written_fails_with_a_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ImportError("no such codec")

    monkeypatch.setattr("pixmend.image.write_picture", broken)
    found = list(look.codecs())
    assert all(one.state == "fails" and "no such codec" in one.told and one.fix for one in found)


def test_an_extra_that_is_missing_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["torch>=2.6", "accelerate>=1.2; extra == 'train'", 'not-there-at-all>=1; extra == "page"']
    monkeypatch.setattr(look.metadata, "requires", lambda name: wanted)
    monkeypatch.setattr(look, "_installed", lambda name: name == "accelerate")
    page, train = look.extras()
    assert (train.state, train.fix) == ("ok", "")
    assert (page.state, page.told, page.fix) == ("note", "without not-there-at-all", "pip install 'pixmend[page]'")


def test_a_gpu_that_pytorch_cannot_see_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tmp_path / "nvidia0"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert list(look.idle_gpus({str(node): "NVIDIA"})) == []
    node.touch()
    for version, fix in ((None, "install the PyTorch for NVIDIA"), ("13.0", "update its driver")):
        monkeypatch.setattr(torch.version, "cuda", version)
        (finding,) = look.idle_gpus({str(node): "NVIDIA"})
        assert finding.state == "note" and finding.fix.startswith(fix)


def test_bfloat16_that_does_not_work_is_told_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: torch.device, dtype: torch.dtype) -> float:
        if dtype == torch.bfloat16:
            raise RuntimeError("not implemented for 'BFloat16'\nmore")
        return 1.0

    monkeypatch.setattr(look, "_product_seconds", refuse)
    (finding,) = look.precisions(CPU)
    assert (finding.state, finding.told) == ("note", "does not work: not implemented for 'BFloat16'")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_weights_that_cannot_be_written_to_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("PIXMEND_WEIGHTS", str(tmp_path / "weights"))
    assert [finding.state for finding in look.places() if finding.name == "weights"] == ["fails"]


def test_a_file_where_the_folder_of_weights_should_be_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PIXMEND_WEIGHTS", str(tmp_path / "file"))
    (finding,) = (finding for finding in look.places() if finding.name == "weights")
    assert finding.state == "fails" and "PIXMEND_WEIGHTS" in finding.fix
