"""The studies by name."""

from collections.abc import Callable

from pixmend.errors import PixmendError, nearest
from pixmend.studies import networks, pretraining
from pixmend.studies.design import Study

STUDIES: dict[str, Callable[[], Study]] = {
    "contrastive": pretraining.contrastive,
    "relatedness": pretraining.relatedness,
    "ladder": pretraining.ladder,
    "windows": networks.windows,
    "same_task": pretraining.same_task,
    "progressive": networks.progressive,
    "blocks": networks.blocks,
    "expansion": networks.expansion,
}


def find(name: str) -> Study:
    """A study by its name.

    Raises:
        PixmendError: no such study; the message names the nearest.
    """
    if name not in STUDIES:
        raise PixmendError(f"no study is called {name!r}: {nearest(name.lower(), STUDIES)}")
    return STUDIES[name]()
