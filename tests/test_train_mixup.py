"""Blending samples: Restormer's augmentation for denoising."""

import pytest
import torch

import pixmend as pm
from pixmend.data import Pair
from pixmend.train import Mixup
from pixmend.train.mixup import mixed


def batch(count: int = 4) -> dict[str, Pair]:
    low = torch.rand(count, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    return {"dn_g25": Pair(low, low + 1)}


def test_half_of_the_steps_are_left_alone():
    alone = [mixed(made, Mixup(), key=(0, step)) is made for step in range(400) for made in [batch()]]
    assert 160 < sum(alone) < 240


def test_both_sides_of_a_pair_are_blended_alike_with_a_sample_of_the_batch():
    step = next(step for step in range(20) if mixed(made := batch(), Mixup(), key=(0, step)) is not made)
    before, after = batch()["dn_g25"], mixed(batch(), Mixup(), key=(0, step))["dn_g25"]
    assert torch.allclose(after.high - after.low, torch.ones_like(after.low), atol=1e-5)
    assert not torch.equal(after.low, before.low)
    assert after.low.mean(dim=0).flatten().tolist() == pytest.approx(
        before.low.mean(dim=0).flatten().tolist(), abs=1e-5
    )


def test_the_key_decides_and_a_batch_of_one_stays():
    for step in range(10):
        first, second = (mixed(batch(), Mixup(), key=(3, step))["dn_g25"].low for _ in range(2))
        assert torch.equal(first, second)
        assert torch.allclose(mixed(batch(1), Mixup(), key=(3, step))["dn_g25"].low, batch(1)["dn_g25"].low)


def test_without_mixup_nothing_happens_and_a_senseless_one_is_refused():
    made = batch()
    assert mixed(made, None, key=1) is made
    with pytest.raises(pm.PixmendError, match="mixup.alpha: expected a finite number above 0, got 0"):
        Mixup(alpha=0)
