"""How long PSNR and SSIM take on one pair of 1920 x 1080, on one core.

``python benchmarks/metrics.py`` writes results/metrics.json: processor time, the median of 15 runs each, taken in
turns, beside torchmetrics and a plain float64 ``conv2d`` (3 runs), and how far their values are from pixmend's.
"""

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from machine import keep
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from pixmend.metrics import SSIMKind, bt601, psnr, psnr_b, ssim

RUNS, RUNS_OF_SLOW = 15, 3
SLOW = ("ssim, torchmetrics", "ssim, conv2d")
CLASSIC = {"border": 4, "luma": "bt601", "round8": True}


def pair() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    a = torch.rand(3, 1080, 1920, generator=draw)
    return a, (a + 0.05 * torch.randn(a.shape, generator=draw)).clamp(0, 1)


def luma(image: Tensor) -> Tensor:
    """(1, 1, H, W) float64: what CLASSIC compares, as one would write it for another library."""
    return bt601((image * 255 + 0.5).floor().double() / 255)[None, :, 4:-4, 4:-4]


def ours(kind: SSIMKind) -> Callable[[Tensor, Tensor], float]:
    return lambda a, b: ssim(a, b, kind=kind, **CLASSIC)


def conv2d_ssim(a: Tensor, b: Tensor) -> float:
    """SSIM of the paper by ``conv2d`` of the four products with the square window."""
    x, y = luma(a), luma(b)
    line = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / 4.5)
    window = torch.outer(line, line)[None, None] / line.sum() ** 2
    maps = F.conv2d(torch.cat((x, y, x * x + y * y, x * y)), window)
    mean_x, mean_y, squares, products = maps
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mean_x * mean_y + c1) * (2 * (products - mean_x * mean_y) + c2)
    means = mean_x**2 + mean_y**2
    return (above / ((means + c1) * (squares - means + c2))).mean().item()


def torchmetrics_ssim(a: Tensor, b: Tensor) -> float:
    """Its map is the paper's where the window fits; elsewhere it mirrors the picture."""
    value = structural_similarity_index_measure(
        luma(a), luma(b), sigma=1.5, data_range=1.0, k1=0.01, k2=0.03, return_full_image=True
    )
    return value[1][..., 5:-5, 5:-5].mean().item()


def torchmetrics_psnr(a: Tensor, b: Tensor) -> float:
    return peak_signal_noise_ratio(luma(a), luma(b), data_range=1.0).item()


def main() -> None:
    torch.set_num_threads(1)
    a, b = pair()
    scorers: dict[str, Callable[[Tensor, Tensor], float]] = {
        "psnr": lambda a, b: psnr(a, b, **CLASSIC),
        "psnr, torchmetrics": torchmetrics_psnr,
        "ssim": ours("wang"),
        "ssim, torchmetrics": torchmetrics_ssim,
        "ssim, conv2d": conv2d_ssim,
        "ssim of MATLAB": ours("matlab"),
        "ssim of scikit-image": ours("uniform"),
        "psnr_b": lambda a, b: psnr_b(a, b, **CLASSIC),
    }
    values = {name: scorer(a, b) for name, scorer in scorers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in scorers}
    for turn in range(RUNS):
        for name, scorer in scorers.items():
            if turn < RUNS_OF_SLOW or name not in SLOW:
                start = time.process_time()
                scorer(a, b)
                seconds[name].append(time.process_time() - start)
    rows: list[dict[str, object]] = []
    for name, times in seconds.items():
        row: dict[str, object] = {"metric": name, "median ms": round(1e3 * statistics.median(times), 1)}
        row["fastest ms"] = round(1e3 * min(times), 1)
        if name.endswith(("torchmetrics", "conv2d")):
            row["differs by"] = float(f"{abs(values[name] - values[name.partition(',')[0]]):.0e}")
        rows.append(row)
    keep("metrics", "python benchmarks/metrics.py", rows)


if __name__ == "__main__":
    main()
