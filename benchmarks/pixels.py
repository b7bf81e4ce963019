"""What goes into a picture file and what comes out: format x depth x channels x transparency x metadata.

``python benchmarks/pixels.py PICTURE`` writes the picture in every way there is, reads it back, compares, times and
weighs, prints the tables and keeps them in results/pixels.json. ``... PICTURE --figure FILE.png`` draws what becomes of
a cut-out shape besides.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch
from machine import keep
from torch import Tensor

import pixmend as pm
from pixmend.image import Picture, WriteOptions, read_picture, read_provenance, write_picture
from pixmend.infer.picture import restore_picture

WAYS = (
    (".png", {}),
    (".tif", {}),
    (".tif", {"compression": "none"}),
    (".webp", {"lossless": True}),
    (".webp", {}),
    (".avif", {"lossless": True}),
    (".avif", {}),
    (".jpg", {}),
    (".bmp", {}),
    (".pnm", {}),
)
KEPT = ("icc", "exif", "xmp", "dpi")


def example(image: Tensor, *, depth: int, channels: int, alpha: bool) -> Picture:
    """The picture with values that need all their bits, and everything that can travel with it."""
    from PIL import Image, ImageCms

    fine = (image + torch.rand(image.shape, generator=torch.Generator().manual_seed(1)) / 255).clamp(0, 1)
    highest = 2 ** min(depth, 16) - 1
    planes = (torch.cat([fine, fine.flip(0)])[:channels] * highest).round() / highest
    exif = Image.Exif()
    exif[271], exif[34853] = "Camera", {1: "N", 2: (1.0, 2.0, 3.0)}
    return Picture(
        pixels=planes,
        alpha=(fine[:1].flip(2) * highest).round() / highest if alpha else None,
        depth=depth,
        icc=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        exif=exif.tobytes(),
        xmp=b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>',
        dpi=(300.0, 300.0),
    )


def rows(image: Tensor, folder: Path) -> Iterator[dict[str, object]]:
    for (suffix, options), depth, channels, alpha in product(WAYS, (8, 16, 32), (1, 3, 5), (False, True)):
        if channels == 5 and alpha:
            continue
        before = example(image, depth=depth, channels=channels, alpha=alpha)
        path = folder / f"a{suffix}"
        row = {"format": suffix, **options, "depth": depth, "channels": channels, "alpha": alpha}
        started = time.process_time()
        try:
            write_picture(path, before, options=WriteOptions(**options), provenance={"model": "none"})
        except pm.PixmendError as error:
            yield row | {"refused": str(error).removeprefix(f"{path}: ")}
            continue
        written = time.process_time()
        after = read_picture(path)
        yield (
            row
            | compared(before, after)
            | {
                "provenance": read_provenance(path) == {"model": "none"},
                "write_s": round(written - started, 3),
                "read_s": round(time.process_time() - written, 3),
                "bytes": path.stat().st_size,
            }
        )


def compared(before: Picture, after: Picture) -> dict[str, object]:
    """The worst errors in levels of the depth, and what else is the same."""
    levels = 2 ** min(before.depth, 16) - 1
    colours = after.pixels
    if after.ranges is not None and before.ranges is None:
        whole = 1 if before.depth == 32 else levels
        low, high = torch.tensor(after.ranges)[..., None, None].unbind(1)
        colours = (colours * (high - low) + low) / whole
    worst = float((colours - before.pixels).abs().max()) * levels
    same = {name: getattr(after, name) is not None for name in KEPT}
    if before.alpha is not None and after.alpha is not None:
        same["alpha_worst"] = round(float((after.alpha - before.alpha).abs().max()) * levels, 3)
    return {"worst": round(worst, 3), "depth_out": after.depth, **same, "icc": after.icc == before.icc}


def table(found: list[dict[str, object]]) -> str:
    """Markdown: one line for each format and depth in colour with transparency where it can, else without."""
    lines = [
        "| format | bits | worst error | alpha | profile | EXIF | XMP | DPI | origin | write s | read s | MB |",
        "|---|--:|--:|--:|:-:|:-:|:-:|:-:|:-:|--:|--:|--:|",
    ]
    for row in found:
        opaque = row["format"] in (".jpg", ".bmp", ".pnm")
        if "refused" in row or row["channels"] != 3 or row["alpha"] == opaque:
            continue
        told = " lossless" if "lossless" in row else " uncompressed" if "compression" in row else ""
        yes = ["yes" if row[key] else "-" for key in (*KEPT, "provenance")]
        alpha = f"{row['alpha_worst']:g}" if "alpha_worst" in row else "-"
        numbers = f"{row['write_s']:.2f} | {row['read_s']:.2f} | {row['bytes'] / 1e6:.2f}"
        lines.append(
            f"| {row['format']}{told} | {row['depth']} | {row['worst']:g} | {alpha} | {' | '.join(yes)} | {numbers} |"
        )
    return "\n".join(lines)


def figure(path: Path) -> None:
    """A disc cut out with black under the transparency, enlarged twice: as it is fed, without and with bleeding."""
    from PIL import Image, ImageDraw

    from pixmend.image.ink import INK, PAPER, font

    fix = pm.Pipeline(pm.load("default"), task="sr_x2")
    axis = torch.arange(48) + 0.5 - 24
    alpha = (16 - torch.hypot(axis[:, None], axis)).clamp(0, 1)[None]
    red = torch.tensor([0.93, 0.35, 0.2])[:, None, None].expand(3, 48, 48)
    hidden = torch.where(alpha > 0, red, torch.zeros(()))
    after = restore_picture(fix, Picture(pixels=hidden, alpha=alpha))
    assert after.alpha is not None
    panels = {
        "input, 48 x 48, black where transparent": (hidden, alpha),
        "enlarged as it is: a rim, dark and grey": (fix(hidden).clamp(0, 1), after.alpha),
        "pixmend: colours bled outward first": (after.pixels.clamp(0, 1), after.alpha),
    }
    whole = fix(red.contiguous()).clamp(0, 1) * after.alpha + (1 - after.alpha)
    for title, (colours, clear) in list(panels.items())[1:]:
        off = (colours * clear + (1 - clear) - whole).abs().max() * 255
        print(f"{title}: {off:.2f} levels from the opaque disc, on white")
    sheet = Image.new("RGB", (3 * 330 + 30, 380), PAPER)
    for number, (title, (colours, clear)) in enumerate(panels.items()):
        shown = colours * clear + (1 - clear)
        values = shown.mul(255).round().byte().permute(1, 2, 0).numpy()
        side = values.shape[0]
        corner = Image.fromarray(values).crop((side // 2, side // 8, side * 7 // 8, side // 2))
        sheet.paste(corner.resize((300, 300), Image.Resampling.NEAREST), (30 + 330 * number, 50))
        ImageDraw.Draw(sheet).text((30 + 330 * number, 20), title, fill=INK, font=font(14))
    sheet.save(path)


def main() -> None:
    image = pm.read_image(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        found = list(rows(image, Path(folder)))
    keep("pixels", f"python benchmarks/pixels.py {Path(sys.argv[1]).name}", found)
    print(table(found))
    if "--figure" in sys.argv:
        figure(Path(sys.argv[sys.argv.index("--figure") + 1]))


if __name__ == "__main__":
    main()
