"""What of a fine-tuning fits into a budget of memory: the first of several forms, each farther from the whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from pixmend.errors import PixmendError
from pixmend.train.config import Everything, Last, LowRank, Run, Trained
from pixmend.train.finetune.presets import rate

RANK = 8
"""Of the change that LoRA learns, the most common one of its paper (2106.09685, table 6)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The form that was chosen, and why."""

    run: Run
    needed: int
    """Bytes."""
    whole: int
    """Bytes of the form that was wished for: everything trained, each batch in one part."""
    budget: int
    blocks: int
    """Of the network."""


def choose(
    run: Run, *, patches: Sequence[int], blocks: int, budget: int, needs: Callable[[Run], int], new: bool = False
) -> Choice:
    """The first form that ``needs`` at most the budget.

    For each patch, the largest first: all of the network; a change of low rank; its last blocks, half of them, a
    quarter, and so on. Each of these first as it is, then with batches in more and more parts, then with blocks
    recomputed, which both leave the training what it is. Where parts of the network are ``new``, nothing is frozen.

    Raises:
        PixmendError: not even the last fits; the message says what that one needs.
    """
    needs = cache(needs)

    def chosen(form: Run) -> Choice:
        return Choice(run=form, needed=needs(form), whole=needs(wished), budget=budget, blocks=blocks)

    wished = replace(run, data=replace(run.data, patch=patches[0]))
    if needs(wished) <= budget:
        return chosen(wished)
    forms = [_frozen(run, trained, patch) for patch in patches for trained in _trained(blocks, new=new)]
    if (least := needs(_leanest(forms[-1]))) > budget:
        raise PixmendError(
            f"--budget: {gigabytes(budget)} is too little for this network, whose smallest form of training takes "
            f"{gigabytes(least)}: give more, or take a smaller network"
        )
    form = next(form for form in forms if needs(_leanest(form)) <= budget)
    return chosen(next(each for each in _mildest_first(form) if needs(each) <= budget))


def gigabytes(count: float) -> str:
    """For people: 6.9 GB, of a thousand million bytes each."""
    return f"{count / 1e9:.3g} GB"


def _trained(blocks: int, *, new: bool) -> Iterator[Trained]:
    yield Everything()
    if new:
        return
    yield LowRank(rank=RANK)
    while blocks > 1:
        blocks //= 2
        yield Last(blocks=blocks)


def _frozen(run: Run, trained: Trained, patch: int) -> Run:
    return replace(
        run, trained=trained, optim=replace(run.optim, lr=rate(trained)), data=replace(run.data, patch=patch)
    )


def _mildest_first(run: Run) -> Iterator[Run]:
    """Fewer parts before more; recomputing, which costs time, only where no number of parts is enough."""
    parts = [count for power in range(run.data.batch.bit_length()) if (count := 2**power) < run.data.batch]
    for checkpoint in (False, True):
        for count in (*parts, run.data.batch):
            yield _engine(run, parts=count, checkpoint=checkpoint)


def _leanest(run: Run) -> Run:
    return _engine(run, parts=run.data.batch, checkpoint=True)


def _engine(run: Run, *, parts: int, checkpoint: bool) -> Run:
    return replace(run, engine=replace(run.engine, accumulate=parts, checkpoint=checkpoint))
