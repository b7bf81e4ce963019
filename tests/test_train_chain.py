"""Training on a chain of steps in place of what the task's own input is made by."""

from dataclasses import replace

import pytest
import torch

import pixmend as pm
from pixmend.degrade import parse_chain
from pixmend.models import build
from pixmend.recipes import find, small
from pixmend.train import fit
from pixmend.train.batches import RunBatches


def run_of(pictures: str, chain: str | None, name: str = "swinir.real_x4"):
    run = small(find(name), steps=2)
    return replace(run, data=replace(run.data, folders=(pictures,), patch=8, batch=2, chain=chain))


def batches(run) -> RunBatches:
    return RunBatches(run, build(run.model), share=(0, 1), loading=lambda done, total: None)


def test_the_inputs_are_what_the_chain_makes_of_the_truth(pictures):
    text = "elliptic_blur(sigma=(2, 1), size=7), bicubic(scale=4), gaussian_noise(sigma=9), jpeg(quality=40)"
    run = run_of(pictures, text)
    made = batches(run)
    low, high = made.pairs(0, "sr_real_x4", indices=range(2))
    clean = made.stages[0].clean(0, "sr_real_x4", indices=range(2))
    for n, key in enumerate(clean.keys):
        torch.testing.assert_close(low[n], parse_chain(text)(high[n], key), rtol=0, atol=1e-6)
    own = batches(run_of(pictures, None)).pairs(0, "sr_real_x4", indices=range(2))
    assert torch.equal(own.high, high) and not torch.allclose(own.low, low, atol=0.01)


def test_swinir_trains_on_real_photographs(pictures, tmp_path):
    run = run_of(pictures, "bsrgan(scale=4)")
    assert pm.load(fit(run, tmp_path / "run")).tasks == ("sr_real_x4",)


def test_a_chain_is_set_from_text_and_kept_with_the_run():
    run = pm.override(find("hat.sr_x2"), "data.chain=gaussian_blur(sigma=1.5), bicubic(scale=2)")
    assert run.data.chain == "gaussian_blur(sigma=1.5), bicubic(scale=2)"
    assert pm.override(run, "data.chain=none").data.chain is None


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("hat.sr_x2", ("data.chain=jpg(quality=4)",), "chain: no step is called 'jpg': did you mean jpeg?"),
        ("hat.sr_x2", ("data.low=rain", "data.chain=jpeg(quality=4)"), "data.chain: expected none with data.low"),
        ("hat.sr_x2", ("data.clip=true", "data.chain=jpeg(quality=4)"), "data.chain: expected clip in its noises"),
        ("default", ("data.chain=jpeg(quality=4)",), "data.chain: expected a run of one task, got 8 tasks"),
    ],
)
def test_a_chain_that_does_not_go_with_the_run_is_refused(name, changes, message):
    with pytest.raises(pm.PixmendError) as error:
        pm.override(find(name), *changes)
    assert message in str(error.value)


@pytest.mark.parametrize(("chain", "got"), [("bsrgan(scale=2)", "16 x 16"), ("jpeg(quality=9)", "32 x 32")])
def test_a_chain_of_another_scale_is_refused_before_it_trains(chain, got, pictures, tmp_path):
    message = f"data.chain: sr_real_x4 needs 8 x 8 pixels of 32 x 32, got {got}: change its scale"
    with pytest.raises(pm.PixmendError, match=message):
        fit(run_of(pictures, chain), tmp_path / "run")
