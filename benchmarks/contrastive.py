"""IPT's contrastive losses at the size of the paper, batches of 256 pictures of 256 tokens of 576 channels.

``python benchmarks/contrastive.py`` writes results/contrastive.json: for each form of the loss the seconds of one
core and the peak of memory of one value with its gradient, in a process of its own. The tokens and their gradient are
302 MB of that. Beside it the error against the whole matrix of similarities in float64, which a batch of 32 pictures
of 64 tokens still allows.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from machine import keep
from torch import Tensor

from pixmend.train.objectives.tokens import between_pictures, supervised

FULL, FEW = (256, 256, 576), (32, 64, 576)
TEMPERATURE = 0.07


def paper_at_once(tokens: Tensor) -> Tensor:
    """``between_pictures`` of (B, N, D) from all (B N)^2 similarities."""
    pictures, places, _ = tokens.shape
    flat = F.normalize(tokens, dim=-1).flatten(0, 1)
    similar = (flat @ flat.T).view(pictures, places, pictures, places)
    same = torch.eye(pictures, dtype=torch.bool)[:, None, :, None]
    denominators = similar.masked_fill(same, -math.inf).logsumexp(2)
    positives = torch.stack([similar[j, :, j] for j in range(pictures)])
    return (denominators - positives).mean()


def supervised_at_once(tokens: Tensor) -> Tensor:
    """``supervised`` of (B, N, D) from all (B N)^2 similarities."""
    places = tokens.shape[1]
    flat = F.normalize(tokens, dim=-1).flatten(0, 1)
    similar = (flat @ flat.T / TEMPERATURE).masked_fill(torch.eye(len(flat), dtype=torch.bool), -math.inf)
    picture = torch.arange(len(flat)) // places
    positives = (picture[:, None] == picture).fill_diagonal_(False)
    return (similar.logsumexp(1, keepdim=True) - similar)[positives].view(len(flat), -1).mean()


FORMS: dict[str, tuple[Callable[..., Tensor], Callable[[Tensor], Tensor]]] = {
    "between_pictures": (between_pictures, paper_at_once),
    "supervised": (partial(supervised, temperature=TEMPERATURE), supervised_at_once),
}


def some(size: tuple[int, ...], *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Tokens (B, N, D) of pictures that have something of their own, as those of a network would."""
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randn(size[0], 1, size[2], generator=draw)
    return (pictures + torch.randn(size, generator=draw)).to(dtype).requires_grad_()


def slope(form: Callable[[Tensor], Tensor], tokens: Tensor) -> tuple[float, Tensor]:
    """The value and its gradient, (B, N, D)."""
    value = form(tokens)
    (gradient,) = torch.autograd.grad(value, tokens)
    return value.item(), gradient


def megabytes(what: str) -> float:
    """Of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024 / 1e6


def measure(name: str) -> None:
    """Print the figures of one form at the size of the paper."""
    torch.set_num_threads(1)
    before = megabytes("VmRSS:")
    tokens = some(FULL)
    start = time.process_time()
    value, gradient = slope(FORMS[name][0], tokens)
    seconds = time.process_time() - start
    finite = math.isfinite(value) and bool(gradient.isfinite().all())
    peak = megabytes("VmHWM:") - before
    print(json.dumps({"seconds": round(seconds), "MB": round(peak), "value": round(value, 5), "finite": finite}))


def errors(name: str) -> dict[str, object]:
    """Of value and gradient in 16 chunks and float32, relative to those at once and in float64."""
    chunked, at_once = FORMS[name]
    value, gradient = slope(partial(chunked, chunk=2**18), some(FEW))
    true_value, true_gradient = slope(at_once, some(FEW, dtype=torch.float64))
    return {
        "error of the value": float(f"{abs(value - true_value) / abs(true_value):.1e}"),
        "error of the gradient": float(f"{float((gradient - true_gradient).norm() / true_gradient.norm()):.1e}"),
    }


def main() -> None:
    rows: list[dict[str, object]] = []
    for name in FORMS:
        run = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
        rows.append({"form": name, "tokens": list(FULL), **json.loads(run.stdout), **errors(name)})
    keep("contrastive", "python benchmarks/contrastive.py", rows)


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
