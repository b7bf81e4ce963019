"""``pixmend models``: what it lists, says, fetches, keeps, writes and counts, and what it refuses in one line."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import pixmend as pm
import small
from pixmend.cli import run
from pixmend.models import VARIANTS
from pixmend.weights import catalog, write_weights
from pixmend.weights.importing import keep


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder; fetched weights are in ``kept``, and the sizes of the papers are small ones."""
    monkeypatch.setenv("PIXMEND_WEIGHTS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    for name, config in small.SMALL.items():
        monkeypatch.setitem(VARIANTS, name, config)
    return tmp_path


@pytest.fixture
def said(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must work; what it prints."""

    def run_it(*arguments: str) -> str:
        code = run(["models", *arguments])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    return run_it


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail: one line, and no file new or changed. Gives the line without its beginning."""

    def run_it(*arguments: str) -> str:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert run(["models", *arguments]) == 1
        captured = capsys.readouterr()
        *notes, line = captured.err.splitlines()
        assert captured.out == "" and line.startswith("pixmend: error: ") and not any("Traceback" in n for n in notes)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        return line.removeprefix("pixmend: error: ")

    return run_it


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Callable[..., catalog.Released]:
    """Change what the catalog says of hat.sr_x4, which by default has no checksum and no address."""

    def change(**facts: object) -> catalog.Released:
        known = catalog.catalog()
        facts = {"sha256": None, "urls": (), "bytes": None} | facts
        changed = replace(catalog.named("hat.sr_x4"), **facts)  # type: ignore[arg-type]
        listing = tuple(changed if other.name == changed.name else other for other in known)
        monkeypatch.setattr(catalog, "catalog", lambda: listing)
        names = {**catalog._by_name(), **dict.fromkeys(("hat.sr_x4", "hat_srx4"), changed)}
        monkeypatch.setattr(catalog, "_by_name", lambda: names)
        return changed

    return change


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    """An address, the files there, and the paths that were asked for."""
    files: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", files, asked
    server.shutdown()
    server.server_close()


def hat(path: Path, *, scale: int = 4) -> Path:
    return small.released(path, replace(small.SMALL["hat"], scale=scale))  # type: ignore[call-arg]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# The list


def test_it_lists_what_ships_and_every_released_file_whole(said):
    printed = said()
    assert printed.index("default") < printed.index("edsr_baseline.sr_x2")
    for known in catalog.catalog():
        (line,) = [line for line in printed.splitlines() if line.split()[:1] == [known.name]]
        assert " ".join(known.tasks) in line and known.weights_licence in line
        assert line.split()[-1] == ("fetch" if known.urls else "import")


def test_it_can_be_narrowed_to_a_task(said):
    names = [line.split()[0] for line in said("--task", "dr_L").splitlines() if "dr_L" in line]
    assert names[0] == "default" and "rcdnet.dr_L" in names and "rcdnet.dr_H" not in names


def test_it_can_be_narrowed_to_a_family(said):
    printed = said("--family", "rcdnet")
    assert "rcdnet.dr_H" in printed and "hat" not in printed and "default" not in printed


def test_it_can_be_narrowed_to_what_may_be_used_commercially(said):
    printed = said("--commercial-only")
    assert "default" in printed and "hat.sr_x4" in printed
    assert "restormer" not in printed and "edt_b" not in printed


def test_what_is_here_is_told(said, folder):
    (folder / "kept").mkdir()
    hat(folder / "kept/HAT_SRx4.pth")
    (line,) = [line for line in said("--family", "hat").splitlines() if line.split()[:1] == ["hat.sr_x4"]]
    assert line.split()[-1] == "yes"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--task", "sr_2x"], "no released file does 'sr_2x': did you mean sr_x2?"),
        (["--family", "hut"], "no family is called 'hut': did you mean hat?"),
        (["--family", "restormer", "--commercial-only"], "no weights do that: family restormer, commercial use"),
    ],
)
def test_what_nothing_does_is_refused(refused, options, message):
    assert refused(*options) == message


# One of the list


def test_show_says_all_that_is_known(said):
    printed = said("show", "HAT_SRx4.pth")
    known = catalog.named("hat.sr_x4")
    assert known.sha256 is not None and known.where is not None
    for fact in (
        known.file,
        known.trained_on,
        known.code_licence,
        known.weights_licence,
        known.data_terms,
        known.paper,
    ):
        assert fact in printed
    for fact in (known.project, *known.urls, known.where, known.sha256, "33.04", "0.9056", known.scores[0].protocol):
        assert fact in printed
    assert "no: pixmend models fetch HAT_SRx4.pth" in printed


def test_show_says_how_to_get_what_has_no_address(said):
    printed = said("show", "edt_b.sr_x2_df2k")
    assert "OneDrive folder" in printed and "no: pixmend models import FILE" in printed


def test_show_works_for_every_entry(said):
    for known in catalog.catalog():
        assert said("show", known.name).startswith(known.name)


def test_show_of_what_ships_is_its_card(said):
    assert "edt_p" in said("show", "default")


def test_show_of_an_unknown_name_says_which_was_meant(refused):
    assert refused("show", "hat.sr_x5").startswith("the catalog has no weights called 'hat.sr_x5': did you mean hat")


# Fetching


def test_fetch_brings_a_file_that_then_loads_by_its_name(said, folder, entry, site):
    address, files, _ = site
    files["/a"] = content = hat(folder / "server.pth").read_bytes()
    entry(urls=(f"{address}/a",), sha256=sha256(content))
    assert said("fetch", "hat.sr_x4") == f"{folder}/kept/HAT_SRx4.pth: checked\n"
    assert pm.load("hat.sr_x4").tasks == ("sr_x4",)


def test_fetch_says_whether_a_checksum_was_known(said, folder, entry, site):
    address, files, _ = site
    files["/a"] = content = hat(folder / "server.pth").read_bytes()
    entry(urls=(f"{address}/a",))
    assert said("fetch", "hat.sr_x4").endswith(f"no checksum is published; this one has sha256 {sha256(content)}\n")


def test_fetch_says_the_terms(folder, entry, site, capsys):
    address, files, _ = site
    files["/a"] = hat(folder / "server.pth").read_bytes()
    entry(urls=(f"{address}/a",))
    assert run(["models", "fetch", "hat.sr_x4"]) == 0
    assert "weights Apache-2.0, as the project; data DIV2K: academic research only" in capsys.readouterr().err


def test_what_is_here_is_not_fetched_again(said, folder, entry, site):
    address, _, asked = site
    (folder / "kept").mkdir()
    content = hat(folder / "kept/HAT_SRx4.pth").read_bytes()
    entry(urls=(f"{address}/a",), sha256=sha256(content))
    assert said("fetch", "hat.sr_x4", "--offline").endswith("checked\n")
    assert asked == []


def test_force_replaces_another_file(said, folder, entry, site):
    address, files, _ = site
    files["/a"] = content = hat(folder / "server.pth").read_bytes()
    (folder / "kept").mkdir()
    (folder / "kept/HAT_SRx4.pth").write_text("another")
    entry(urls=(f"{address}/a",), sha256=sha256(content))
    said("fetch", "hat.sr_x4", "--force")
    assert (folder / "kept/HAT_SRx4.pth").read_bytes() == content


@pytest.mark.parametrize("known", [True, False])
def test_force_leaves_the_file_that_is_here_until_the_new_one_is_whole(refused, folder, entry, site, known):
    address, _, asked = site
    (folder / "kept").mkdir()
    hat(folder / "kept/HAT_SRx4.pth")
    entry(urls=(f"{address}/missing",), sha256=sha256(b"new") if known else None)
    assert "HAT_SRx4.pth was not fetched" in refused("fetch", "hat.sr_x4", "--force")
    assert asked == ["/missing"]
    assert pm.load("hat.sr_x4").tasks == ("sr_x4",)


def test_offline_nothing_is_fetched(refused, entry, site):
    address, _, asked = site
    entry(urls=(f"{address}/a",))
    assert "offline nothing is fetched" in refused("fetch", "hat.sr_x4", "--offline")
    assert asked == []


@pytest.mark.parametrize("options", [[], ["--force"], ["--offline"]])
def test_what_has_no_address_says_where_a_person_finds_it(refused, options):
    message = refused("fetch", "edt_b.sr_x2_df2k", *options)
    assert message.startswith("edt_b.sr_x2_df2k: has no address to fetch from, only the OneDrive folder that")
    assert message.endswith("then pixmend models import SRx2_EDTB_Div2kFlickr2K.pth")


def test_a_wrong_name_among_several_is_refused_before_any_is_fetched(refused, entry, site):
    address, _, asked = site
    entry(urls=(f"{address}/a",))
    assert refused("fetch", "hat.sr_x4", "hat.sr_x44").startswith("the catalog has no weights called 'hat.sr_x44'")
    assert asked == []


# Importing


def test_import_keeps_a_file_by_its_name_so_that_its_catalog_name_loads(said, folder, entry):
    entry()
    printed = said("import", str(hat(folder / "HAT_SRx4.pth")))
    assert printed.startswith(f"{folder}/kept/HAT_SRx4.pth: hat.sr_x4; weights Apache-2.0")
    (folder / "HAT_SRx4.pth").unlink()
    assert pm.load("hat.sr_x4").tasks == ("sr_x4",)


def test_import_knows_a_file_by_its_checksum_whatever_it_is_called(said, folder, entry):
    entry(sha256=sha256(hat(folder / "renamed.bin").read_bytes()))
    assert "kept/HAT_SRx4.pth: hat.sr_x4;" in said("import", "renamed.bin")


def test_import_takes_the_users_word_for_what_cannot_be_told(said, folder, entry):
    entry()
    assert "kept/HAT_SRx4.pth: hat.sr_x4;" in said("import", str(hat(folder / "mine.pth")), "--as", "hat.sr_x4")


def test_import_of_a_file_that_could_be_several_lists_them(refused, folder):
    small.released(folder / "mine.pth", small.SMALL["restormer"])
    message = refused("import", "mine.pth")
    assert message.startswith(
        "mine.pth: restormer, but neither name nor checksum tells which; it could be restormer.dr,"
    )
    assert "restormer.defocus:" in message and "biasfree" not in message
    assert message.endswith("say so with --as NAME")


def test_import_does_not_offer_what_a_checksum_excludes(refused, folder):
    message = refused("import", str(hat(folder / "mine.pth")))
    assert message.endswith("hat for sr_x4, but neither name nor checksum tells which; load it by its path")


def test_import_refuses_another_network_than_the_one_said(refused, folder, entry):
    entry()
    message = refused("import", str(hat(folder / "mine.pth", scale=2)), "--as", "hat.sr_x4")
    assert message.startswith(f"{folder}/mine.pth: is no hat.sr_x4: it is hat for sr_x2")


def test_import_refuses_a_file_that_only_has_the_name(refused, folder):
    message = refused("import", str(hat(folder / "HAT_SRx4.pth")))
    known = catalog.named("hat.sr_x4").sha256
    assert f"not the released file: expected sha256 {known}, got " in message


def test_import_refuses_the_name_of_other_weights_than_the_checksums(refused, folder, entry):
    entry(sha256=sha256(hat(folder / "mine.pth").read_bytes()))
    message = refused("import", "mine.pth", "--as", "hat.sr_x4_imagenet")
    assert message == "mine.pth: is no hat.sr_x4_imagenet: it is hat.sr_x4, which its sha256 says"


def test_import_never_replaces_another_file(folder):
    (folder / "first").mkdir()
    small.released(folder / "first" / "mine.pth", small.SMALL["restormer"])
    target = folder / "kept.pth"
    keep(folder / "first" / "mine.pth", target)
    assert keep(folder / "first" / "mine.pth", target) == target
    small.released(folder / "other.pth", small.SMALL["rcdnet"])
    with pytest.raises(pm.PixmendError, match="another file of this name is kept already"):
        keep(folder / "other.pth", target)


def test_import_is_not_for_what_pixmend_wrote(refused, folder):
    write_weights(
        folder / "own.safetensors", small.official(small.SMALL["rcdnet"]), config=small.SMALL["rcdnet"], card={}
    )
    assert "was written by pixmend and is no released file" in refused("import", "own.safetensors")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.pth"], "none.pth: no such file"),
        (["HAT_SRx4.pth"], "HAT_SRx4.pth: no such file"),
        (["text.pth"], "text.pth: "),
        (["text.pth", "--as", "hat.sr_x4"], "text.pth: "),
    ],
)
def test_import_of_no_weight_file_is_one_line(refused, folder, arguments, message):
    (folder / "text.pth").write_text("no weights")
    assert refused("import", *arguments).startswith(message)


def test_import_into_a_folder_that_cannot_be_made_is_one_line(refused, folder, entry):
    entry()
    (folder / "kept").write_text("in the way")
    assert "cannot be written" in refused("import", str(hat(folder / "HAT_SRx4.pth")))


# Converting


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


def test_convert_writes_ours_and_says_what_is_in_it(said, folder):
    hat(folder / "mine.pth")
    count = len(tensors_of(folder / "mine.pth")) - 2  # the index tables
    assert said("convert", "mine.pth", "mine.safetensors") == f"mine.safetensors: hat, {count} tensors\n"
    assert pm.load("mine.safetensors").tasks == ("sr_x4",)


def test_convert_goes_back_to_the_released_form(said, folder):
    hat(folder / "mine.pth")
    said("convert", "mine.pth", "mine.safetensors")
    printed = said("convert", "mine.safetensors", "again.pth", "--to-official")
    assert printed.startswith("again.pth: hat in layout hat, ") and printed.endswith("inside params_ema\n")
    before, after = tensors_of(folder / "mine.pth"), tensors_of(folder / "again.pth")["params_ema"]
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_convert_writes_the_layout_that_is_asked_for(said, folder):
    small.released(folder / "new.pth", small.SMALL["rrdbnet"])
    said("convert", "new.pth", "old.safetensors", "--to-official", "--layout", "esrgan_old")
    assert "model.0.weight" in load_file(folder / "old.safetensors")


def test_convert_takes_the_name_of_weights(said, folder):
    said("convert", "default", "copy.safetensors")
    assert pm.load("copy.safetensors").tasks == pm.load("default").tasks


def test_convert_replaces_a_file_only_when_told(refused, said, folder):
    hat(folder / "mine.pth")
    (folder / "out.safetensors").write_text("precious")
    message = refused("convert", "mine.pth", "out.safetensors")
    assert message == "out.safetensors: exists already: give --force to replace it, or another name"
    said("convert", "mine.pth", "out.safetensors", "--force")
    assert pm.load("out.safetensors").tasks == ("sr_x4",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine.pth", "out.pth"], "out.pth: pixmend writes .safetensors; with --to-official also .pth"),
        (["mine.pth", "out.bin", "--to-official"], "out.bin: expected a name that ends in .pth, .pt or .safetensors"),
        (["mine.pth", "out.safetensors", "--layout", "hat"], "--layout goes with --to-official"),
        (["mine.pth", "out.pth", "--to-official", "--layout", "x"], "hat has no layout 'x': there is hat"),
        (["none.pth", "out.safetensors"], "none.pth: no such file"),
        (["mine.pth", "no/out.safetensors"], "no/out.safetensors: cannot be written: No such file or directory"),
    ],
)
def test_convert_refuses_what_it_cannot_write(refused, folder, arguments, message):
    hat(folder / "mine.pth")
    assert refused("convert", *arguments).startswith(message)


# A file's card


def facts(printed: str) -> dict[str, str]:
    rows = (line.partition("  ") for line in printed.splitlines())
    return {name: fact.strip() for name, _, fact in rows if fact}


def test_inspect_says_what_a_released_file_is_and_what_was_around_it(said, folder):
    tensors = {f"module.{name}": tensor for name, tensor in small.official(small.SMALL["restormer"]).items()}
    torch.save({"params": tensors}, folder / "deraining.pth")
    told = facts(said("inspect", "deraining.pth"))
    assert (told["family"], told["network"], told["tasks"]) == ("Restormer", "restormer", "dr")
    assert told["takes"] == "RGB, any size, extended to a multiple of 8; inside 0 to 1"
    assert told["gives"] == "the same size"
    assert told["file"] == "a released layout (restormer), inside params then module."
    assert told["released as"].startswith("restormer.dr,") and "Academic Public License" in told["licences"]
    assert told["parameters"] == f"{sum(tensor.numel() for tensor in tensors.values()):,}"


def test_inspect_says_the_precision_and_does_not_guess_a_task(said, folder):
    tensors = {name: tensor.half() for name, tensor in small.official(small.SMALL["restormer"]).items()}
    torch.save(tensors, folder / "mine.pth")
    told = facts(said("inspect", "mine.pth"))
    assert told["precision"] == f"{len(tensors)} tensors of float16"
    assert told["tasks"] == "one, which the file does not tell"
    assert "released as" not in told


def test_inspect_says_the_scale_and_the_mean(said, folder):
    small.released(folder / "edsr.pth", small.SMALL["edsr_baseline"])
    told = facts(said("inspect", "edsr.pth"))
    assert told["takes"] == "RGB, any size; inside 0 to 255, less the mean (0.4488, 0.4371, 0.404)"
    assert told["gives"] == "2 x the size"


def test_inspect_of_what_ships_has_its_card_and_scores(said):
    printed = said("inspect", "default")
    told = facts(printed)
    assert told["file"] == "written by pixmend" and told["licence"].startswith("Apache-2.0")
    assert "Measured by its maker: classic_sr" in printed and "Set5" in printed


def test_what_a_strangers_card_says_cannot_move_the_cursor(said, folder):
    card = {
        "name": "\x1b[2Jboo\nfamily  HAT",
        "scores": {"\x1b[1m": [{"task": "\x1b]0;x\x07"}, 3]},
        "notes": "n" * 9999,
    }
    config = small.SMALL["rcdnet"]
    write_weights(folder / "odd.safetensors", small.official(config), config=config, card=card)
    printed = said("inspect", "odd.safetensors")
    assert "\x1b" not in printed and "\x07" not in printed
    assert "name        [2Jboo family  HAT" in printed.replace("  [2J", " [2J") and len(printed) < 4000


@pytest.mark.parametrize(("name", "message"), [("none.pth", "none.pth: no such file"), ("nothing", "no weights are")])
def test_inspect_of_nothing_is_one_line(refused, name, message):
    assert refused("inspect", name).startswith(message)


# Costs


def table(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines() if line.startswith(" ") and "─" not in line and line.strip()]


def test_profile_counts_sizes_and_files(said, folder):
    hat(folder / "mine.pth")
    headings, size, file, shipped = table(said("profile", "rcdnet", "mine.pth", "default", "--size", "16x24"))
    assert headings == ["network", "task", "input", "parameters", "MACs", "attention", "FLOPs"]
    assert size[:3] == ["rcdnet", "dr", "16x24"] and size[-2] == "0.00G"
    assert file[:3] == ["mine.pth", "sr_x4", "16x24"]
    assert shipped[:4] == ["default", "sr_x2", "16x24", "933,784"]


def test_profile_of_a_task_is_of_the_network_for_it(said):
    _, other = table(said("profile", "hat", "--task", "sr_x2"))
    assert other[1:3] == ["sr_x2", "64x64"]


def test_profile_without_names_is_the_papers_table_with_reasons(said, monkeypatch):
    from pixmend.evaluate import cost

    few = tuple(row for row in cost.PUBLISHED if row.variant in ("restormer", "rcdnet"))
    monkeypatch.setattr(cost, "PUBLISHED", few)
    printed = said("profile")
    _, restormer, rcdnet = table(printed)
    assert restormer[:3] == ["restormer", "dr", "256x256"] and restormer[-1] == "141G"
    assert rcdnet[:3] == ["rcdnet", "dr", "64x64"]
    assert "restormer: the printed figure leaves out the products of attention." in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "64x64"], "--size and --task go with names"),
        (["hat", "--size", "64"], "--size: expected HxW such as 64x64"),
        (["hat", "--size", "0x64"], "--size: expected HxW such as 64x64"),
        (["hat", "--size", "-1x64"], "--size: expected HxW such as 64x64"),
        (["hat", "--size", "64x99999999999"], "--size: expected HxW such as 64x64"),
        (["hut"], "no weights are called 'hut', and no file is"),
        (["default", "--task", "sr_x8"], "no task 'sr_x8': this network has sr_x2"),
        (["hat", "--task", "dn_g15"], "HAT enlarges 2, 3, 4 or 8 times, not 1"),
    ],
)
def test_profile_of_what_cannot_be_counted_is_one_line(refused, arguments, message):
    assert refused("profile", *arguments).startswith(message)
