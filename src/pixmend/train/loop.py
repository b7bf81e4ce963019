"""The training loop, to be read from top to bottom."""

import math
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pixmend.data import Batch, Pair
from pixmend.data.places import check_apart
from pixmend.data.workers import telling_of_workers
from pixmend.interrupt import Interrupt
from pixmend.models import build
from pixmend.seeding import generator
from pixmend.train.batches import RunBatches
from pixmend.train.config import AdamW, Run
from pixmend.train.diary import Diary
from pixmend.train.engine import accelerator_of, anywhere, engage, joined, parts_of, precision, whole
from pixmend.train.failure import stop_not_finite
from pixmend.train.mixup import mixed
from pixmend.train.objectives import Loss
from pixmend.train.start import begin_with
from pixmend.train.state import WEIGHTS, State, begin, check_folder
from pixmend.train.trained import restrict
from pixmend.train.validate import Validator

if TYPE_CHECKING:
    from accelerate import Accelerator


class Progress(NamedTuple):
    """A finished step, for whoever watches: ``loss`` is the mean over its tasks, ``samples`` those of all processes."""

    step: int
    steps: int
    loss: float
    samples: int


def fit(
    run: Run,
    out: str | Path,
    *,
    resume: bool = False,
    loading: Callable[[int, int], None] = lambda done, total: None,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Path:
    """Train, and return the file of the averaged weights, which ``pixmend.load`` reads.

    ``out`` gets run.json, log.jsonl, curves.png, previews, weights.safetensors and state.safetensors, with
    ``run.validation`` also validation.jsonl and best.safetensors. With
    ``resume`` the run goes on after its last saved step, and ends with the weights it would have had without the
    stop: on the CPU bit for bit. Ctrl-C ends the step, saves, and raises KeyboardInterrupt. ``loading`` hears of
    pictures decoded.

    Raises:
        PixmendError: no pictures, ``out`` already holds a run (or holds none to resume), a full disk, or a loss or
            gradient that is not finite, in which case the last saved state is still good.
    """
    out = Path(out)
    check_folder(out, resume=resume)
    check_apart(out, (*run.data.folders, *run.data.low))
    accelerator = accelerator_of(run)
    device, main = accelerator.device, accelerator.is_main_process
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(run.seed)
        network = build(run.model)
        if run.start is not None and not resume:
            begin_with(network, run.start)
        restrict(network, run.trained)
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(run.ema))
        engage(run, network)
        objective = joined(run, Loss(run.objective, network), average.module, accelerator)
        optimizer = _optimizer(run, network)
        state = State(network, average, optimizer, writes=main)
        start = state.restore(out, run) if resume else 0
        share = (accelerator.process_index, accelerator.num_processes)
        batches = RunBatches(run, network, share=share, loading=loading)
        diary, validator = Diary(out, run, batches), Validator(out, run)
        if main:
            begin(out, run)
            diary.open(start)

        with Interrupt() as interrupt, telling_of_workers(), closing(diary):
            for step, batch in enumerate(batches.from_step(start, run.steps, device=device), start):
                batch = _to(mixed(batch, run.mixup, key=(run.seed, step)), device)
                terms, norm = _step(run, step, batch, objective, optimizer, accelerator, out, batches)
                average.update_parameters(network)
                done, stopping = step + 1, anywhere(interrupt.asked, accelerator)
                last = stopping or done == run.steps
                show = done % run.every.preview == 0 or done == run.steps
                score = bool(run.validation) and (done % run.every.score == 0 or done == run.steps)
                if main:
                    diary.note(done, terms, norm=norm, rate=optimizer.param_groups[0]["lr"], last=last)
                if done % run.every.save == 0 or last:
                    state.save(out, run, step=done)
                averaged = state.averaged(run) if show or score else network
                if main and show:
                    diary.preview(done, averaged)
                if main and score:
                    diary.scored(done, validator.score(done, averaged))
                if main and (done % run.every.save == 0 or last):
                    diary.draw()
                watch(Progress(done, run.steps, diary.loss, run.data.at(step)[1] * len(batch)))
                if stopping:
                    raise KeyboardInterrupt(f"stopped and saved after step {done} of {run.steps}")
    return out / WEIGHTS


def _step(
    run: Run,
    step: int,
    batch: Batch,
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    accelerator: "Accelerator",
    out: Path,
    batches: RunBatches,
) -> tuple[dict[str, Tensor], float]:
    """One update; returns the terms of the loss and the norm of the gradient before it was clipped."""
    for group in optimizer.param_groups:
        group["lr"] = run.optim.lr * run.schedule(step, run.steps)

    def backward() -> dict[str, Tensor]:
        # Drop path draws from the global stream: tie it to the step, as everything else is.
        torch.manual_seed(generator((run.seed, step)).initial_seed())
        terms: dict[str, Tensor] = {}
        parts = list(parts_of(batch, run.engine.accumulate))
        for place, (part, share) in enumerate(parts, 1):
            # Gradients are summed over processes once, with the last part.
            with accelerator.no_sync(objective) if place < len(parts) else nullcontext():
                with precision(run, accelerator.device):
                    found: dict[str, Tensor] = objective(part)
                accelerator.backward(share * torch.stack(list(found.values())).sum())
            for name, term in found.items():
                terms[name] = terms.get(name, 0) + share * term.detach()
        return {name: _mean(term, accelerator) for name, term in terms.items()}

    terms = backward()
    norm = accelerator.clip_grad_norm_(objective.parameters(), math.inf if run.clip is None else run.clip)
    assert norm is not None
    norm = whole(norm)
    if not (torch.isfinite(norm) and all(torch.isfinite(term) for term in terms.values())):
        optimizer.zero_grad()  # clipping has spread it over all layers
        stop_not_finite(backward(), objective, batch, done=step + 1, out=out, batches=batches)
    optimizer.step()
    optimizer.zero_grad()
    return terms, float(norm)


def _mean(term: Tensor, accelerator: "Accelerator") -> Tensor:
    """Over all processes, whose shares of the batch are equal."""
    mean = accelerator.reduce(term, reduction="mean")
    assert isinstance(mean, Tensor)
    return mean


def _optimizer(run: Run, network: nn.Module) -> torch.optim.Optimizer:
    optim = run.optim
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if isinstance(optim, AdamW):
        return torch.optim.AdamW(parameters, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay)
    return torch.optim.Adam(parameters, lr=optim.lr, betas=optim.betas)


def _to(batch: Batch, device: torch.device) -> Batch:
    return {task: Pair(*(side.to(device, non_blocking=True) for side in pair)) for task, pair in batch.items()}
