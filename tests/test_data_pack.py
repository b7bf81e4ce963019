"""``pack``: plain tar files with an index, whole or not at all, and the same however often it was interrupted."""

import hashlib
import json
import tarfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixmend as pm
from pixmend.data import Shards, pack
from pixmend.data.shard_index import read_index, read_members


def save(path, side=40, *, seed=0):
    pixels = torch.randint(256, (side, side, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.numpy()).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Nine pictures, of about 5,000 bytes each, and two broken ones."""
    root = tmp_path_factory.mktemp("pictures")
    for number in range(9):
        save(root / f"class {number % 3}/{number}.png", seed=number)
    (root / "class 0/0.1.jpg").write_bytes(b"")
    (root / "class 1/4b.png").write_bytes((root / "class 1/4.png").read_bytes()[:2000])
    return root


def contents(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_members_are_the_files_byte_for_byte_and_tar_reads_them(folder, tmp_path):
    index = pack(folder, tmp_path / "out", shard_size=18_000)
    found = {}
    for shard in index.shards:
        with tarfile.open(tmp_path / "out" / shard.file) as archive:
            members = archive.getmembers()
            assert len(members) == shard.members
            for member in members:
                file = archive.extractfile(member)
                assert file is not None
                found[member.name] = file.read()
    assert found == {f"class {n % 3}/{n}.png": (folder / f"class {n % 3}/{n}.png").read_bytes() for n in range(9)}


def test_the_index_tells_where_every_member_lies_and_what_it_is(folder, tmp_path):
    out = tmp_path / "out"
    index = pack(folder, out, shard_size=18_000)
    assert len(index.shards) == 3 and index.complete and read_index(out) == index
    for shard in index.shards:
        content = (out / shard.file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (shard.bytes, shard.sha256)
        assert shard.bytes <= 18_000
        members = read_members(out / shard.file)
        for name, at, size, digest in zip(members.names, members.offsets, members.sizes, members.sha256, strict=True):
            assert content[at : at + size] == (folder / name).read_bytes()
            assert hashlib.sha256(content[at : at + size]).hexdigest() == digest
        assert set(members.heights) == set(members.widths) == {40}


def test_broken_pictures_are_left_out_counted_and_listed(folder, tmp_path):
    index = pack(folder, tmp_path / "out")
    assert [(skipped.name.rpartition("/")[2], skipped.size) for skipped in index.skipped] == [
        ("0.1.jpg", None),
        ("4b.png", (40, 40)),
    ]
    assert "damaged or cut short" in index.skipped[1].why
    assert index.members == 9 and index.pictures == 11


@settings(max_examples=15, deadline=None)
@given(stops=st.lists(st.integers(1, 11), max_size=3), size=st.sampled_from([1, 6_000, 18_000, 10**9]))
def test_however_often_it_is_interrupted_the_shards_come_out_the_same(folder, tmp_path_factory, stops, size):
    whole, out = (tmp_path_factory.mktemp("out") / name for name in ("whole", "parts"))
    pack(folder, whole, shard_size=size)
    for stop in stops:

        def progress(done: int, total: int, stop: int = stop) -> None:
            if done == stop:
                raise KeyboardInterrupt

        try:
            pack(folder, out, shard_size=size, progress=progress)
        except KeyboardInterrupt:
            assert not any(path.name.endswith(".part") for path in out.iterdir())
    pack(folder, out, shard_size=size)
    assert contents(out) == contents(whole)


def test_what_a_kill_left_behind_is_replaced(folder, tmp_path):
    pack(folder, tmp_path / "whole", shard_size=18_000)
    out = tmp_path / "out"

    def kill(done: int, total: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(folder, out, shard_size=18_000, progress=kill)
    (out / "000001.tar.part").write_bytes(b"half of a shard")
    (out / "000001.json").write_text("half of")
    with pytest.raises(pm.PixmendError, match="packed in part: pixmend data pack goes on where it stopped"):
        Shards([out], smallest=8)
    pack(folder, out, shard_size=18_000)
    assert contents(out) == contents(tmp_path / "whole")


def test_packing_again_changes_nothing_and_reads_no_picture(folder, tmp_path):
    pack(folder, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    heard = []
    pack(folder, tmp_path / "out", progress=lambda done, total: heard.append((done, total)))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert heard == [(11, 11)]


def test_a_member_that_changed_on_the_disk_is_told_from_one_that_always_was_so(folder, tmp_path):
    out = tmp_path / "out"
    pack(folder, out)
    members = read_members(out / "000000.tar")
    content = bytearray((out / "000000.tar").read_bytes())
    content[members.offsets[2] : members.offsets[2] + 100] = bytes(100)
    (out / "000000.tar").write_bytes(content)
    source = Shards([out], smallest=8)
    index = next(index for index in range(len(source)) if source.name(index).endswith(members.names[2]))
    with pytest.raises(pm.PixmendError, match=r"000000\.tar/class 0/6\.png: no longer what was packed"):
        source.crop(index, 8, key=0)


def test_two_pictures_that_would_be_one_sample_are_refused(tmp_path):
    for name in ("a.b.png", "a_b.jpg"):
        save(tmp_path / "in" / name)
    with pytest.raises(pm.PixmendError, match=r"a\.b\.png and .*a_b\.jpg would both be the sample a_b"):
        pack(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_have_one_dot_since_webdataset_ends_them_at_the_first(tmp_path):
    save(tmp_path / "in/n.01/a.b.c.PNG")
    pack(tmp_path / "in", tmp_path / "out")
    assert read_members(tmp_path / "out/000000.tar").names == ["n.01/a_b_c.png"]


def test_a_name_longer_than_a_tar_header_survives(tmp_path):
    name = "directory/" * 12 + "ä" * 60 + ".png"
    save(tmp_path / "in" / name)
    pack(tmp_path / "in", tmp_path / "out")
    with tarfile.open(tmp_path / "out/000000.tar") as archive:
        assert archive.getnames() == [name]
    assert Shards([tmp_path / "out"], smallest=8).crop(0, 40, key=1).shape == (3, 40, 40)


def test_the_folder_must_stay_what_it_was_while_it_is_packed(folder, tmp_path):
    pack(folder, tmp_path / "out")
    save(tmp_path / "in/other.png")
    with pytest.raises(pm.PixmendError, match="holds shards of other pictures than are in"):
        pack(tmp_path / "in", tmp_path / "out")
    with pytest.raises(pm.PixmendError, match="was begun with a shard size of 1000000000"):
        pack(folder, tmp_path / "out", shard_size=5)


def test_shards_never_lie_among_the_pictures_or_among_other_files(tmp_path):
    save(tmp_path / "in/a.png")
    with pytest.raises(pm.PixmendError, match="lies in .*, among the pictures"):
        pack(tmp_path / "in", tmp_path / "in/out")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(pm.PixmendError, match="holds something else than shards"):
        pack(tmp_path / "in", tmp_path)
    (tmp_path / "out").touch()
    with pytest.raises(pm.PixmendError, match="out: cannot be written"):
        pack(tmp_path / "in", tmp_path / "out")


def test_a_full_disk_is_one_line_and_packing_goes_on_later(folder, tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
    try:
        with pytest.raises(pm.PixmendError, match="out: cannot be written"):
            pack(folder, tmp_path / "out", shard_size=18_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert pack(folder, tmp_path / "out", shard_size=18_000).complete


def test_nothing_to_pack_is_said(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(pm.PixmendError, match="in: no pictures to pack"):
        pack(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in/a.png").touch()
    with pytest.raises(pm.PixmendError, match=r"none of its 1 pictures can be read: .*a\.png"):
        pack(tmp_path / "in", tmp_path / "out")
    with pytest.raises(pm.PixmendError, match="expected a shard size of 1 byte or more, got 0"):
        pack(tmp_path / "in", tmp_path / "out", shard_size=0)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("000000.tar", b"short", r"000000\.tar: expected \d+ bytes, got 5: copy it again"),
        ("000000.tar", None, r"000000\.tar: cannot be read: No such file or directory: copy it again"),
        ("000000.json", b"{}", r"000000\.json: damaged: expected equally long lists of"),
        ("000000.json", b"[", r"000000\.json: damaged"),
        ("index.json", b'{"format": 2}', r"index\.json: expected format 1, got 2: update pixmend"),
        ("index.json", b'{"format": 1}', r"index\.json: damaged: expected a list of shards"),
    ],
)
def test_shards_that_were_damaged_on_the_way_are_refused_when_opened(folder, tmp_path, file, content, message):
    out = tmp_path / "out"
    pack(folder, out)
    if content is None:
        (out / file).unlink()
    else:
        (out / file).write_bytes(content)
    with pytest.raises(pm.PixmendError, match=message) as error:
        Shards([out], smallest=8)
    assert "\n" not in str(error.value)


def test_shards_of_small_pictures_alone_are_refused(folder, tmp_path):
    pack(folder, tmp_path / "out")
    with pytest.raises(pm.PixmendError, match="no usable picture of at least 41 x 41 pixels among 11 files"):
        Shards([tmp_path / "out"], smallest=41)


def test_an_unknown_field_of_the_index_is_named(folder, tmp_path):
    pack(folder, tmp_path / "out")
    plain = json.loads((tmp_path / "out/index.json").read_text())
    (tmp_path / "out/index.json").write_text(json.dumps(plain | {"colour": 1}))
    with pytest.raises(pm.PixmendError, match="colour"):
        Shards([tmp_path / "out"], smallest=8)
