"""Blending samples of a batch.

B batch, C channels, H and W height and width in pixels.
"""

import numpy as np
import torch
from torch import Tensor

from pixmend.data import Batch, Pair
from pixmend.seeding import Key, child, generator
from pixmend.train.config import Mixup


def mixed(batch: Batch, mixup: Mixup | None, *, key: Key) -> Batch:
    """Both sides of every pair, (B, C, H, W), blended with those of another sample; the key decides how.

    Source: Restormer ``basicsr/models/image_restoration_model.py`` (``Mixing_Augment`` with the identity).
    """
    if mixup is None or torch.rand((), generator=generator(child(key, 0))) < 0.5:
        return batch
    share = np.random.default_rng(generator(child(key, 1)).initial_seed()).beta(mixup.alpha, mixup.alpha)
    result: Batch = {}
    for place, (task, pair) in enumerate(batch.items()):
        others = torch.randperm(len(pair.low), generator=generator(child(key, 2, place)))
        result[task] = Pair(*(_blend(side, others, share) for side in pair))
    return result


def _blend(side: Tensor, others: Tensor, share: float) -> Tensor:
    return share * side + (1 - share) * side[others]
