"""Make docs/explain/gallery.md, figures and all, from the bundled weights and examples: ``python tools/gallery.py``.

``python tools/gallery.py lam cka`` makes those figures anew. Everything takes some minutes on two cores.
"""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rich.progress import track

from pixmend.cli import run

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explain" / "gallery.md"
FIGURES = ROOT / "docs" / "images" / "gallery"
INTRO = """# Gallery

<!-- Written by tools/gallery.py: do not edit. -->

Every figure is drawn from the weights that ship with pixmend and the pictures in `examples/`, by the command above it,
which writes its arrays beside it as `.npz` too. The last line of each says the rest. `python tools/gallery.py` makes
the whole page again. Networks called *untrained* have random weights: they show what an architecture does by itself,
and nothing about what it would learn.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A figure of the page."""

    name: str
    title: str
    says: str
    """What to look at."""
    more: str
    """The page that explains it."""
    command: str
    """Arguments of ``pixmend analyze``."""


PIECES = (
    Piece(
        name="lam",
        title="What was this window made of?",
        says="Local attribution of one window of the result. Bicubic uses the pixels under its kernel and no others; "
        "the trained network looks a little further. A higher diffusion index is a wider look.",
        more="attribution.md",
        command="lam examples/sign.png --model bicubic --model default --model swinir_light --around 24",
    ),
    Piece(
        name="cka_tasks",
        title="Do two tasks share their layers?",
        says="Similarity (CKA) of every layer with every other in one network with a shared body: enlarging twice, "
        "removing noise, and one against the other.",
        more="similarity.md",
        command="cka examples --model default:sr_x2 --model default:dn_g25 --patches 128",
    ),
    Piece(
        name="field",
        title="How far does it see, and how far is a cut felt?",
        says="Above, the gradient of one pixel of the result with respect to the picture, in logarithmic colours; "
        "below, how much of it lies beyond a radius, and by how much a result changes near the border of a tile.",
        more="fields.md",
        command="field examples/sign.png --model bicubic --model default --model edsr_baseline",
    ),
    Piece(
        name="attention_distance",
        title="How far do its heads look?",
        says="Mean distance and evenness of every head by depth. Removing noise uses what attention can do; "
        "enlarging by the same body, where the nearest pixels matter most, hardly departs from even weights.",
        more="attention.md",
        command="attention examples/building_noisy.png --model default:dn_g25 --model default:sr_x2",
    ),
    Piece(
        name="attention",
        title="Where does one pixel look?",
        says="The attention of every head of one block from one place, inside its window.",
        more="attention.md",
        command="attention examples/building_noisy.png --model default:dn_g25 "
        "--layer body.layers.0.residual_group.blocks.1",
    ),
    Piece(
        name="features",
        title="Do windows show?",
        says="Features by depth, and how much more neighbours differ across the borders of windows than elsewhere.",
        more="artefacts.md",
        command="features examples/sign.png --model default --model swinir_light --crop 100,180,96,96",
    ),
    Piece(
        name="spectrum",
        title="Which frequencies do layers keep?",
        says="Log amplitudes of the features relative to their mean, by depth.",
        more="artefacts.md",
        command="spectrum examples/sign.png --model default --model swinir_light --crop 100,180,96,96",
    ),
    Piece(
        name="errors",
        title="Which frequencies are restored?",
        says="The spectrum of the error, beside that of the picture itself. Beyond the dashed line lies what the small "
        "picture cannot hold.",
        more="artefacts.md",
        command='errors examples/sign.png --model default --chain "bicubic(scale=2), round8"',
    ),
    Piece(
        name="fidelity",
        title="Where may it be invented?",
        says="What contradicts the input, what changes when the picture is turned, and how both compare with the true "
        "error, which is known here.",
        more="fidelity.md",
        command='fidelity examples/sign.png --chain "bicubic(scale=2), round8" --crop 20,20,120,160',
    ),
)


def main(names: list[str]) -> int:
    FIGURES.mkdir(parents=True, exist_ok=True)
    known = {piece.name: piece for piece in PIECES}
    chosen = [known[name] for name in names] if names else list(PIECES)
    for piece in track(chosen, description="drawing"):
        figure = FIGURES / f"{piece.name}.png"
        code = run(["analyze", *shlex.split(piece.command), "--out", str(figure), "--force"])
        if code:
            return code
        figure.with_suffix(".npz").unlink()  # anyone can make it again
        shrink(figure)
    PAGE.write_text(INTRO + "".join(map(section, PIECES)))
    return 0


def shrink(figure: Path) -> None:
    """To 256 colours, and a third of the bytes; what the file says of itself stays."""
    with Image.open(figure) as drawn:
        facts = PngInfo()
        for name, text in drawn.text.items():
            facts.add_text(name, text)
        drawn.convert("RGB").quantize(256).save(figure, optimize=True, pnginfo=facts)


def section(piece: Piece) -> str:
    figure = f"../images/gallery/{piece.name}.png"
    return (
        f"\n## {piece.title}\n\n{piece.says} [More]({piece.more}).\n\n"
        f"```sh\npixmend analyze {piece.command}\n```\n\n![{piece.title}]({figure})\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
