"""Make the stored result that ``pixmend doctor`` compares with; to be run whenever the bundled weights change.

``python tools/golden_tile.py`` writes src/pixmend/infer/golden_tile.npz from examples/sign.png.
"""

from pathlib import Path

import numpy as np
import torch

import pixmend as pm
from pixmend.infer import conformance

ROOT = Path(__file__).parents[1]
TOP, LEFT, SIDE = 60, 60, 48


def main() -> None:
    picture = pm.read_image(ROOT / "examples/sign.png")
    low = (picture[:, TOP : TOP + SIDE, LEFT : LEFT + SIDE] * 255).round().to(torch.uint8)
    network = pm.load("default").select("sr_x2").double().eval()
    with torch.inference_mode():
        high = network(low.double()[None] / 255)[0].float()
    out = ROOT / "src/pixmend/infer" / conformance.GOLDEN
    np.savez_compressed(out, low=low.numpy(), high=high.numpy())
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
