"""Write the lists of docs/reference/benchmarks.md from the code: ``python tools/benchmarks_page.py``."""

import textwrap
from pathlib import Path

from pixmend.evaluate.benchmarks import KNOWN, Known, layouts

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "benchmarks.md"
_USES = {
    "sr": "super-resolution",
    "dn": "denoising",
    "jpeg": "JPEG",
    "dr": "deraining",
    "deblur": "motion deblurring",
    "defocus": "defocus deblurring",
    "real": "a camera's noise",
}


def mark(name: str) -> str:
    return f"<!-- {name}, written by tools/benchmarks_page.py -->"


def row(entry: Known) -> str:
    """One set in the table."""
    sizes = " or ".join(f"{width} x {height}" for width, height in entry.sizes) or "several"
    cells = (
        entry.name,
        str(entry.pictures),
        sizes + (", grey" if entry.grey else ""),
        ", ".join(_USES[kind] for kind in entry.kinds),
        ", ".join(entry.aliases),
        entry.note,
        entry.source,
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def lists() -> dict[str, str]:
    """What stands between the two marks of each name."""
    head = ["| set | pictures | sizes | used for | also called | mind | source |", "|---|--:|---|---|---|---|---|"]
    text = (layouts.__doc__ or "").partition("::\n")[2]
    return {
        "the sets": "\n".join([*head, *map(row, KNOWN.values())]),
        "the layouts": f"```\n{textwrap.dedent(text).strip()}\n```",
    }


def page(text: str) -> str:
    """The page with its lists as the code has them."""
    for name, content in lists().items():
        before, _, rest = text.partition(mark(name))
        _, found, after = rest.partition(mark(name))
        if not found:
            raise SystemExit(f"{PAGE}: expected two marks {mark(name)}")
        text = f"{before}{mark(name)}\n\n{content}\n\n{mark(name)}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
