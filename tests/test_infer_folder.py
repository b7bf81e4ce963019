"""Folders of pictures: what is found, what results are called, what is remembered, and how much is held."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixmend
from pixmend.errors import PixmendError
from pixmend.evaluate.runner import fingerprint as network_fingerprint
from pixmend.infer.fingerprint import fingerprint
from pixmend.infer.folder import Job, find_pictures, plan_job
from pixmend.infer.folder.find import natural
from pixmend.infer.folder.flight import Flight, Shares, Stopped, size_of
from pixmend.infer.folder.journal import PLACE, look_up, open_journal


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.as_posix() for path in paths]


# What is found


def test_pictures_are_found_below_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    touch(tmp_path, "10.png", "9.JPG", "b/2.tif", "b/11.webp", "a b/ü ².bmp", "b/a.gif")
    assert names(find_pictures(tmp_path).files) == ["9.JPG", "10.png", "a b/ü ².bmp", "b/2.tif", "b/11.webp", "b/a.gif"]


def test_hidden_files_and_what_is_no_picture_are_counted_and_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", ".b.png", ".git/c.png", "notes.txt", "Thumbs.db", "png")
    os.mkfifo(tmp_path / "pipe.png")
    found = find_pictures(tmp_path)
    assert (names(found.files), found.hidden, found.others) == (["a.png"], 2, 4)


def test_a_folder_with_the_name_of_a_picture_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "odd.png/a.png")
    assert names(find_pictures(tmp_path).files) == ["odd.png/a.png"]


def test_links_to_folders_are_followed_but_never_in_a_circle(tmp_path: Path) -> None:
    touch(tmp_path, "in/a/1.png", "other/2.png")
    (tmp_path / "in/a/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/a/self").symlink_to(".")
    (tmp_path / "in/link").symlink_to(tmp_path / "other")
    assert names(find_pictures(tmp_path / "in").files) == ["a/1.png", "link/2.png"]


def test_a_link_to_itself_is_told_and_stops_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    found = find_pictures(tmp_path)
    assert names(found.files) == ["a.png", "loop.png"] and found.others == 1


@pytest.mark.parametrize("kept", ["journal.jsonl", "made/ab/cd/1.json"])
def test_results_of_other_jobs_are_not_taken_for_pictures_unless_asked_for(kept: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "x2/a.png", f"x2/{PLACE}/{kept}", "x2/deeper/b.png", "plain/c.png")
    found = find_pictures(tmp_path)
    assert names(found.files) == ["a.png", "plain/c.png"] and found.results == 1
    assert names(find_pictures(tmp_path / "x2").files) == ["a.png", "deeper/b.png"]


def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    assert names(find_pictures(tmp_path).files) == ["gone.png"]


def test_very_deep_folders_are_searched(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep /= "deeper"
    touch(deep, "a.png")
    assert len(find_pictures(tmp_path).files[0].parts) == 301


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.png", "closed/b.png")
    scan = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = find_pictures(tmp_path)
    assert found.unreadable == ((Path("closed"), "cannot be looked into: Permission denied"),)
    assert names(found.files) == ["a.png"]


@given(st.lists(st.integers(0, 10**12)), st.sampled_from(("", "img", "IMG 3_", "a/b7-")))
def test_numbers_in_names_sort_as_numbers(numbers: list[int], start: str) -> None:
    paths = [Path(f"{start}{number}.png") for number in numbers]
    assert sorted(paths, key=natural) == [Path(f"{start}{number}.png") for number in sorted(numbers)]


# What results are called


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    def plan(*files: str, **options: object) -> Job:
        touch(tmp_path / "in", *files)
        return plan_job(tmp_path / "in", tmp_path / "out", **options)  # type: ignore[arg-type]

    return plan


def test_the_tree_is_mirrored_and_formats_are_kept(job: Callable[..., Job]) -> None:
    made = job("a/x.JPG", "a/x.png", "b.tif", "c.gif")
    assert names(tuple(item.target for item in made.items)) == ["a/x.JPG", "a/x.png", "b.tif", "c.png"]


def test_a_format_is_for_all_and_keeps_names_that_say_it_already(job: Callable[..., Job]) -> None:
    made = job("a.jpg", "b.JPEG", "c.png", "d.v2.bmp", format="jpg")
    assert names(tuple(item.target for item in made.items)) == ["a.jpg", "b.JPEG", "c.jpg", "d.v2.jpg"]


def test_an_unknown_format_is_refused(job: Callable[..., Job]) -> None:
    with pytest.raises(PixmendError, match="format 'psd': cannot be written: expected one of png, jpg"):
        job("a.png", format="psd")


def test_two_results_of_one_name_are_refused_before_the_work(job: Callable[..., Job]) -> None:
    with pytest.raises(PixmendError, match=r"a/x.jpg and a/x.png: both results would be .*out/a/x.webp \(and 1 more"):
        job("a/x.png", "a/x.jpg", "a/y.png", "a/y.bmp", format="webp")


def test_a_gif_and_a_png_of_one_stem_are_refused(job: Callable[..., Job]) -> None:
    with pytest.raises(PixmendError, match="a.gif and a.png: both results would be"):
        job("a.png", "a.gif")


def test_a_folder_without_pictures_is_refused(job: Callable[..., Job]) -> None:
    with pytest.raises(PixmendError, match="no pictures in it or below: expected files ending in .png"):
        job("notes.txt")


@pytest.mark.parametrize("source", ["none", "a.png"])
def test_what_is_no_folder_is_refused(source: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    with pytest.raises(PixmendError, match="no such folder|is no folder"):
        plan_job(tmp_path / source, tmp_path / "out")


def test_results_that_exist_are_refused_unless_allowed(job: Callable[..., Job], tmp_path: Path) -> None:
    touch(tmp_path, "out/b/2.png", "out/b/10.png")
    with pytest.raises(PixmendError, match=r"out/b/2.png: exists already \(and 1 more\): give --skip-existing"):
        job("a.png", "b/2.png", "b/10.png")
    assert job(force=True).force and job(skip_existing=True).skip_existing


def test_results_inside_the_folder_are_not_pictures_of_it(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "in/out/a.png", "in/out/b/c.png")
    made = plan_job(tmp_path / "in", tmp_path / "in/out", force=True)
    assert names(tuple(item.name for item in made.items)) == ["a.png"]


def test_another_programs_list_of_failures_is_never_replaced(job: Callable[..., Job], tmp_path: Path) -> None:
    touch(tmp_path, "out/failures.json")
    with pytest.raises(PixmendError, match="failures.json: is not of this command"):
        job("a.png", force=True)


def test_pictures_are_never_replaced(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "up/b/b/x.png", "up/b/x.png", "linked/c.png")
    (tmp_path / "out").mkdir()
    os.link(tmp_path / "linked/c.png", tmp_path / "out/c.png")
    for source, out in (("in", "in"), ("in", "in/../in"), ("up/b", "up"), ("linked", "out")):
        with pytest.raises(PixmendError, match="never replaced"):
            plan_job(tmp_path / source, tmp_path / out, force=True)


# What is remembered


def add(out: Path, *targets: str) -> None:
    with open_journal(out) as journal:
        for target in targets:
            journal.add(Path(target), picture="p", job="j", result=f"r{target}")


def known(out: Path, *targets: str) -> list[bool]:
    with open_journal(out) as journal:
        return [journal.made_of(Path(target), result=f"r{target}") == ("p", "j") for target in targets]


def test_a_journal_remembers_what_was_made_of_what(tmp_path: Path) -> None:
    add(tmp_path, "a.png")
    add(tmp_path, "ü/b.png")
    assert known(tmp_path, "a.png", "ü/b.png", "c.png") == [True, True, False]


@pytest.mark.parametrize("left", range(1, 60, 7))
def test_a_journal_cut_short_anywhere_keeps_its_whole_lines_and_goes_on(left: int, tmp_path: Path) -> None:
    add(tmp_path, "a.png", "b.png")
    path = tmp_path / PLACE / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-left])
    assert known(tmp_path, "a.png", "b.png") == [True, False]
    add(tmp_path, "c.png")
    assert known(tmp_path, "a.png", "b.png", "c.png") == [True, False, True]


def test_a_spoilt_line_in_the_middle_costs_its_picture_alone(tmp_path: Path) -> None:
    add(tmp_path, "a.png", "b.png", "c.png")
    path = tmp_path / PLACE / "journal.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], bytes(len(lines[2])), *lines[3:]]))
    assert known(tmp_path, "a.png", "b.png", "c.png") == [True, False, True]


def test_looking_a_journal_up_makes_and_changes_nothing(tmp_path: Path) -> None:
    assert look_up(tmp_path / "out").made_of(Path("a.png"), result="ra.png") is None
    assert not (tmp_path / "out").exists()
    add(tmp_path, "a.png", "b.png")
    path = tmp_path / PLACE / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    touch(tmp_path, f"{PLACE}/abc.png")
    before = path.read_bytes()
    assert look_up(tmp_path).made_of(Path("a.png"), result="ra.png") == ("p", "j")
    assert path.read_bytes() == before and (tmp_path / PLACE / "abc.png").exists()


def test_another_file_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    touch(tmp_path, f"{PLACE}/journal.jsonl")
    (tmp_path / PLACE / "journal.jsonl").write_text("my diary\n")
    with pytest.raises(PixmendError, match="is no journal of this version"), open_journal(tmp_path):
        pass


def test_two_jobs_cannot_write_into_one_folder(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path),
        pytest.raises(PixmendError, match="another pixmend is writing its results here"),
        open_journal(tmp_path),
    ):
        pass


def test_what_a_killed_job_left_is_removed(tmp_path: Path) -> None:
    add(tmp_path, "a.png")
    touch(tmp_path, f"{PLACE}/abc.png", f"{PLACE}/.pixmend-12.part")
    assert known(tmp_path, "a.png") == [True]
    assert [path.name for path in (tmp_path / PLACE).iterdir()] == ["journal.jsonl"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "file")
    with pytest.raises(PixmendError, match="cannot be written"), open_journal(tmp_path / "file/out"):
        pass


# How much is held


def shares(pictures: int) -> Shares:
    return Shares(base=0, work=0, pictures=pictures)


def test_pictures_wait_for_room_in_their_order() -> None:
    flight, seen = Flight(lambda: shares(100)), list[int]()

    def fly(number: int, wanted: int | None) -> None:
        with flight.seat(wanted):
            seen.append(number)

    with flight.seat(60):
        threads = [threading.Thread(target=fly, args=(number, wanted)) for number, wanted in enumerate((None, 30))]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        assert seen == []
    for thread in threads:
        thread.join()
    assert seen == [0, 1]


def test_a_picture_for_which_there_is_never_room_is_refused() -> None:
    with pytest.raises(PixmendError, match="takes 101 MB of memory, 100 MB are there for pictures: allow more, or"):
        Flight(lambda: shares(10**8)).seat(101 * 10**6).__enter__()


def test_nobody_waits_for_a_flight_that_is_closed() -> None:
    flight = Flight(lambda: shares(100))
    with flight.seat(100):
        flight.close()
        with pytest.raises(Stopped):
            flight.seat(1).__enter__()


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_the_size_of_a_picture_is_that_of_the_upright_one(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert size_of(tmp_path / "a.jpg") == ((30, 20) if orientation == 6 else (20, 30))
    touch(tmp_path, "b.jpg")
    assert size_of(tmp_path / "b.jpg") is None


def test_the_fingerprint_of_a_network_is_that_of_its_numbers() -> None:
    torch.manual_seed(0)
    network = pixmend.create("rcdnet")
    before = fingerprint(network.select(None))
    assert before == fingerprint(network.select(None)) == network_fingerprint(network.select(None))
    with torch.no_grad():
        next(network.parameters()).flatten()[0] += 1e-6
    assert fingerprint(network.select(None)) != before
