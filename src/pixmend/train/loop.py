"""The training loop, to be read from top to bottom."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pixmend.data import Batch, Pair
from pixmend.errors import PixmendError
from pixmend.models import build
from pixmend.models.rcdnet import RCDNetConfig
from pixmend.seeding import generator
from pixmend.train.batches import RunBatches
from pixmend.train.config import AdamW, Run
from pixmend.train.diary import Diary
from pixmend.train.failure import stop_not_finite
from pixmend.train.interrupt import Interrupt
from pixmend.train.mixup import mixed
from pixmend.train.objectives import Loss
from pixmend.train.start import begin_with
from pixmend.train.state import WEIGHTS, State, begin, check_folder
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
    accelerator = _engine(run)
    _check_processes(run, accelerator)
    with torch.random.fork_rng(devices=[accelerator.device] if accelerator.device.type == "cuda" else []):
        torch.manual_seed(run.seed)
        network = build(run.model)
        if run.start is not None and not resume:
            begin_with(network, run.start)
        optimizer = _optimizer(run, network)
        objective, optimizer = accelerator.prepare(Loss(run.objective, network), optimizer)
        state = State(network, AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(run.ema)), optimizer)
        start = state.restore(out, run) if resume else 0
        share = (accelerator.process_index, accelerator.num_processes)
        batches = RunBatches(run, network, share=share, loading=loading)
        diary, validator = Diary(out, run, batches), Validator(out, run)
        if accelerator.is_main_process:
            begin(out, run)
            diary.open(start)

        with Interrupt() as interrupt:
            for step, batch in enumerate(batches.from_step(start, run.steps, workers=run.data.workers), start):
                batch = _to(mixed(batch, run.mixup, key=(run.seed, step)), accelerator.device)
                terms, norm = _step(run, step, batch, objective, optimizer, accelerator, out)
                state.average.update_parameters(network)
                done, stopping = step + 1, interrupt.asked
                last = stopping or done == run.steps
                if accelerator.is_main_process:
                    if done % run.every.save == 0 or last:
                        state.save(out, run, step=done)
                    diary.note(done, terms, norm=norm, rate=optimizer.param_groups[0]["lr"], last=last)
                    if done % run.every.preview == 0 or done == run.steps:
                        diary.preview(done, state.average.module)
                    if done % run.every.save == 0 or last:
                        diary.draw()
                    if run.validation and (done % run.every.score == 0 or done == run.steps):
                        validator.score(done, state)
                watch(Progress(done, run.steps, diary.loss, run.data.at(step)[1] * len(batch)))
                if stopping:
                    raise KeyboardInterrupt(f"stopped and saved after step {done} of {run.steps}")
            diary.close(batches.skipped)
    return out / WEIGHTS


def _step(
    run: Run,
    step: int,
    batch: Batch,
    objective: nn.Module,
    optimizer: "torch.optim.Optimizer",
    accelerator: "Accelerator",
    out: Path,
) -> tuple[dict[str, Tensor], float]:
    """One update; returns the terms of the loss and the norm of the gradient before it was clipped."""
    # Drop path draws from the global stream: tie it to the step, as everything else is.
    torch.manual_seed(generator((run.seed, step)).initial_seed())
    for group in optimizer.param_groups:
        group["lr"] = run.optim.lr * run.schedule(step, run.steps)

    def backward() -> dict[str, Tensor]:
        with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=_bfloat16(run, accelerator.device)):
            terms: dict[str, Tensor] = objective(batch)
        accelerator.backward(torch.stack(list(terms.values())).sum())
        return terms

    terms = backward()
    norm = accelerator.clip_grad_norm_(objective.parameters(), math.inf if run.clip is None else run.clip)
    assert norm is not None
    if not (torch.isfinite(norm) and all(torch.isfinite(term) for term in terms.values())):
        optimizer.zero_grad()  # clipping has spread it over all layers
        stop_not_finite(backward(), objective, batch, done=step + 1, out=out)
    optimizer.step()
    optimizer.zero_grad()
    return {name: _mean(term.detach(), accelerator) for name, term in terms.items()}, float(norm)


def _mean(term: Tensor, accelerator: "Accelerator") -> Tensor:
    """Over all processes, whose shares of the batch are equal."""
    mean = accelerator.reduce(term, reduction="mean")
    assert isinstance(mean, Tensor)
    return mean


def _optimizer(run: Run, network: nn.Module) -> "torch.optim.Optimizer":
    optim = run.optim
    if isinstance(optim, AdamW):
        return torch.optim.AdamW(network.parameters(), lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay)
    return torch.optim.Adam(network.parameters(), lr=optim.lr, betas=optim.betas)


def _engine(run: Run) -> "Accelerator":
    """Accelerate, and a word on where to get it and what draws the curves before hours have gone by."""
    try:
        import matplotlib  # noqa: F401
        from accelerate import Accelerator, DistributedDataParallelKwargs
    except ImportError as error:
        raise PixmendError(f"training needs {error.name}: pip install 'pixmend[train]'") from error
    # Networks of one task a step, and RCDNet's spare kernels, leave parameters without a gradient.
    spare = not run.data.every_task or isinstance(run.model, RCDNetConfig)
    several = DistributedDataParallelKwargs(find_unused_parameters=spare)
    # Mixed precision would be the whole process's choice; autocast is the run's.
    return Accelerator(mixed_precision="no", kwargs_handlers=[several])


def _check_processes(run: Run, accelerator: "Accelerator") -> None:
    """What several processes cannot do, said before it hangs."""
    for batch in (run.data.batch, *(stage.batch for stage in run.data.stages)):
        if batch % accelerator.num_processes:
            raise PixmendError(f"data.batch: {batch} samples cannot be shared equally by {accelerator.num_processes}")


def _bfloat16(run: Run, device: torch.device) -> bool:
    """Whether to multiply in bfloat16; ``auto`` asks the device, since emulation would be slower than float32."""
    if run.precision != "auto":
        return run.precision == "bfloat16"
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def _to(batch: Batch, device: torch.device) -> Batch:
    return {task: Pair(*(side.to(device, non_blocking=True) for side in pair)) for task, pair in batch.items()}
