"""Print how far every network's output is from its official code's, on the seeded weights of tests/data.

    python tools/agreement.py

The largest difference of each file in standard deviations of the output; the tests allow 3e-5.
"""

import sys
from pathlib import Path

import torch

from pixmend.models import build
from pixmend.models.base import MultiTask
from pixmend.weights.families import FORMATS, recognise

TESTS = Path(__file__).parents[1] / "tests"


def main() -> None:
    sys.path.insert(0, str(TESTS))
    import seeded

    for path in sorted(TESTS.glob("data/*/*.npz")):
        file = f"{path.parent.name}/{path.stem}"
        tensors = seeded.weights(file)
        format_ = FORMATS[recognise(tensors)[0]]
        network = build(format_.config_of(tensors)).eval()
        network.load_state_dict(format_.from_official(tensors))
        errors = []
        for x, what, golden in seeded.vectors(file):
            task = what if what in network.tasks else network.tasks[0] if isinstance(network, MultiTask) else None
            with torch.inference_mode():
                errors.append(seeded.error(network.select(task)(x), golden))
        print(f"{file:60} {max(errors):.1e}")


if __name__ == "__main__":
    main()
