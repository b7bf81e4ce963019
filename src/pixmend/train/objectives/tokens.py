"""Contrastive losses over the tokens of a batch, whatever its size.

A batch of 256 pictures of 256 tokens has 65,536 tokens and 4 billion pairs, 16 GiB of similarities. A few rows of that
matrix are computed at a time, and their part of the gradient at once, which is all that is kept.

B pictures of a batch, N tokens of a picture, D channels of a token; M pictures of the batches of all processes, which
are all compared; n tokens of a chunk.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from pixmend.errors import PixmendError

CHUNK = 2**24
"""Similarities in memory at a time, unless a single token has more: 64 MiB in float32, and a few times that around."""


def between_pictures(tokens: Tensor, *, chunk: int = CHUNK) -> Tensor:
    """IPT's contrastive loss of tokens (B, N, D), as its paper writes it.

    The mean, over pictures j and pairs i1, i2 of places (1 / (B N^2) times the sum), of
    -log(exp d(f_i1^j, f_i2^j) / sum over k != j of exp d(f_i1^j, f_i2^k)), where d is the cosine similarity. There is
    no temperature, a token is paired with itself too, and the denominator has the tokens of other pictures at place
    i2 alone. Tokens that are all alike have log(M - 1), and nothing is more than 1 + 1 / (M - 1) below that.

    Raises:
        PixmendError: a batch of one picture, which has no others.

    Source: IPT (2012.00364), section 3.2.
    """
    own, every, first = _directions(tokens)
    pictures, places = every.shape[:2]
    if pictures < 2:
        raise PixmendError(f"data.batch: expected 2 or more pictures for the contrastive loss, got {pictures}")

    def others(part: Tensor, every: Tensor, rows: Tensor) -> Tensor:
        """Over tokens (n, D) and places, the sum of the logarithms of the denominators."""
        similar = (part @ every.flatten(0, 1).T).unflatten(1, (pictures, places))
        same = torch.arange(pictures, device=rows.device) == first + rows[:, None] // places
        return similar.masked_fill(same[..., None], float("-inf")).logsumexp(1).sum()

    together = own.sum(1).square().sum()
    return (_Chunked.apply(others, own.flatten(0, 1), every, chunk) - together) / (len(own) * places**2)


def supervised(tokens: Tensor, *, temperature: float, chunk: int = CHUNK) -> Tensor:
    """Supervised contrastive loss of tokens (B, N, D) whose classes are the pictures they come from.

    The mean over tokens a of the mean over the other tokens p of the same picture of
    -log(exp(d(a, p) / T) / sum over all tokens b but a of exp(d(a, b) / T)), where d is the cosine similarity and
    T the ``temperature``. Unlike in the paper's form the denominator has the tokens of the same picture, and
    tokens of others at all places.

    Raises:
        PixmendError: one token per picture, which has no others.

    Source: Supervised Contrastive Learning (2004.11362), equation 2, as the MindSpore trainer has it
    (mindspore-ai/models ``research/cv/IPT/src/loss.py``).
    """
    own, every, first = _directions(tokens)
    places = own.shape[1]
    if places < 2:
        raise PixmendError("model.size: expected more than one patch for the contrastive loss, got one")

    def others(part: Tensor, every: Tensor, rows: Tensor) -> Tensor:
        """Over tokens (n, D), the sum of the logarithms of the denominators."""
        similar = part @ every.flatten(0, 1).T / temperature
        itself = torch.arange(similar.shape[1], device=rows.device) == first * places + rows[:, None]
        return similar.masked_fill(itself, float("-inf")).logsumexp(1).sum()

    together = (own.sum(1).square().sum() - own.square().sum()) / (temperature * (places - 1))
    return (_Chunked.apply(others, own.flatten(0, 1), every, chunk) - together) / (len(own) * places)


def _directions(tokens: Tensor) -> tuple[Tensor, Tensor, int]:
    """Tokens of length 1: this process's (B, N, D), those of all (M, N, D), and the place of the first own picture.

    The mean of the processes' losses is the loss of the whole batch, and its gradient the mean of theirs.
    """
    own = F.normalize(tokens, dim=-1)
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return own, own, 0
    return own, _Gathered.apply(own), dist.get_rank() * len(own)


class _Chunked(torch.autograd.Function):
    """The sum of ``term(part, every, rows)`` over parts of the tokens, with one part's intermediates at a time."""

    @staticmethod
    def forward(
        ctx: Any, term: Callable[[Tensor, Tensor, Tensor], Tensor], own: Tensor, every: Tensor, chunk: int
    ) -> Tensor:
        total, slopes = own.new_zeros(()), (torch.empty_like(own), torch.zeros_like(every))
        rows = torch.arange(len(own), device=own.device)
        with torch.enable_grad(), torch.autocast(own.device.type, enabled=False):
            for some in rows.split(max(1, chunk // every.shape[:2].numel())):
                inputs = [side.detach().requires_grad_() for side in (own[some], every)]
                value = term(inputs[0], inputs[1], some)
                of_own, of_every = torch.autograd.grad(value, inputs)
                total += value.detach()
                slopes[0][some] = of_own
                slopes[1].add_(of_every)
        ctx.save_for_backward(*slopes)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[None, Tensor, Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        of_own, of_every = ctx.saved_tensors
        return None, slope * of_own, slope * of_every, None


class _Gathered(torch.autograd.Function):
    """(B, N, D) to the (M, N, D) of all processes, each of which must have as many."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        ctx.count = len(own)
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        slope = slope.contiguous().clone()
        dist.all_reduce(slope)
        return slope[dist.get_rank() * ctx.count :][: ctx.count]
