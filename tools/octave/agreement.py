"""Print how far the metrics and the resizing are from Octave's, on the golden values of tests/data/octave.

    python tools/octave/agreement.py

The largest absolute difference per function, as the table of docs/explain/matlab.md; the tests allow 1e-6.
"""

import sys
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"


def differences() -> dict[str, tuple[int, float]]:
    """Per function: how many values were compared, and the largest absolute difference."""
    sys.path.insert(0, str(TESTS))
    import octave

    found: dict[str, list[float]] = defaultdict(list)
    for metric, luma, border, value in octave.scores():
        kind = {"rgb": "RGB", "grey": "grey"}.get(luma, "luma")
        found[f"{metric.removesuffix('_swapped')}, {kind}"].append(abs(octave.score(metric, luma, border) - value))
    for name, ours, theirs in octave.lumas():
        found[f"rgb2ycbcr, {name}"] += (ours - theirs).abs().flatten().tolist()
    for scale, ours, theirs in octave.resized():
        found[f"imresize of doubles, {_ratio(scale)}"] += (ours - theirs).abs().flatten().tolist()
    for scale, ours, theirs in octave.resized_pictures():
        found[f"imresize of 8 bit, {_ratio(scale)}"] += (ours - theirs).abs().flatten().tolist()
    return {what: (len(values), max(values)) for what, values in found.items()}


def _ratio(scale: float) -> str:
    return f"x1/{round(1 / scale)}" if abs(1 / scale - round(1 / scale)) < 1e-9 else f"x{scale:g}"


def main() -> None:
    print("| function | values | largest difference |", "|---|--:|--:|", sep="\n")
    for what, (count, largest) in differences().items():
        print(f"| {what} | {count} | {f'{largest:.0e}' if largest else '0'} |")


if __name__ == "__main__":
    main()
