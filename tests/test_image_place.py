"""GeoTIFF: every pixel of a result lies where the pixels that it was made of lay."""

import itertools

import numpy as np
import pytest
import tifffile
import torch

from pixmend.image import Picture, WriteOptions, read_picture, write_picture
from pixmend.image.bands import open_bands
from pixmend.image.bands_write import growing
from pixmend.infer.part import Box

AREA, POINT, ORIENTATION = 1, 2, 274
SCALE, TIEPOINTS, MATRIX, KEYS, NUMBERS, TEXTS, METADATA, NODATA = (
    33550,
    33922,
    34264,
    34735,
    34736,
    34737,
    42112,
    42113,
)
NORTH_UP = {SCALE: (10.0, 20.0, 0.0), TIEPOINTS: (0.0, 0.0, 0.0, 440_720.0, 3_751_320.0, 0.0)}
TURNED = {MATRIX: (8.0, 3.0, 0.0, 500.0, 2.0, -9.0, 0.0, 700.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)}
GROUND_POINTS = {
    TIEPOINTS: (0.0, 0.0, 0.0, 5.0, 50.0, 0.0, 12.0, 0.0, 0.0, 6.0, 50.5, 0.0, 0.0, 8.0, 0.0, 5.2, 49.0, 0.0)
}
KINDS = {SCALE: 12, TIEPOINTS: 12, MATRIX: 12, KEYS: 3, NUMBERS: 12, TEXTS: 2, METADATA: 2, NODATA: 2, ORIENTATION: 3}


def keys(raster_type):
    return (1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, raster_type, 1026, 34737, 5, 0, 2057, 34736, 1, 0)


def geotiff(path, where, raster_type=AREA, *, values=None):
    """12 x 8 pixels of noise."""
    if values is None:
        values = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    tags = {
        **where,
        KEYS: keys(raster_type),
        NUMBERS: (6378137.0,),
        TEXTS: "UTM |",
        NODATA: "0",
        METADATA: "<GDALMetadata/>",
    }
    extra = [(tag, KINDS[tag], 0 if KINDS[tag] == 2 else len(value), value, True) for tag, value in tags.items()]
    kind = "rgb" if values.shape[-1] == 3 else "minisblack"
    tifffile.imwrite(
        path, values, photometric=kind, planarconfig="contig" if values.ndim == 3 else None, extratags=extra
    )
    return path


def told(path):
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        return {tag: tags[tag].value for tag in KINDS.keys() - {ORIENTATION} if tag in tags}


def on_the_map(tags, x, y):
    """Of a place in the raster whose corner is (0, 0), as a reader of GeoTIFF finds it."""
    half = 0.5 if tags[KEYS][11] == POINT else 0.0
    x, y = x - half, y - half
    if MATRIX in tags:
        a, b, _, d, e, f, _, h = tags[MATRIX][:8]
        return a * x + b * y + d, e * x + f * y + h
    i, j, _, east, north, _ = tags[TIEPOINTS]
    return east + (x - i) * tags[SCALE][0], north - (y - j) * tags[SCALE][1]


def enlarged(picture, across, down):
    height, width = picture.pixels.shape[1:]
    size = (round(height * down), round(width * across))
    pixels = torch.nn.functional.interpolate(picture.pixels[None], size=size)[0]
    return Picture(pixels=pixels, depth=picture.depth, place=picture.place, ranges=picture.ranges)


@pytest.mark.parametrize("raster_type", [AREA, POINT])
@pytest.mark.parametrize("where", [NORTH_UP, TURNED])
@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 2), (3, 1.5)])
def test_every_place_of_an_enlarged_picture_is_where_it_was_on_the_map(tmp_path, where, raster_type, across, down):
    before = told(source := geotiff(tmp_path / "a.tif", where, raster_type))
    write_picture(tmp_path / "b.tif", enlarged(read_picture(source), across, down))
    after = told(tmp_path / "b.tif")
    for x, y in itertools.product((0, 5, 12), (0, 3, 8)):
        assert on_the_map(after, x * across, y * down) == pytest.approx(on_the_map(before, x, y), rel=1e-12)
    unmoved = {tag: before[tag] for tag in (KEYS, NUMBERS, TEXTS, METADATA, NODATA)}
    assert {tag: after[tag] for tag in unmoved} == unmoved


def test_points_on_the_ground_keep_their_pixels(tmp_path):
    source = geotiff(tmp_path / "a.tif", GROUND_POINTS)
    write_picture(tmp_path / "b.tif", enlarged(read_picture(source), 2, 3))
    before, after = (np.reshape(told(tmp_path / name)[TIEPOINTS], (-1, 6)) for name in ("a.tif", "b.tif"))
    assert np.array_equal(after[:, :2], before[:, :2] * (2, 3))
    assert np.array_equal(after[:, 2:], before[:, 2:])


@pytest.mark.parametrize(
    "values", [np.ones((8, 12, 3), np.uint16), np.ones((8, 12, 5), np.uint16), np.ones((8, 12), np.float32)]
)
def test_deep_pictures_and_those_of_many_channels_keep_their_place(tmp_path, values):
    source = geotiff(tmp_path / "a.tif", NORTH_UP, values=values)
    picture = read_picture(source)
    assert picture.notes == ()
    write_picture(tmp_path / "b.tif", picture)
    assert told(tmp_path / "b.tif") == told(source)


def test_what_is_said_of_values_is_left_out_with_another_depth(tmp_path):
    source = geotiff(tmp_path / "a.tif", NORTH_UP)
    write_picture(tmp_path / "b.tif", read_picture(source), options=WriteOptions(depth=16))
    assert not {METADATA, NODATA} & told(tmp_path / "b.tif").keys()
    assert told(tmp_path / "b.tif")[SCALE] == NORTH_UP[SCALE]


@pytest.mark.parametrize("raster_type", [AREA, POINT])
def test_a_part_of_an_enlarged_picture_lies_where_it_was_cut(tmp_path, raster_type):
    before = told(source := geotiff(tmp_path / "a.tif", NORTH_UP, raster_type))
    part = Box(left=4, top=2, width=6, height=10).cut(enlarged(read_picture(source), 2, 2))
    write_picture(tmp_path / "b.tif", part)
    for x, y in ((0, 0), (6, 10)):
        assert on_the_map(told(tmp_path / "b.tif"), x, y) == pytest.approx(on_the_map(before, 2 + x / 2, 1 + y / 2))


def test_a_part_read_from_the_file_lies_where_it_was_cut(tmp_path):
    pytest.importorskip("pyvips")
    before = told(source := geotiff(tmp_path / "a.tif", NORTH_UP))
    write_picture(tmp_path / "b.tif", open_bands(source).part(left=3, top=2, width=5, height=4))
    assert on_the_map(told(tmp_path / "b.tif"), 0, 0) == pytest.approx(on_the_map(before, 3, 2))


def test_written_row_by_row_it_is_what_it_is_written_at_once(tmp_path):
    pytest.importorskip("pyvips")
    source = geotiff(tmp_path / "a.tif", NORTH_UP, POINT)
    picture = enlarged(open_bands(source).picture, 2, 2)
    file = growing(picture, "b.tif", file_format="TIFF", options=WriteOptions(), rows=8)
    rows, _ = file.pack(np.zeros((16, 24, 3), np.uint8))
    (tmp_path / "b.tif").write_bytes(file.start() + rows)
    write_picture(tmp_path / "c.tif", picture)
    assert told(file.finish(tmp_path / "b.tif")) == told(tmp_path / "c.tif")


def test_a_format_without_maps_is_warned_of(tmp_path, caplog):
    write_picture(tmp_path / "b.png", read_picture(geotiff(tmp_path / "a.tif", NORTH_UP)))
    assert "written without its place on the map, which only TIFF holds" in caplog.text


def test_what_is_stored_turned_loses_its_place_and_says_so(tmp_path):
    picture = read_picture(geotiff(tmp_path / "a.tif", NORTH_UP | {ORIENTATION: (6,)}))
    assert picture.pixels.shape == (3, 12, 8) and picture.place is None
    assert picture.notes == ("its place on the map (GeoTIFF), turned or malformed, is not carried over",)
