"""A worker process that ends or falls silent is one line that says what to do, not a stack trace or a wait for ever."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch

import pixmend as pm
import pixmend.data.workers
from pixmend.data import Batches
from pixmend.data.workers import telling_of_workers


class Flat:
    """Grey pictures of which one kind of trouble can be asked."""

    def __init__(self, trouble):
        self.skipped: list[tuple[Path, str]] = []
        self.trouble = trouble

    def __len__(self):
        return 4

    def name(self, index):
        return f"{index}.png"

    def crop(self, index, side, *, key):
        self.trouble()
        return torch.full((3, side, side), 10 * index, dtype=torch.uint8)


def batches(trouble) -> Batches:
    return Batches(Flat(trouble), patches={"dn_g25": 8}, batch=1, every_task=True, candidates=1, seed=0)


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_told_with_what_to_do():
    told = r"^data\.workers: (the worker process \d+|a worker process) was ended, .*: take fewer "
    with pytest.raises(pm.PixmendError, match=told), telling_of_workers():
        for _ in batches(kill_myself).from_step(0, 50, workers=1):
            pass


def test_a_worker_that_is_killed_while_the_main_process_works_is_told_too():
    others = torch.multiprocessing.active_children()
    made = batches(lambda: None).from_step(0, 10_000, workers=1)
    next(made)
    [worker] = [child for child in torch.multiprocessing.active_children() if child not in others]
    with (
        pytest.raises(pm.PixmendError, match=r"data\.workers: (the worker process \d+|a worker process) was ended"),
        telling_of_workers(),
    ):
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.01)


def test_a_worker_that_gives_nothing_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(pixmend.data.workers, "PATIENCE", 0.6)
    with pytest.raises(pm.PixmendError, match=r"data\.workers: no batch came for 0\.01 minutes: does the disk"):
        next(batches(lambda: time.sleep(2)).from_step(0, 5, workers=1))


def test_other_errors_are_left_as_they_are():
    with pytest.raises(RuntimeError, match="^shapes do not fit$"), telling_of_workers():
        raise RuntimeError("shapes do not fit")
