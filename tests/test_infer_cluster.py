"""A folder job on a cluster: whoever dies in the middle, every picture is done once and told once."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

import small
from pixmend.errors import PixmendError
from pixmend.image import WriteOptions, read_image, read_provenance
from pixmend.infer.cluster import ClusterJob, ClusterRun, Making, Place, plan_cluster, restore_cluster
from pixmend.infer.cluster.ledger import Ledger, Made
from pixmend.infer.cluster.listing import Chunk, chunks, units
from pixmend.infer.cluster.setup import Setup
from pixmend.infer.cluster.telling import Told
from pixmend.infer.cluster.worker import TRIES, Worker
from pixmend.infer.folder import FAILURES, Record, restore_folder
from pixmend.infer.folder.journal import PLACE
from pixmend.infer.pipeline import Pipeline
from pixmend.models import build
from pixmend.models.base import MultiTask, Restorer

pytest.importorskip("fsspec")


class Darker(Restorer):
    """Twice as large and half as bright."""

    scale, multiple = 2, 8

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        self.seconds = seconds
        self.share = torch.nn.Parameter(torch.tensor(0.5))
        self.calls = 0

    def restore(self, x: Tensor) -> Tensor:
        self.calls += x.shape[-1] > 64  # and not what tells how much memory it takes
        time.sleep(self.seconds)
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2) * self.share


class Killed(BaseException):
    """As if the process had died."""


class Deadly(Darker):
    """Kills its worker with every white picture, or with the one of this number."""

    def __init__(self, *, at: int = 0, really: bool = False) -> None:
        super().__init__()
        self.at, self.really = at, really

    def restore(self, x: Tensor) -> Tensor:
        result = super().restore(x)
        if x.shape[-1] > 64 and (self.calls == self.at or (not self.at and x.min() > 0.95)):
            if self.really:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed
        return result


def picture(seed: int, *, size: tuple[int, int] = (20, 30)) -> Image.Image:
    values = torch.randint(0, 256, (*size, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Image.fromarray(values.numpy())


def white(size: tuple[int, int] = (20, 30)) -> Image.Image:
    values = torch.randint(250, 256, (*size, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Image.fromarray(values.numpy())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight pictures in a tree, of several formats and sizes."""
    for number in range(8):
        name = f"in/{'ab c'[number % 3]}/{number}{('.png', '.jpg', '.bmp')[number % 3]}"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(number, size=(20 + number // 4, 70)).save(tmp_path / name)
    return tmp_path


def worker(
    job: ClusterJob, network: Restorer | MultiTask | None = None, *, run: str = "first", **options: object
) -> Worker:
    setup = Setup(
        job=job,
        run=run,
        make=lambda network, device, memory: Making(
            pipeline=Pipeline(network, device=device, **options),  # type: ignore[arg-type]
            facts=lambda pipeline: {"model": "darker"},
        ),
        device="cpu",
    )
    return Worker(setup, network or Darker())


def listed(job: ClusterJob, *, size: int = 16) -> list[Chunk]:
    source, naming = job.source, job.naming
    return [chunk for unit in units(source, naming) for chunk in chunks(source, unit, naming, size=size)]


def work(job: ClusterJob, network: Restorer | MultiTask | None = None, **options: object) -> dict[str, Record]:
    """The job in one process, without Ray."""
    one = worker(job, network, **options)  # type: ignore[arg-type]
    records = [record for chunk in listed(job) for record in one.see_through(chunk).records]
    return {record.path.as_posix(): record for record in records}


def results(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and PLACE not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def statuses(records: dict[str, Record]) -> list[str]:
    return sorted({record.status for record in records.values()})


def plan(folder: Path, **options: object) -> ClusterJob:
    return plan_cluster(str(folder / "in"), str(folder / "out"), **options)  # type: ignore[arg-type]


# What is found


def test_chunks_have_the_pictures_of_a_tree_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    for name in ("10.png", "2.png", "b/1.JPG", "b/c/7.tif", ".hidden.png", "b/text.txt", ".folder/3.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    found = listed(plan(tmp_path), size=2)
    assert [name for chunk in found for name, _ in chunk.items] == ["2.png", "10.png", "b/1.JPG", "b/c/7.tif"]
    assert all(len(chunk.items) <= 2 for chunk in found)
    assert (sum(chunk.hidden for chunk in found), sum(chunk.others for chunk in found)) == (2, 1)


def test_a_chunk_travels_as_text(folder: Path) -> None:
    (folder / "in/a/0.jpg").touch()
    for chunk in listed(plan(folder, format="png"), size=2):
        assert Chunk.of(chunk.text()) == chunk


def test_results_are_named_as_in_a_folder_job(folder: Path) -> None:
    picture(0).save(folder / "in/1.gif")
    targets = {name: target for chunk in listed(plan(folder)) for name, target in chunk.items}
    assert targets["1.gif"] == "1.png" and targets["b/1.jpg"] == "b/1.jpg"
    targets = {name: target for chunk in listed(plan(folder, format="webp")) for name, target in chunk.items}
    assert targets["b/1.jpg"] == "b/1.webp"


def test_pictures_whose_results_would_have_one_name_both_fail_and_nothing_is_written(folder: Path) -> None:
    picture(0).save(folder / "in/a/0.jpg")
    records = work(plan(folder, format="png"))
    for name in ("a/0.png", "a/0.jpg"):
        assert "0.jpg and a/0.png would have one name" in (records[name].reason or "")
    assert "a/0.png" not in results(folder / "out") and len(results(folder / "out")) == 7


def test_links_are_followed_and_never_in_a_circle(folder: Path) -> None:
    (folder / "in/a/up").symlink_to(folder / "in")
    (folder / "elsewhere").mkdir()
    picture(1).save(folder / "elsewhere/x.png")
    (folder / "in/more").symlink_to(folder / "elsewhere")
    names = [name for chunk in listed(plan(folder)) for name, _ in chunk.items]
    assert len(names) == 9 and "more/x.png" in names


def test_a_folder_that_cannot_be_looked_into_is_a_failure(folder: Path) -> None:
    job = plan(folder)
    (unit,) = (unit for unit in units(job.source, job.naming) if unit.folder == "b")
    shutil.rmtree(folder / "in/b")
    (chunk,) = chunks(job.source, unit, job.naming, size=4)
    assert chunk.failed[0][:2] == ("b", "b") and "cannot be looked into" in chunk.failed[0][2]


def test_a_link_to_itself_is_a_failure_of_its_own(folder: Path) -> None:
    (folder / "in/b/loop.png").symlink_to(folder / "in/b/loop.png")
    records = work(plan(folder))
    assert [name for name, record in records.items() if record.status == "failed"] == ["b/loop.png"]
    assert "symbolic links" in (records["b/loop.png"].reason or "") and len(records) == 9


@pytest.mark.parametrize("there", [True, False])
def test_results_inside_the_pictures_are_not_pictures(there: bool, folder: Path) -> None:
    if there:
        shutil.copytree(folder / "in/a", folder / "in/out")
    job = plan_cluster(str(folder / "in"), str(folder / "in/out"), force=True)
    if not there:
        shutil.copytree(folder / "in/a", folder / "in/out")
    assert sum(len(chunk.items) for chunk in listed(job)) == 8


# What is refused before the work


@pytest.mark.parametrize(
    ("source", "out", "options", "says"),
    [
        ("nowhere", "out", {}, "no such folder"),
        ("in/a/0.png", "out", {}, "is a file, and a cluster is for folders"),
        ("in", "in", {}, "is or holds the folder of the pictures"),
        ("in/a", "in", {"force": True}, "is or holds the folder of the pictures"),
        ("in", "in/a/0.png", {"force": True}, "is a file"),
        ("in", "in/a", {}, "is not empty: give --skip-existing"),
        ("in", "out", {"format": "doc"}, "cannot be written"),
        ("nosuch://in", "out", {}, "cannot be opened"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(
    source: str, out: str, options: dict[str, object], says: str, folder: Path
) -> None:
    here = source if ":" in source else str(folder / source)
    with pytest.raises(PixmendError, match=says):
        plan_cluster(here, str(folder / out), **options)  # type: ignore[arg-type]


def test_a_foreign_list_of_failures_is_never_replaced(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / FAILURES).write_text("mine")
    with pytest.raises(PixmendError, match="is not of this command"):
        plan(folder, force=True)


# What a worker does


@pytest.mark.parametrize("family", small.SMALL)
def test_what_a_worker_makes_is_byte_for_byte_what_a_folder_job_makes(family: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2):
        picture(number, size=(9, 12 + number)).save(tmp_path / f"in/{number}.png")
    torch.manual_seed(0)
    network = build(small.SMALL[family])
    task = network.tasks[-1] if network.tasks else None
    records = work(plan(tmp_path), network, task=task)
    assert statuses(records) == ["done"]
    fix = Pipeline(network, task=task, device="cpu")
    for record in restore_folder(fix, tmp_path / "in", tmp_path / "alone"):
        made = read_image(tmp_path / "out" / record.target)
        assert torch.equal(made, read_image(tmp_path / "alone" / record.target))


def test_an_object_store_is_read_and_written_like_a_folder(folder: Path) -> None:
    name = uuid.uuid4().hex
    source, out = Place(f"memory://{name}/in"), Place(f"memory://{name}/out")
    for each, content in results(folder / "in").items():
        source.write(each, content)
    job = plan_cluster(str(source), str(out))
    records = work(job)
    assert statuses(records) == ["done"] and len(records) == 8
    work(plan(folder))
    for each, content in results(folder / "out").items():
        assert out.read(each) == content
    again, network = plan_cluster(str(source), str(out), skip_existing=True), Darker()
    assert statuses(work(again, network, run="second")) == ["skipped"] and network.calls == 0


def test_a_result_says_how_it_was_made(folder: Path) -> None:
    work(plan(folder))
    facts = read_provenance(folder / "out/a/0.png") or {}
    assert (facts["picture"], facts["model"], len(facts["sha256"])) == ("0.png", "darker", 64)


def test_options_of_writing_are_kept(folder: Path) -> None:
    work(plan(folder, format="jpg", options=WriteOptions(quality=20)))
    coarse = results(folder / "out")
    shutil.rmtree(folder / "out")
    work(plan(folder, format="jpg", options=WriteOptions(quality=90)))
    assert all(len(content) > len(coarse[name]) for name, content in results(folder / "out").items())


def test_a_bad_file_is_a_record_with_its_reason_and_the_others_are_done(folder: Path) -> None:
    (folder / "in/a/3.png").write_bytes(b"")
    (folder / "in/gone.png").symlink_to("nowhere")
    picture(1).convert("RGBA").save(folder / "in/clear.png")
    records = work(plan(folder, format="jpg"))
    failed = {name: record.reason for name, record in records.items() if record.status == "failed"}
    assert failed == {
        "a/3.png": "the file is empty (0 bytes)",
        "gone.png": "cannot be read: No such file or directory",
        "clear.png": "JPEG cannot store transparency: use .png, .webp or .tif",
    }
    assert len(results(folder / "out")) == 7


def test_what_is_odd_is_told_with_the_picture(folder: Path) -> None:
    class Same(Darker):
        scale = 1

        def restore(self, x: Tensor) -> Tensor:
            return x * (self.share / self.share)

    records = work(plan(folder), Same())
    assert all("the picture itself" in record.warnings[0] for record in records.values())


# What is skipped, and what is done again


@pytest.mark.parametrize("change", ["nothing", "picture", "network", "options", "result removed"])
def test_with_skip_existing_only_what_is_the_same_is_skipped(change: str, folder: Path) -> None:
    work(plan(folder))
    network, options = Darker(), WriteOptions()
    if change == "picture":
        picture(99).save(folder / "in/a/0.png")
    elif change == "result removed":
        (folder / "out/a/0.png").unlink()
    elif change == "network":
        network.share.data += 0.01
    elif change == "options":
        options = WriteOptions(strip=True)
    records = work(plan(folder, skip_existing=True, options=options), network, run="second")
    done = [name for name, record in records.items() if record.status == "done"]
    expected = {"nothing": [], "picture": ["a/0.png"], "result removed": ["a/0.png"]}
    assert done == expected.get(change, list(records)) and len(records) == 8


def test_what_a_folder_job_has_done_is_skipped(folder: Path) -> None:
    for _ in restore_folder(Pipeline(Darker(), device="cpu"), folder / "in", folder / "out"):
        pass
    assert statuses(work(plan(folder, skip_existing=True))) == ["skipped"]


def test_a_file_that_is_no_result_is_never_replaced_without_force(folder: Path) -> None:
    work(plan(folder))
    (folder / "out/a/0.png").write_bytes(b"mine")
    record = work(plan(folder, skip_existing=True), run="second")["a/0.png"]
    assert record.status == "failed" and "is none of this command's" in (record.reason or "")
    assert (folder / "out/a/0.png").read_bytes() == b"mine"
    records = work(plan(folder, skip_existing=True, force=True), run="third")
    assert records.pop("a/0.png").status == "done" and statuses(records) == ["skipped"]


def test_killed_before_a_new_result_is_in_place_the_old_one_is_still_known(tmp_path: Path) -> None:
    ledger = Ledger(out=Place(str(tmp_path)))
    old, new = (Made(picture="p", job=run, result=f"{run} digest", run=run) for run in ("old", "new"))
    ledger.write("a.png", old, there=None)
    ledger.write("a.png", new, there="old digest")
    assert ledger.read("a.png", result="old digest") == old and ledger.read("a.png", result="new digest") == new
    assert ledger.read("a.png", result="another") is None


# When workers die


def test_what_a_dead_worker_has_finished_is_told_as_it_was_and_not_done_again(folder: Path) -> None:
    for path in (folder / "in").rglob("*.bmp"):
        path.rename(folder / "in/a" / path.name)
    job = plan(folder)
    (chunk,) = (chunk for chunk in listed(job) if len(chunk.items) > 3)
    with pytest.raises(Killed):
        worker(job, Deadly(at=3)).see_through(chunk)
    before = results(folder / "out")
    network = Deadly(at=99)
    records = worker(job, network).see_through(chunk).records
    assert len(before) == 2 and network.calls == len(chunk.items) - 2
    assert [record.path.as_posix() for record in records] == [name for name, _ in chunk.items]
    assert {record.status for record in records} == {"done"}
    assert all(results(folder / "out")[name] == content for name, content in before.items())


def test_told_again_a_finished_chunk_is_the_same_and_nothing_is_computed(folder: Path) -> None:
    job, network = plan(folder), Darker()
    first = [worker(job).see_through(chunk) for chunk in listed(job)]
    again = [Told.of(worker(job, network).see_through(chunk).text()) for chunk in listed(job)]
    assert [[r.plain() for r in told.records] for told in first] == [
        [r.plain() for r in told.records] for told in again
    ]
    assert network.calls == 0


def test_a_picture_that_kills_every_worker_fails_alone_and_others_for_their_own_reasons(folder: Path) -> None:
    white(size=(20, 70)).save(folder / "in/a/3.png")
    (folder / "in/a/0.png").write_bytes(b"")
    job = plan(folder)
    chunk = next(chunk for chunk in listed(job) if ("a/3.png", "a/3.png") in chunk.items)
    deaths, told = 0, None
    while told is None and deaths < 10:
        try:
            told = worker(job, Deadly()).see_through(chunk)
        except Killed:
            deaths += 1
    assert deaths == TRIES and told is not None
    failed = [record for record in told.records if record.status == "failed"]
    assert {record.path.as_posix(): record.reason for record in failed} == {
        "a/0.png": "the file is empty (0 bytes)",
        "a/3.png": "3 workers have died while they restored it: it is left out",
    }


# On Ray


@pytest.fixture(scope="module")
def ray() -> Iterator[object]:
    """Two processors, for all tests here."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if "ray" not in sys.modules:  # which reads them once
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=uuid.uuid4().hex)
    found = pytest.importorskip("ray")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    found.init(num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False)
    yield found
    found.shutdown()


def pids(pattern: str, *, of: int | None = None) -> list[int]:
    """Of the processes below this one, or the one given, whose titles begin so."""
    root = of or os.getpid()
    parents = {int(path.name): path for path in Path("/proc").iterdir() if path.name.isdecimal()}
    found = []
    for process, path in parents.items():
        try:
            title, above = (path / "cmdline").read_bytes(), process
            while above > 1 and above != root:
                above = int((Path("/proc") / str(above) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if title.startswith(pattern.encode()) and above == root:
            found.append(process)
    return found


def test_ray_does_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
    (folder / "in/bad.png").touch()
    (folder / "in/text.txt").touch()
    run = ClusterRun(plan(folder), Darker(), cores=1)  # each worker takes seconds to begin
    records = list(run)
    assert sorted(record.status for record in records) == ["done"] * 8 + ["failed"] and run.others == 1
    left = {path.name for path in (folder / "out" / PLACE).iterdir()}
    assert left == {"made", "journal.jsonl"} and (folder / "out" / FAILURES).exists()
    alone = folder / "alone"
    assert len([r for r in restore_folder(Pipeline(Darker(), device="cpu"), folder / "in", alone) if not r.reason]) == 8
    for name in results(alone):
        assert name == FAILURES or torch.equal(read_image(folder / "out" / name), read_image(alone / name))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_workers_that_are_killed_lose_nothing_and_repeat_nothing(ray: object, folder: Path) -> None:
    for number in range(40):
        picture(number).save(folder / f"in/{number}.png")
    job, killed = plan(folder), set()

    def kill() -> None:
        while len(killed) < 2:
            time.sleep(0.5)
            if len(results(folder / "out")) > 8 * (len(killed) + 1):
                for process in pids("ray::MapWorker")[:1]:
                    os.kill(process, signal.SIGKILL)
                    killed.add(process)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    records = list(ClusterRun(job, Darker(0.2), chunk=6))
    assert len(killed) == 2 and {record.status for record in records} == {"done"}
    names = [record.path.as_posix() for record in records]
    assert sorted(names) == sorted(set(names)) and len(names) == 48
    assert set(results(folder / "out")) == {record.target.as_posix() for record in records}
    assert all(read_image(folder / "out" / name).shape[1] in (40, 42) for name in results(folder / "out"))


def lives(process: int) -> bool:
    """And does not only wait to be counted."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
from test_infer_cluster import Darker
from pixmend.infer.cluster import ClusterRun, plan_cluster
for record in ClusterRun(plan_cluster(sys.argv[1], sys.argv[2], skip_existing=True), Darker(0.2), chunk=4):
    print(record.status, flush=True)
"""


@pytest.mark.slow
def test_killed_as_a_whole_it_goes_on_and_leaves_no_worker(folder: Path) -> None:
    pytest.importorskip("ray")
    for number in range(24):
        picture(number).save(folder / f"in/{number}.png")
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": here}
    command = [sys.executable, "-c", SCRIPT.format(paths=[here]), str(folder / "in"), str(folder / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline() == b"done\n"
        below = pids("ray::MapWorker", of=process.pid)
        process.kill()
    done = len(results(folder / "out"))
    assert 0 < done < 32
    deadline = time.monotonic() + 60
    while (left := list(filter(lives, below))) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert below and not left
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment).stdout.split()
    assert len(told) == 32 and set(told) == {"done", "skipped"} and told.count("skipped") >= done - 2
    assert len(results(folder / "out")) == 32


@pytest.mark.slow
def test_a_deadly_picture_ends_as_one_failure_on_ray_too(ray: object, folder: Path) -> None:
    white(size=(20, 70)).save(folder / "in/white.png")
    records = list(restore_cluster(Deadly(really=True), folder / "in", folder / "out"))
    failed = [record for record in records if record.status == "failed"]
    assert [record.path.name for record in failed] == ["white.png"] and len(records) == 9
    assert "3 workers have died" in (failed[0].reason or "")


@pytest.mark.slow
def test_told_to_stop_it_stops_and_goes_on_later(ray: object, folder: Path) -> None:
    seen: list[Record] = []
    for record in ClusterRun(plan(folder), Darker(0.1), chunk=1, stop=lambda: len(seen) >= 2):
        seen.append(record)
    assert 2 <= len(seen) < 8
    records = list(restore_cluster(Darker(0.1), folder / "in", folder / "out", skip_existing=True))
    assert len(records) == 8 and [r.status for r in records].count("skipped") >= len(seen)
    assert {r.status for r in records} == {"done", "skipped"}


def test_what_a_pipeline_refuses_is_said_before_the_work(folder: Path) -> None:
    with pytest.raises(PixmendError, match="sr_x9"):
        restore_cluster(Darker(), folder / "in", folder / "out", task="sr_x9")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}"])
def test_an_address_where_nobody_listens_is_told_at_once_and_nothing_is_written(address: str, folder: Path) -> None:
    with socket.socket() as taken:  # and not listened at
        taken.bind(("127.0.0.1", 0))
        where = address.format(port=taken.getsockname()[1])
        with pytest.raises(PixmendError, match=f"cluster {where}: cannot be reached"):
            list(restore_cluster(Darker(), folder / "in", folder / "out", address=where))
    assert not (folder / "out").exists()


def test_what_a_killed_job_left_is_removed_by_the_next_one(folder: Path) -> None:
    job = plan(folder)
    for name in ("a1b2.png", "work/dead/x.json", "made/aa/bb/c.json"):
        job.out.write(f"{PLACE}/{name}", b"{}")
    ClusterRun(job, Darker())._tidy()
    assert [path.name for path in (folder / "out" / PLACE).iterdir()] == ["made"]


def test_without_ray_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PixmendError, match=r"pip install 'pixmend\[cluster\]'"):
        list(restore_cluster(Darker(), folder / "in", folder / "out"))
