"""A step that is not finite: what is told of it, and that it can be computed again from what is kept."""

import math
from dataclasses import replace

import pytest
import torch
from PIL import Image

import pixmend as pm
from pixmend.models.edt import EDTConfig
from pixmend.train import Adam, Constant, Data, Every, LowRank, Run, fit
from pixmend.train.failure import replay
from pixmend.train.objectives import Loss


@pytest.fixture
def tiny(tmp_path):
    """Of two pictures, trained in one task."""
    for number in range(2):
        pixels = torch.randint(256, (40, 50, 3), generator=torch.Generator().manual_seed(number), dtype=torch.uint8)
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(pixels.numpy()).save(tmp_path / f"photos/{number}.png")
    return Run(
        name="tiny",
        model=EDTConfig(
            tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2, window=(4, 4), drop_path=0.5
        ),
        data=Data(folders=(str(tmp_path / "photos"),), patch=8, batch=2),
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        steps=6,
        precision="float32",
        trackers=(),
        every=Every(log=10, preview=10, save=3),
    )


@pytest.fixture
def failing(monkeypatch):
    """From the fifth step on the loss of denoising is divided by nothing."""
    calls = []
    forward = Loss.forward

    def poisoned(self, batch):
        calls.append(batch)
        terms = forward(self, batch)
        return {**terms, "dn_g25": terms["dn_g25"] / 0} if len(calls) >= 5 else terms

    with monkeypatch.context() as patch:
        patch.setattr(Loss, "forward", poisoned)
        yield patch


def test_the_message_names_step_term_pictures_and_file(tiny, tmp_path, failing):
    told = (
        r"^step 5: the loss of dn_g25 is not finite with \S+photos/[01]\.png(, \S+photos/[01]\.png)?; its batch is in "
        r"\S+run/failed\.safetensors; resume from the last save with a lower learning rate$"
    )
    with pytest.raises(pm.PixmendError, match=told):
        fit(tiny, tmp_path / "run")


def test_a_gradient_that_is_not_finite_is_told_by_its_layer(tiny, tmp_path, monkeypatch):
    class Poison(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, *gradients):
            return gradients[0] * math.nan

    forward = Loss.forward

    def poisoned(self, batch):
        return {name: Poison.apply(term) for name, term in forward(self, batch).items()}

    monkeypatch.setattr(Loss, "forward", poisoned)
    with pytest.raises(pm.PixmendError, match=r"^step 1: the gradient of \w+\.\S+\.weight is not finite with \S+\.png"):
        fit(tiny, tmp_path / "run")


def test_what_was_not_finite_is_so_again(tiny, tmp_path):
    with pytest.raises(pm.PixmendError, match="is not finite"):
        fit(replace(tiny, optim=Adam(lr=1e30)), tmp_path / "run")
    failed = replay(tmp_path / "run/failed.safetensors")
    terms = failed.terms()
    assert not all(torch.isfinite(term) for term in terms.values())
    sum(terms.values()).backward()
    gradients = {name: parameter.grad for name, parameter in failed.network.named_parameters()}
    assert not all(gradient.isfinite().all() for gradient in gradients.values() if gradient is not None)


def test_the_step_can_be_computed_again(tiny, tmp_path, failing):
    with pytest.raises(pm.PixmendError):
        fit(tiny, tmp_path / "run")
    failing.undo()
    failed = replay(tmp_path / "run/failed.safetensors")
    assert (failed.step, failed.run) == (5, tiny)
    assert all(len(names) == 2 for names in failed.files.values())
    terms = {name: term.item() for name, term in failed.terms().items()}

    losses = {}

    def watch(progress):
        losses[progress.step] = progress.loss

    fit(tiny, tmp_path / "again", watch=watch)
    assert sum(terms.values()) / 2 == pytest.approx(losses[5], abs=1e-7)


def test_the_batch_is_the_one_that_the_files_say(tiny, tmp_path, failing):
    with pytest.raises(pm.PixmendError):
        fit(tiny, tmp_path / "run")
    failed = replay(tmp_path / "run/failed.safetensors")
    for task, names in failed.files.items():
        for name, high in zip(names, failed.batch[task].high, strict=True):
            colours = set(map(tuple, (pm.read_image(name) * 255).round().flatten(1).T.tolist()))
            assert set(map(tuple, (high * 255).round().flatten(1).T.tolist())) <= colours


def test_the_gradients_can_be_asked_for(tiny, tmp_path, failing):
    with pytest.raises(pm.PixmendError):
        fit(tiny, tmp_path / "run")
    failing.undo()
    failed = replay(tmp_path / "run/failed.safetensors")
    sum(failed.terms().values()).backward()
    assert any(parameter.grad is not None for parameter in failed.network.parameters())


def test_weights_with_a_change_of_low_rank_are_kept_as_plain_ones(tiny, tmp_path, failing):
    with pytest.raises(pm.PixmendError, match="step 5"):
        fit(replace(tiny, trained=LowRank(rank=2)), tmp_path / "run")
    assert replay(tmp_path / "run/failed.safetensors").network.tasks == ("sr_x2", "dn_g25")


def test_a_batch_that_cannot_be_kept_does_not_hide_what_went_wrong(tiny, tmp_path, failing, monkeypatch):
    replace_file = pm.files.replace

    def full(path, content):
        if path.name.startswith("failed"):
            raise pm.PixmendError(f"{path}: cannot be written: No space left on device")
        replace_file(path, content)

    monkeypatch.setattr("pixmend.files.replace", full)
    monkeypatch.setattr("pixmend.weights.write.replace", full)
    with pytest.raises(pm.PixmendError, match=r"the loss of dn_g25 .* could not be kept .*No space left on device"):
        fit(tiny, tmp_path / "run")


def test_pictures_that_are_gone_do_not_hide_what_went_wrong(tiny, tmp_path, failing, monkeypatch):
    def gone(self, step):
        raise pm.PixmendError("0.png: cannot be read")

    monkeypatch.setattr(pm.data.Batches, "files", gone)
    with pytest.raises(pm.PixmendError, match="the loss of dn_g25 is not finite; its batch is in"):
        fit(tiny, tmp_path / "run")


def test_another_file_is_refused(tiny, tmp_path):
    path = fit(replace(tiny, steps=1), tmp_path / "run")
    with pytest.raises(pm.PixmendError, match="not the batch of a run that was not finite"):
        replay(path)
    with pytest.raises(pm.PixmendError, match="no such file"):
        replay(tmp_path / "nowhere.safetensors")
