"""The training loop, to be read from top to bottom."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pixmend import models
from pixmend.data import Batch, Batches, Pair, Pictures, scale
from pixmend.errors import PixmendError
from pixmend.models import EDT
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
    ``resume`` the run goes on after its last saved step, and ends as if it had never stopped: on the CPU bit for
    bit. Ctrl-C ends the step, saves, and raises KeyboardInterrupt. ``loading`` hears of pictures decoded.

    Raises:
        PixmendError: no pictures, ``out`` already holds a run (or holds none to resume), a full disk, or a loss or
            gradient that is not finite, in which case the last saved state is still good.
    """
    out = Path(out)
    check_folder(out, resume=resume)
    accelerator = _engine()(mixed_precision="no")  # its choice would be the whole process's; autocast is the run's
    autocast = torch.autocast(accelerator.device.type, torch.bfloat16, enabled=_bfloat16(run))
    torch.manual_seed(run.seed)
    network = models.build(run.model)
    assert isinstance(network, EDT)
    optimizer = torch.optim.Adam(network.parameters(), lr=run.optim.lr, betas=run.optim.betas)
    objective, optimizer = accelerator.prepare(L1(network), optimizer)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(run.ema))
    state = State(network, average, optimizer)
    start = state.restore(out) if resume else 0
    batches = _batches(run, network, accelerator, loading)
    begin(out, run)
    diary = Diary(out, run, batches, start=start)

    with Interrupt() as interrupt:
        for step, batch in enumerate(batches.from_step(start, run.steps, workers=run.data.workers), start):
            # Drop path draws from the global stream: tie it to the step, as everything else is.
            torch.manual_seed(generator((run.seed, step)).initial_seed())
            for group in optimizer.param_groups:
                group["lr"] = run.optim.lr * run.schedule(step, run.steps)
            with autocast:
                terms: dict[str, Tensor] = objective(_to(batch, accelerator.device))
            accelerator.backward(torch.stack(list(terms.values())).sum())
            norm = accelerator.clip_grad_norm_(objective.parameters(), run.clip or math.inf)
            assert norm is not None
            _stop_unless_finite(terms, norm, step=step)
            optimizer.step()
            optimizer.zero_grad()
            average.update_parameters(network)

            done, stopping = step + 1, interrupt.asked
            last = stopping or done == run.steps
            if accelerator.is_main_process:
                diary.note(done, terms, norm=float(norm), rate=optimizer.param_groups[0]["lr"], last=last)
                if done % run.every.preview == 0 or done == run.steps:
                    diary.preview(done, average.module)
                if done % run.every.save == 0 or last:
                    state.save(out, run, step=done)
                    diary.draw()
            watch(Progress(done, run.steps, diary.loss, run.data.batch * len(batch)))
            if stopping:
                raise KeyboardInterrupt(f"stopped and saved after step {done} of {run.steps}")
    return out / WEIGHTS


def _engine() -> type["Accelerator"]:
    """Accelerate, and a word on where to get it and what draws the curves before hours have gone by."""
    try:
        import matplotlib  # noqa: F401
        from accelerate import Accelerator
    except ImportError as error:
        raise PixmendError(f"training needs {error.name}: pip install 'pixmend[train]'") from error
    return Accelerator


def _bfloat16(run: Run) -> bool:
    """Whether to multiply in bfloat16; ``auto`` asks the device, since emulation would be slower than float32."""
    if run.precision != "auto":
        return run.precision == "bfloat16"
    return torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.ops.mkldnn._is_mkldnn_bf16_supported()


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


def _stop_unless_finite(terms: dict[str, Tensor], norm: Tensor, *, step: int) -> None:
    """Before the optimizer, so that the weights stay good."""
    bad = [task for task, term in terms.items() if not torch.isfinite(term)]
    if bad or not torch.isfinite(norm):
        what = f"the loss of {', '.join(bad)}" if bad else "the gradient"
        raise PixmendError(f"step {step}: {what} is not finite; resume from the last save with a lower learning rate")
