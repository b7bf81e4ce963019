"""``pixmend restore IN OUT --cluster`` does what it does for a folder, and tells the same truth."""

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

import pixmend
from pixmend import cli
from pixmend.cli.restore import cluster
from pixmend.image import read_image, read_provenance
from pixmend.infer.folder import Record
from pixmend.models import EDSR

pytest.importorskip("fsspec")
Run = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with three pictures in ``in``, and an untrained network for every ``--model``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/a").mkdir(parents=True)
    for number, name in enumerate(("0.png", "a/1.png", "a/2.jpg")):
        values = torch.randint(256, (12, 14, 3), generator=torch.Generator().manual_seed(number), dtype=torch.uint8)
        Image.fromarray(values.numpy()).save(tmp_path / "in" / name)
    torch.manual_seed(0)
    network = pixmend.create("edsr_baseline")
    assert isinstance(network, EDSR)
    monkeypatch.setattr(pixmend, "load", lambda name: network, raising=False)
    return tmp_path


@pytest.fixture
def run() -> Run:
    """The command on the cluster at this address."""

    def call(*arguments: str, address: str = "local") -> int:
        return cli.run(["restore", *arguments, "--cluster", address])

    return call


@pytest.mark.parametrize(
    ("arguments", "address", "says"),
    [
        (["nowhere", "out"], "local", "nowhere: no such folder, or nothing in it"),
        (["in", "in"], "local", "is or holds the folder of the pictures"),
        (["in", "out", "--dry-run"], "local", "--dry-run: on a cluster"),
        (["in", "out"], "local:none", "expected local, local:8"),
        (["in", "out", "--scale", "2", "--device", "cuda:1"], "local", "a cluster gives its workers what it has"),
        (["in", "out", "--denoise", "15"], "local", "have no task dn_g15"),
        (["nosuch://in", "out"], "local", "nosuch://in: cannot be opened"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], address: str, says: str, folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, address=address) == 1
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1 and not (folder / "out").exists()


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("s3://bucket/in", "s3://bucket/in"),
        ("memory://a/b", "memory://a/b"),
        ("file:///data/in", "/data/in"),
        ("data/in", "data/in"),
        ("C:/data", "C:/data"),
    ],
)
def test_an_address_is_what_was_typed(typed: str, address: str) -> None:
    assert cluster._address(Path(typed)) == address


def test_of_millions_only_those_are_kept_of_which_there_is_something_to_tell() -> None:
    tally = cluster._Tally(whole=False)
    for number in range(50):
        failed = number == 7
        tally.add(
            Record(
                path=Path(f"{number}.png"),
                target=Path(f"{number}.png"),
                status="failed" if failed else "done",
                seconds=1.0,
                pixels=100,
                reason="cut short" if failed else None,
                warnings=("odd",) if number == 8 else (),
            )
        )
    assert tally.words() == "49 restored, 1 failed" and tally.pixels == 4900
    assert [record.path.name for record in tally.records] == ["7.png", "8.png"]


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if "ray" not in sys.modules:  # which reads them once
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=uuid.uuid4().hex)
    found = pytest.importorskip("ray")
    found.init(num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False)
    yield
    found.shutdown()


@pytest.mark.slow
def test_it_says_what_became_of_each_picture(
    ray: None, folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in/bad.png").touch()
    (folder / "in/text.txt").touch()
    assert run("in", "out", "--scale", "1.5", "--format", "png") == 1
    told = capsys.readouterr()
    assert "bad.png" in told.out and "the file is empty" in told.out
    assert "out: 3 restored, 1 failed (left out: 1 not pictures by name); 0.00 megapixels" in told.out
    assert read_image("out/a/2.png").shape == (3, 18, 21)
    facts = read_provenance("out/a/2.png") or {}
    assert (facts["picture"], facts["size"], facts["tasks"]) == ("2.jpg", [18, 21], ["sr_x2"])
    assert run("in", "out", "--scale", "1.5", "--format", "png", "--skip-existing", "--json") == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["done"], content["skipped"], content["failed"], content["cluster"]) == (0, 3, 1, "local")
    assert [each["path"] for each in content["files"]] == ["0.png", "a/1.png", "a/2.jpg", "bad.png"]
    assert cli.run(["rerun", "out/a/2.png", "in/a/2.jpg"]) == 0


@pytest.mark.slow
def test_a_folder_without_pictures_is_an_error(
    ray: None, folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "none").mkdir()
    assert run("none", "out") == 1
    assert "none: no pictures in it or below" in capsys.readouterr().err
