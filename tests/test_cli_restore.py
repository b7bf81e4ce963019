"""``pixmend restore`` writes what it says, and answers every bad input with one line, a code and no file."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import pixmend
import small
from pixmend import cli
from pixmend.errors import PixmendError
from pixmend.image import read_image, read_picture
from pixmend.models.base import MultiTask, Restorer
from pixmend.seeding import generator


class Trace(Restorer):
    """Repeats pixels and notes its task; darkens, so that the result can be told from the picture."""

    def __init__(self, name: str, done: list[str]) -> None:
        super().__init__()
        self.name, self.done = name, done
        self.scale = int(name[-1]) if name.startswith("sr") else 1
        self.share = nn.Parameter(torch.tensor(0.5))

    def restore(self, x: Tensor) -> Tensor:
        self.done.append(self.name)
        return x.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2) * self.share


class Everything(MultiTask):
    tasks = ("sr_x2", "sr_x3", "dn_g15", "dn_g25", "dr_L", "dr_H")

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def select(self, task: str | None = None) -> Restorer:
        return Trace(self.check_task(task), self.done)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Everything:
    """What every ``--model`` loads."""
    network = Everything()
    monkeypatch.setattr(pixmend, "load", lambda name: network, raising=False)
    return network


@pytest.fixture
def folder(tmp_path: Path, network: Everything, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with photo.png of 12 x 8 in it."""
    monkeypatch.chdir(tmp_path)
    picture("RGB").save("photo.png")
    return tmp_path


def picture(mode: str, *, size: tuple[int, int] = (12, 8)) -> Image.Image:
    values = torch.randint(0, 256, (size[1], size[0], 4), generator=generator(7), dtype=torch.uint8)
    return Image.fromarray(values.numpy(), "RGBA").convert(mode)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def refuse(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail: one line and nothing written. Gives the line without its beginning."""

    def run(*arguments: str, code: int = 1) -> str:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert cli.run(["restore", "--quiet", *arguments]) == code
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1 and "Traceback" not in captured.err
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        return captured.err.removeprefix("pixmend: ").removeprefix("error: ").rstrip()

    return run


# What it writes


def test_without_options_it_enlarges_twice_beside_the_picture_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["restore", "photo.png"]) == 0
    assert read_image("photo_x2.png").shape == (3, 16, 24)
    captured = capsys.readouterr()
    assert captured.out.startswith("photo_x2.png: 24 x 16, ") and captured.out.endswith(" s\n")
    assert captured.err.splitlines()[0] == "nothing asked for: enlarging twice (--scale 2)"
    assert captured.err.splitlines()[1].startswith("12 x 8 to 24 x 16, whole; cpu, float32")


def test_quiet_says_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["restore", "photo.png", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "done", "name"),
    [
        (["--scale", "3"], ["sr_x3"], "photo_x3.png"),
        (["--denoise", "25"], ["dn_g25"], "photo_dn25.png"),
        (["--derain", "light"], ["dr_L"], "photo_derained.png"),
        (["--derain", "heavy"], ["dr_H"], "photo_derained.png"),
        (
            ["--scale", "2", "--denoise", "15", "--derain", "light"],
            ["dr_L", "dn_g15", "sr_x2"],
            "photo_derained_dn15_x2.png",
        ),
        (["--task", "sr_x2", "--task", "dn_g15"], ["sr_x2", "dn_g15"], "photo_x2_dn15.png"),
    ],
)
def test_options_become_a_chain_and_a_name(
    options: list[str], done: list[str], name: str, folder: Path, network: Everything
) -> None:
    assert cli.run(["restore", "photo.png", *options]) == 0
    assert list(dict.fromkeys(network.done[2 * len(done) :])) == done  # after two probes of each for its memory
    assert files(folder) == sorted(["photo.png", name])


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".webp", ".tif", ".bmp"])
def test_the_result_has_the_format_of_the_picture(suffix: str, folder: Path) -> None:
    picture("RGB").save(f"other{suffix}")
    assert cli.run(["restore", f"other{suffix}"]) == 0
    assert read_picture(f"other_x2{suffix}").format == read_picture(f"other{suffix}").format


def test_a_gif_becomes_a_png(folder: Path) -> None:
    picture("RGB").save("other.gif")
    assert cli.run(["restore", "other.gif"]) == 0
    assert read_picture("other_x2.png").format == "PNG"


def test_a_palette_picture_becomes_full_colour(folder: Path) -> None:
    picture("RGB").quantize(9).save("other.png")
    assert cli.run(["restore", "other.png"]) == 0
    assert Image.open("other_x2.png").mode == "RGB"


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_grey_and_transparency_are_kept(mode: str, folder: Path) -> None:
    picture(mode).save("other.png")
    assert cli.run(["restore", "other.png"]) == 0
    assert Image.open("other_x2.png").mode == mode


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_thin_pictures_are_restored(size: tuple[int, int], folder: Path) -> None:
    picture("RGB", size=size).save("other.png")
    assert cli.run(["restore", "other.png", "--compare"]) == 0
    assert Image.open("other_x2.png").size == (2 * size[0], 2 * size[1])


def test_an_explicit_output_may_be_in_another_folder_and_format(folder: Path) -> None:
    (folder / "out").mkdir()
    assert cli.run(["restore", "photo.png", "out/new.webp", "--tile", "64"]) == 0
    assert read_picture("out/new.webp").format == "WEBP"


def test_compare_also_writes_a_sheet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["restore", "photo.png", "--compare"]) == 0
    assert files(folder) == ["photo.png", "photo_x2.png", "photo_x2_compare.png"]
    assert "photo_x2_compare.png" in capsys.readouterr().out


def test_force_replaces_an_existing_output(folder: Path) -> None:
    Path("photo_x2.png").write_bytes(b"old")
    assert cli.run(["restore", "photo.png", "--force"]) == 0
    assert read_image("photo_x2.png").shape == (3, 16, 24)


# Bad pictures


def write_empty(path: Path) -> None:
    path.touch()


def write_text(path: Path) -> None:
    path.write_text("This is no picture, whatever its name says.")


def write_truncated(path: Path) -> None:
    picture("RGB", size=(100, 100)).save(path)
    path.write_bytes(path.read_bytes()[:9000])


def write_corrupt(path: Path) -> None:
    picture("RGB", size=(100, 100)).save(path)
    content = bytearray(path.read_bytes())
    content[500:520] = bytes(20)
    path.write_bytes(content)


def write_huge_header(path: Path) -> None:
    picture("RGB").save(path)
    content = path.read_bytes()
    sides = (60_000).to_bytes(4, "big") * 2
    import zlib

    header = b"IHDR" + sides + content[24:29]
    path.write_bytes(content[:12] + header + zlib.crc32(header).to_bytes(4, "big") + content[33:])


def write_cmyk(path: Path) -> None:
    picture("RGB").convert("CMYK").save(path, format="JPEG")


def write_animated(path: Path) -> None:
    picture("RGB").save(path, save_all=True, append_images=[picture("RGB").rotate(180)])


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (write_empty, "the file is empty"),
        (write_text, "not a picture that can be read"),
        (write_truncated, "damaged or cut short"),
        (write_corrupt, "damaged or cut short"),
        (write_huge_header, "60000 x 60000 is 3600 megapixels, the limit is 500"),
        (write_cmyk, "is CMYK"),
        (write_animated, "has 2 frames or pages"),
        (make_folder, "no pictures in it or below"),
    ],
)
def test_a_bad_picture_is_refused(
    make: Callable[[Path], None], told: str, folder: Path, refuse: Callable[..., str]
) -> None:
    make(folder / "bad.png")
    assert refuse("bad.png").startswith(f"bad.png: {told}")


def test_a_missing_picture_is_refused(refuse: Callable[..., str]) -> None:
    assert refuse("none.png") == "none.png: no such file"


# Bad outputs


@pytest.mark.parametrize("output", [".", "/"])
def test_an_output_without_a_name_is_refused(output: str, refuse: Callable[..., str]) -> None:
    assert "cannot tell the output format" in refuse("photo.png", output, "--compare")


def test_an_existing_output_is_kept_without_force(folder: Path, refuse: Callable[..., str]) -> None:
    Path("photo_x2.png").write_bytes(b"old")
    assert "photo_x2.png: exists already: give --force" in refuse("photo.png")


def test_an_existing_sheet_is_kept_without_force(folder: Path, refuse: Callable[..., str]) -> None:
    Path("photo_x2_compare.png").write_bytes(b"old")
    assert "photo_x2_compare.png: exists already" in refuse("photo.png", "--compare")


@pytest.mark.parametrize("output", ["photo.png", "./photo.png", "link.png", "twin.png"])
def test_the_picture_itself_is_never_replaced_even_with_force(
    output: str, folder: Path, refuse: Callable[..., str]
) -> None:
    Path("link.png").symlink_to("photo.png")
    os.link("photo.png", "twin.png")
    assert "is the picture itself" in refuse("photo.png", output, "--force")


def test_the_sheet_never_replaces_the_picture_either(folder: Path, refuse: Callable[..., str]) -> None:
    Path("photo.png").rename("a_compare.png")
    assert "is the picture itself" in refuse("a_compare.png", "a.png", "--compare", "--force")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("out", "cannot tell the output format"),
        ("out.xyz", "cannot tell the output format"),
        ("none/out.png", "is not an existing folder"),
        ("photo.png/out.png", "is not an existing folder"),
        ("n" * 300 + ".png", "File name too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    output: str, told: str, network: Everything, refuse: Callable[..., str]
) -> None:
    assert told in refuse("photo.png", output)
    assert len(network.done) <= 2  # nothing but the probes for its memory


def test_transparency_is_refused_for_jpeg_before_the_work(folder: Path, refuse: Callable[..., str]) -> None:
    picture("RGBA").save("clear.png")
    assert "JPEG cannot store transparency: use .png" in refuse("clear.png", "out.jpg")


def test_a_disk_that_fills_up_leaves_nothing_behind(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert "photo_x2.png: cannot be written: No space left on device" in refuse("photo.png")


def test_weights_that_give_no_picture_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture("RGB").save(tmp_path / "photo.png")
    tensors = small.official(small.SMALL["rrdbnet"])
    torch.save({name: tensor.detach() * float("nan") for name, tensor in tensors.items()}, tmp_path / "mine.pth")
    assert cli.run(["restore", "--model", str(tmp_path / "mine.pth"), str(tmp_path / "photo.png")]) == 1
    assert f"{tmp_path / 'mine.pth'}: the network gave values that are not finite" in capsys.readouterr().err
    assert files(tmp_path) == ["mine.pth", "photo.png"]


# Bad options


@pytest.mark.parametrize(
    "options",
    [
        ["--task", "sr_x9"],
        ["--task", "a/b"],
        ["--task", "sr_x4"],
        ["--denoise", "20"],
        ["--task", "sr_x2", "--task", "deblur"],
    ],
)
def test_a_task_the_weights_do_not_have_is_refused_with_those_they_have(
    options: list[str], refuse: Callable[..., str]
) -> None:
    line = refuse("photo.png", *options)
    assert "have no task" in line and "sr_x2, sr_x3, dn_g15, dn_g25, dr_L, dr_H" in line


def test_tasks_by_name_and_by_option_do_not_mix(refuse: Callable[..., str]) -> None:
    assert "--task goes without" in refuse("photo.png", "--task", "sr_x2", "--denoise", "15")


@pytest.mark.parametrize("device", ["nonsense", "meta"])
def test_a_device_that_does_not_compute_is_refused(device: str, refuse: Callable[..., str]) -> None:
    assert f"device '{device}' cannot be used" in refuse("photo.png", "--device", device)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["photo.png", "--scale", "99"], "Invalid value for '--scale'"),
        (["photo.png", "--derain", "much"], "Invalid value for '--derain'"),
        (["photo.png", "--nonsense"], "No such option: --nonsense"),
        (["photo.png", "a.png", "b.png"], "unexpected extra argument"),
        ([], "Missing argument 'PICTURE'"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(arguments: list[str], told: str, refuse: Callable[..., str]) -> None:
    line = refuse(*arguments, code=2)
    assert told in line and line.endswith("(see pixmend restore --help)")


# Errors and their codes


@pytest.fixture
def failing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make loading the weights raise something."""

    def fail(error: BaseException) -> None:
        def load(name: str) -> None:
            raise error

        monkeypatch.setattr(pixmend, "load", load, raising=False)

    return fail


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (PixmendError("weights: unknown\nfamily"), 1, "error: weights: unknown family"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.bin"), 1, "error: a.bin: No such file"),
        (OSError("no reason given"), 1, "error: no reason given"),
        (MemoryError(), 1, "error: out of memory: close other programs, or give a smaller picture\n"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "error: out of memory: close other"),
        (torch.OutOfMemoryError("HIP out of memory"), 1, "error: out of memory: close other"),
        (KeyboardInterrupt(), 130, "interrupted, nothing half-written"),
        (KeyError("lost"), 70, "internal error: KeyError: 'lost' (run with --debug for the traceback)"),
    ],
)
def test_every_error_is_one_line_with_its_code(
    error: BaseException,
    code: int,
    line: str,
    failing: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing(error)
    assert cli.run(["restore", "photo.png", "--quiet"]) == code
    told = capsys.readouterr().err
    assert told.startswith(f"pixmend: {line}") and told.count("\n") == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_anywhere_raises_the_error_itself(place: int, failing: Callable[[BaseException], None]) -> None:
    failing(KeyError("lost"))
    arguments = ["restore", "photo.png"]
    arguments.insert(place, "--debug")
    with pytest.raises(KeyError, match="lost"):
        cli.run(arguments)


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 0
    assert "restore" in capsys.readouterr().out


def test_the_process_ends_with_the_code_and_the_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from pixmend.cli import main; main()", "restore", "none.png", "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "pixmend: error: none.png: no such file\n"


def test_a_mistake_is_a_single_line_even_where_nothing_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    command = [sys.executable, "-m", "pixmend", "restore", str(tmp_path / "empty.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1 and "empty.png: the file is empty" in done.stderr
