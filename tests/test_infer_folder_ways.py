"""What a folder takes is told and kept to, its pictures may go different ways, and results say how they were made."""

import threading
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import WriteOptions, read_image, read_provenance
from pixmend.infer.folder import FolderRun, Record, Way, forecast_job, plan_job
from pixmend.infer.folder.flight import Flight, Shares, bounded, bytes_of, share_memory
from pixmend.infer.memory import resident
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer
from pixmend.seeding import generator


class Darker(Restorer):
    """Three pixels for each along a side, half as bright."""

    scale, multiple = 3, 8

    def __init__(self) -> None:
        super().__init__()
        self.share = torch.nn.Parameter(torch.tensor(0.5))

    def restore(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(3, -1).repeat_interleave(3, -2) * self.share


def pipeline(**options: object) -> Pipeline:
    return Pipeline(Darker(), device="cpu", **options)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures."""
    (tmp_path / "in").mkdir()
    for number, size in enumerate([(40, 30), (100, 20), (250, 250), (250, 250)]):
        values = torch.randint(0, 256, (size[1], size[0], 3), generator=generator(number), dtype=torch.uint8)
        Image.fromarray(values.numpy()).save(tmp_path / f"in/{number}.png")
    return tmp_path


def tight(pixels: int) -> Pipeline:
    """One that has room for one such picture, and not for two."""
    fix = pipeline()
    shares = share_memory([fix])
    one = bytes_of((1, pixels), way=Way(pipeline=fix), target=Path("a.png"))
    return pipeline(max_memory=resident() + shares.work + one * 3 // 2)


# Memory


def test_pictures_that_fill_the_memory_are_done_one_after_another(folder: Path) -> None:
    found = list(FolderRun(plan_job(folder / "in", folder / "out"), [tight(62_500)]))
    assert [record.status for record in found] == ["done"] * 4, found


def test_a_picture_waits_until_the_others_leave_room_for_it() -> None:
    flight, order = Flight(lambda: Shares(base=0, work=0, pictures=10)), []

    def second() -> None:
        with flight.seat(6):
            order.append("second")

    with flight.seat(6):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_a_picture_that_is_too_large_for_the_memory_fails_and_the_others_are_done(folder: Path) -> None:
    Image.new("RGB", (500, 500)).save(folder / "in/large.png")
    found = {record.path.name: record for record in FolderRun(plan_job(folder / "in", folder / "out"), [tight(62_500)])}
    assert "are there for pictures: allow more, or restore it by itself" in (found.pop("large.png").reason or "")
    assert {record.status for record in found.values()} == {"done"}


def test_memory_for_no_tile_at_all_is_refused(folder: Path) -> None:
    fix, job = pipeline(max_memory=10**7), plan_job(folder / "in", folder / "out")
    with pytest.raises(PixmendError, match="of memory are too little"):
        forecast_job(job, [fix])
    assert all("of memory are too little" in (record.reason or "") for record in FolderRun(job, [fix]))


@pytest.mark.parametrize("grid", [8, 64])
def test_tiles_are_as_large_as_those_of_a_picture_alone(grid: int) -> None:
    network = Darker()
    network.multiple = grid
    alone = Pipeline(network, device="cpu")
    tiles = [fix.plan((900, 900)).steps[0].tile for fix in (alone, bounded(alone, share_memory([alone]).work))]
    assert tiles[0] == tiles[1]


# What will be


def test_a_forecast_tells_what_the_work_then_finds_and_writes_nothing(folder: Path) -> None:
    (folder / "in/empty.png").touch()
    job = plan_job(folder / "in", folder / "out")
    told = forecast_job(job, [pipeline()])
    assert not (folder / "out").exists()
    records = list(FolderRun(job, [pipeline()]))
    assert {path.name for path in told.todo} == {record.path.name for record in records if record.status == "done"}
    assert [(path.name, reason) for path, reason in told.failing] == [("empty.png", "its header cannot be read")]
    sizes = [read_image(folder / "out" / record.target).shape[1:].numel() for record in records if record.pixels]
    assert told.output_pixels == sum(sizes) == 9 * told.pixels and told.seconds > 0


def test_a_forecast_knows_what_is_done_already(folder: Path) -> None:
    fix = pipeline()
    list(FolderRun(plan_job(folder / "in", folder / "out"), [fix]))
    (folder / "out/1.png").unlink()
    (folder / "out/2.png").write_bytes(b"mine")
    told = forecast_job(plan_job(folder / "in", folder / "out", skip_existing=True), [fix])
    assert [path.name for path in told.todo] == ["1.png"] and [path.name for path in told.skipped] == ["0.png", "3.png"]
    assert "is none of this command's results" in told.failing[0][1]


# Ways


def half(pipeline: Pipeline, size: tuple[int, int]) -> Way:
    """The wide ones half as large again, the others as the pipeline makes them."""
    wide = size[1] > 2 * size[0]
    told = "is wide" if wide else None
    return Way(pipeline=pipeline, size=(size[0] * 3 // 2, size[1] * 3 // 2) if wide else None, told=told)


def run(folder: Path, **options: object) -> dict[str, Record]:
    job = plan_job(folder / "in", folder / "out", skip_existing=True)
    found = FolderRun(job, [pipeline()], **options)  # type: ignore[arg-type]
    return {record.path.name: record for record in found}


def test_each_picture_goes_its_own_way(folder: Path) -> None:
    records = run(folder, choose=half)
    assert read_image(folder / "out/0.png").shape == (3, 90, 120) and records["0.png"].warnings == ()
    assert read_image(folder / "out/1.png").shape == (3, 30, 150) and records["1.png"].warnings == ("is wide",)


def test_pictures_that_go_another_way_than_before_are_done_again_and_no_others(folder: Path) -> None:
    run(folder)
    assert {name for name, record in run(folder, choose=half).items() if record.status == "done"} == {"1.png"}
    assert {record.status for record in run(folder, choose=half).values()} == {"skipped"}


def test_an_upright_size_decides_where_the_file_is_turned(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    Image.new("RGB", (20, 80), (9, 99, 200)).save(folder / "in/turned.jpg", exif=exif)
    run(folder, choose=half)
    assert read_image(folder / "out/turned.jpg").shape == (3, 30, 120)
    assert run(folder, choose=half)["turned.jpg"].status == "skipped"


def test_results_say_how_they_were_made(folder: Path) -> None:
    asked: list[Pipeline] = []

    def facts(pipeline: Pipeline) -> dict[str, object]:
        asked.append(pipeline)
        return {"model": "mine"}

    run(folder, choose=half, facts=facts)
    wide, large = read_provenance(folder / "out/1.png"), read_provenance(folder / "out/2.png")
    assert wide is not None and large is not None and len(set(asked)) == 1
    assert (wide["model"], wide["picture"], wide["size"], wide["tile"]) == ("mine", "1.png", [30, 150], None)
    assert large["tile"] >= 64 and len(wide["sha256"]) == 64 and large["sha256"] != wide["sha256"]


def test_the_overlap_is_measured_for_each_picture_by_itself(folder: Path) -> None:
    fix = pipeline(overlap="measured")
    list(FolderRun(plan_job(folder / "in", folder / "out"), [fix]))
    assert "until it is measured" in str(fix.plan((250, 250)))
    alone = pipeline(overlap="measured")
    image = read_image(folder / "in/2.png")
    assert torch.allclose(read_image(folder / "out/2.png"), alone(image), atol=1 / 255)


def test_a_quality_is_for_those_formats_that_have_one(tmp_path: Path) -> None:
    pixels = (torch.rand(40, 40, 3, generator=generator(3)) * 255).to(torch.uint8).numpy()
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    sizes: list[int] = []
    for quality in (90, 20):
        job = plan_job(tmp_path / "in", tmp_path / f"{quality}", options=WriteOptions(quality=quality))
        told = list(FolderRun(job, [Pipeline(Darker(), device="cpu")], facts=lambda pipeline: {}))
        assert [record.status for record in told] == ["done", "done"]
        sizes.append((tmp_path / f"{quality}" / "b.jpg").stat().st_size)
    assert sizes[1] < sizes[0] / 2
    made = [read_provenance(tmp_path / "20" / name) for name in ("a.png", "b.jpg")]
    assert [facts and facts["options"] for facts in made] == [{}, {"quality": 20}]
