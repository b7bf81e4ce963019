"""Linear centred kernel alignment with the unbiased estimate of HSIC.

n examples, p features of each. Source: Kornblith et al. (1905.00414), equations 2 to 4, for CKA; Song et al.
(JMLR 13, 2012), equation 5, for the estimate; Nguyen et al. (2010.15327), equations 2 to 4, for its use in batches;
Szekely and Rizzo (Annals of Statistics 42, 2014), section 3, for its form as an inner product.
"""

import torch
from torch import Tensor

from pixmend.errors import PixmendError

FEWEST = 4
"""Examples that the unbiased estimate needs."""

_AT_ONCE = 1 << 19
"""Values of a layer that are held in float64 at a time: 4 MiB."""
_ROUNDING = 1e-12
"""Features whose variance is less of their mean square than this differ by what float32 rounds off: by a millionth."""


def gram(features: Tensor) -> tuple[Tensor, bool]:
    """(n, ...) to the Gram matrix (n, n) of the centred features, float64 on the CPU, and whether they are constant:
    the same for all examples but for rounding.

    The unbiased estimate is the same for centred features, since a shift adds to every row and every column of the
    Gram matrix one number, which the estimate takes out again; what it takes out is not rounded first, though.
    """
    flat = features.detach().flatten(1)
    examples = flat.shape[0]
    found = torch.zeros(examples, examples, dtype=torch.float64, device=flat.device)
    mean_square = torch.zeros((), dtype=torch.float64, device=flat.device)
    for part in flat.split(max(1, _AT_ONCE // max(1, examples)), dim=1):
        part = part.double()
        mean = part.mean(0)
        part = part - mean  # a copy: of float64 it still is what flows through the network
        found.addmm_(part, part.T)
        mean_square += mean.square().sum()
    found, spread = found.cpu(), float(found.trace()) / examples
    return found, spread <= _ROUNDING * (spread + float(mean_square))


def u_centred(grams: Tensor) -> Tensor:
    """(..., n, n), symmetric, to the same without its diagonal, every row and every column of sum 0.

    Of two such matrices the inner product, divided by n (n - 3), is the unbiased estimate of HSIC.

    Raises:
        PixmendError: fewer than 4 examples, or no square matrices.
    """
    examples = grams.shape[-1] if grams.dim() > 1 else 0
    if examples < FEWEST or grams.shape[-2] != examples:
        raise PixmendError(
            f"HSIC: expected Gram matrices of {FEWEST} examples or more, (n, n), got shape {tuple(grams.shape)}"
        )
    grams = grams.double() * (1 - torch.eye(examples, dtype=torch.float64, device=grams.device))
    rows = grams.sum(-1, keepdim=True) / (examples - 2)
    total = grams.sum((-2, -1), keepdim=True) / ((examples - 1) * (examples - 2))
    return (grams - rows - rows.mT + total).masked_fill_(
        torch.eye(examples, dtype=torch.bool, device=grams.device), 0.0
    )


def unbiased_hsic(first: Tensor, second: Tensor) -> float:
    """How much two Gram matrices (n, n) of the same examples have in common, with their diagonals left out.

    Its expectation is HSIC whatever n is, so that it is 0 on average for independent features, and below 0 as often
    as above; of a matrix with itself it is never below 0.

    Raises:
        PixmendError: fewer than 4 examples, or matrices of different shapes.
    """
    if first.dim() != 2 or first.shape != second.shape:
        raise PixmendError(f"HSIC: expected two Gram matrices of one shape (n, n), got {_shapes(first, second)}")
    return float(hsics(u_centred(torch.stack((first.double(), second.double()))))[0, 1])


def hsics(centred: Tensor) -> Tensor:
    """(L, n, n) of ``u_centred`` to the unbiased estimates (L, L) of all pairs."""
    examples = centred.shape[-1]
    flat = centred.flatten(1)
    return flat @ flat.T / (examples * (examples - 3))


def cka(x: Tensor, y: Tensor) -> float:
    """Similarity of two sets of features (n, ...) and (n, ...) of the same n examples; NaN if one is constant.

    It does not change when features are rotated or reflected, shifted, all scaled alike, or both sets of examples
    are put into another order, and it does when features are mixed otherwise. 1 is the most; unlike that of the
    biased estimate its least is not 0.

    Raises:
        PixmendError: fewer than 4 examples, other numbers of them, or features that are not finite.
    """
    if x.dim() < 2 or y.dim() < 2 or x.shape[0] != y.shape[0]:
        raise PixmendError(f"CKA: expected features (n, ...) of the same n examples, got {_shapes(x, y)}")
    (gram_x, still_x), (gram_y, still_y) = gram(x), gram(y)
    centred = u_centred(torch.stack((gram_x, gram_y)))
    if not bool(centred.isfinite().all()):
        raise PixmendError("CKA: expected finite features, got NaN or infinity")
    return float(normalised(hsics(centred), constant=torch.tensor((still_x, still_y)))[0, 1])


def normalised(hsic: Tensor, *, constant: Tensor) -> Tensor:
    """Estimates (L, L) to similarities (L, L): 1 on the diagonal, NaN beside every ``constant`` layer (L,)."""
    own = hsic.diagonal().clone()
    own[constant | (own <= 0)] = torch.nan
    norm = own.sqrt()
    return (hsic / norm / norm[:, None]).clamp(max=1.0)  # which only rounding exceeds


def _shapes(first: Tensor, second: Tensor) -> str:
    return f"{tuple(first.shape)} and {tuple(second.shape)}"
