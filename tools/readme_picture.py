"""Draw the picture at the top of README.md with the bundled weights: ``python tools/readme_picture.py``."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import pixmend as pm
from pixmend.degrade import imresize, round8

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "images" / "before_after.jpg"
SIDE, GAP, CAPTION = 300, 8, 30
PANELS = (
    ("sign.png", "sr_x2", (60, 120), "enlarged 2x: bicubic, pixmend"),
    ("building_noisy.png", "dn_g25", (150, 100), "noise of sigma 25, and without"),
    ("building_rain.png", "dr_L", (120, 40), "rain, and without"),
)
"""Example, task, left and top of the crop in input pixels, caption."""


def main() -> None:
    network = pm.load("default")
    sheet = Image.new("RGB", (6 * SIDE + 5 * GAP, SIDE + CAPTION), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=18)
    for place, (file, task, (left, top), caption) in enumerate(PANELS):
        low = pm.read_image(ROOT / "examples" / file)
        restorer = pm.Pipeline(network, task=task)
        scale = restorer.scale
        window = (slice(None), slice(scale * top, scale * top + 150), slice(scale * left, scale * left + 150))
        for column, image in enumerate((imresize(low, scale=scale) if scale > 1 else low, restorer(low))):
            pixels = round8(image[window]).mul(255).byte().permute(1, 2, 0).numpy()
            x = (2 * place + column) * (SIDE + GAP)
            sheet.paste(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST), (x, 0))
        draw.text((2 * place * (SIDE + GAP), SIDE + 5), caption, fill="black", font=font)
    OUT.parent.mkdir(exist_ok=True)
    sheet.save(OUT, quality=92, subsampling=0)


if __name__ == "__main__":
    main()
