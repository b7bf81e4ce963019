"""The training loop, to be read from top to bottom."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pixmend.data import Batch, Batches, Pair, Pictures, scale
from pixmend.errors import PixmendError
from pixmend.models.edt import EDT
from pixmend.seeding import generator
from pixmend.train.config import Run
from pixmend.train.diary import Diary
from pixmend.train.interrupt import Interrupt
from pixmend.train.objectives import L1
from pixmend.train.state import WEIGHTS, State, begin, check_folder

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

    ``out`` gets run.json, log.jsonl, curves.png, previews, weights.safetensors and state.safetensors. With
    ``resume`` the run goes on after its last saved step, and ends with the weights it would have had without the
    stop: on the CPU bit for bit. Ctrl-C ends the step, saves, and raises KeyboardInterrupt. ``loading`` hears of
    pictures decoded.

    Raises:
        PixmendError: no pictures, ``out`` already holds a run (or holds none to resume), a full disk, or a loss or
            gradient that is not finite, in which case the last saved state is still good.
    """
    out = Path(out)
    check_folder(out, resume=resume)
    accelerator = _engine()(mixed_precision="no")  # its choice would be the whole process's; autocast is the run's
    _check_processes(run, accelerator)
    with torch.random.fork_rng(devices=[accelerator.device] if accelerator.device.type == "cuda" else []):
        torch.manual_seed(run.seed)
        network = EDT(run.model)
        optimizer = torch.optim.Adam(network.parameters(), lr=run.optim.lr, betas=run.optim.betas)
        objective, optimizer = accelerator.prepare(L1(network), optimizer)
        state = State(network, AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(run.ema)), optimizer)
        start = state.restore(out, run) if resume else 0
        batches = _batches(run, network, accelerator, loading)
        diary = Diary(out, run, batches)
        if accelerator.is_main_process:
            begin(out, run)
            diary.open(start)

        with Interrupt() as interrupt:
            for step, batch in enumerate(batches.from_step(start, run.steps, workers=run.data.workers), start):
                terms, norm = _step(run, step, _to(batch, accelerator.device), objective, optimizer, accelerator)
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
                watch(Progress(done, run.steps, diary.loss, run.data.batch * len(batch)))
                if stopping:
                    raise KeyboardInterrupt(f"stopped and saved after step {done} of {run.steps}")
    return out / WEIGHTS


def _step(
    run: Run,
    step: int,
    batch: Batch,
    objective: nn.Module,
    optimizer: "torch.optim.Optimizer",
    accelerator: "Accelerator",
) -> tuple[dict[str, Tensor], float]:
    """One update; returns the terms of the loss and the norm of the gradient before it was clipped."""
    # Drop path draws from the global stream: tie it to the step, as everything else is.
    torch.manual_seed(generator((run.seed, step)).initial_seed())
    for group in optimizer.param_groups:
        group["lr"] = run.optim.lr * run.schedule(step, run.steps)
    with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=_bfloat16(run, accelerator.device)):
        terms: dict[str, Tensor] = objective(batch)
    accelerator.backward(torch.stack(list(terms.values())).sum())
    norm = accelerator.clip_grad_norm_(objective.parameters(), math.inf if run.clip is None else run.clip)
    assert norm is not None
    _stop_unless_finite(terms, norm, done=step + 1)
    optimizer.step()
    optimizer.zero_grad()
    return terms, float(norm)


def _engine() -> type["Accelerator"]:
    """Accelerate, and a word on where to get it and what draws the curves before hours have gone by."""
    try:
        import matplotlib  # noqa: F401
        from accelerate import Accelerator
    except ImportError as error:
        raise PixmendError(f"training needs {error.name}: pip install 'pixmend[train]'") from error
    return Accelerator


def _check_processes(run: Run, accelerator: "Accelerator") -> None:
    """What several processes cannot do yet, said before it hangs."""
    if accelerator.num_processes > 1 and not run.data.every_task:
        raise PixmendError("data.every_task: one task per step runs in one process only, for now")
    if run.data.batch < accelerator.num_processes:
        raise PixmendError(f"data.batch: {run.data.batch} samples cannot be shared by {accelerator.num_processes}")


def _bfloat16(run: Run, device: torch.device) -> bool:
    """Whether to multiply in bfloat16; ``auto`` asks the device, since emulation would be slower than float32."""
    if run.precision != "auto":
        return run.precision == "bfloat16"
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def _batches(run: Run, network: EDT, accelerator: "Accelerator", loading: Callable[[int, int], None]) -> Batches:
    """Crops that fill the same patch of body tokens whatever their task."""
    patches = {task: run.data.patch * network.reduction(task) for task in run.model.tasks}
    largest = max(patch * scale(task) for task, patch in patches.items())
    return Batches(
        Pictures(run.data.folders, smallest=largest, progress=loading),
        patches=patches,
        batch=run.data.batch,
        every_task=run.data.every_task,
        candidates=run.data.candidates,
        seed=run.seed,
        share=(accelerator.process_index, accelerator.num_processes),
    )


def _to(batch: Batch, device: torch.device) -> Batch:
    return {task: Pair(*(side.to(device, non_blocking=True) for side in pair)) for task, pair in batch.items()}


def _stop_unless_finite(terms: dict[str, Tensor], norm: Tensor, *, done: int) -> None:
    """Before the optimizer, so that the weights stay good."""
    bad = [task for task, term in terms.items() if not torch.isfinite(term)]
    if bad or not torch.isfinite(norm):
        what = f"the loss of {', '.join(bad)}" if bad else "the gradient"
        raise PixmendError(f"step {done}: {what} is not finite; resume from the last save with a lower learning rate")
