"""What a study is: arms that are trained alike but for one thing, and what a paper says of how they compare."""

from collections.abc import Callable
from dataclasses import dataclass

from pixmend.train import Run

Chain = Callable[[int], tuple[Run, ...]]
"""So many steps to the runs that take them together; each but the first begins with the weights of the one before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One way to train. The pictures, the seed and what each run begins with are filled in when it is carried out."""

    name: str
    runs: Chain
    share: float = 1.0
    """Of the training pictures, evenly over their order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """A part of the claim as a number that it says is above 0: the scores of some arms less those of others."""

    says: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A paper's claim and a small experiment about it."""

    name: str
    claim: str
    """In a sentence, with the paper's number where it gives one."""
    source: str
    """Paper, section or table."""
    small: str
    """What the small form changes, and what it therefore cannot say."""
    task: str
    """What is scored, by the protocol of the field's tables."""
    arms: tuple[Arm, ...]
    contrasts: tuple[Contrast, ...]

    def __post_init__(self) -> None:
        names = {arm.name for arm in self.arms}
        assert all({*contrast.plus, *contrast.minus} <= names for contrast in self.contrasts), "contrasts name arms"
