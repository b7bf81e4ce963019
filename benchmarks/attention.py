"""Why attention has two paths: the fused kernel against plain products, in training on a CPU.

``python benchmarks/attention.py`` times both side by side and writes results/attention.json. Ratios are what counts.
"""

import itertools
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from machine import keep
from torch import Tensor


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v)


def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return ((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).softmax(-1) @ v


def milliseconds(attention: Callable[[Tensor, Tensor, Tensor], Tensor], *inputs: Tensor) -> tuple[float, float]:
    """The best of five: forward, backward."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        out = attention(*inputs)
        middle = time.perf_counter()
        out.sum().backward()
        times.append((middle - start, time.perf_counter() - middle))
    return 1e3 * min(t[0] for t in times), 1e3 * min(t[1] for t in times)


def main() -> None:
    rows: list[dict[str, object]] = []
    sizes = [(64, 36, 12), (144, 16, 12), (144, 16, 30)]
    for (tokens, windows, width), dtype in itertools.product(sizes, (torch.float32, torch.bfloat16)):
        inputs = [torch.randn(windows, 32, tokens, width, dtype=dtype, requires_grad=True) for _ in range(3)]
        row: dict[str, object] = {"tokens": tokens, "head": width, "dtype": str(dtype).removeprefix("torch.")}
        both = {}
        for attention in (fused, plain):
            both[attention] = milliseconds(attention, *inputs)
            row[f"{attention.__name__} forward ms"], row[f"{attention.__name__} backward ms"] = (
                round(value, 1) for value in both[attention]
            )
        row["fused over plain"] = round(sum(both[fused]) / sum(both[plain]), 2)
        rows.append(row)
    keep("attention", "python benchmarks/attention.py", rows)


if __name__ == "__main__":
    main()
