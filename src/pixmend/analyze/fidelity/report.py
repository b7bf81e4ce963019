"""All that can be asked about one picture, of one network or several.

C channels, h and w height and width of the picture, H and W of the results.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.fidelity.disagreement import Disagreement, disagreement
from pixmend.analyze.fidelity.maps import DoubtMap
from pixmend.analyze.fidelity.residual import Residual, residual_of
from pixmend.analyze.fidelity.truth import Agreement, agreement, edges_of, error_of
from pixmend.analyze.fidelity.variance import ensemble
from pixmend.analyze.network import asked, check_askable
from pixmend.degrade import Degradation
from pixmend.errors import PixmendError
from pixmend.infer.ensemble import TURNS
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer

Progress = Callable[[float, int], None]
"""Called with the passes over the picture that are done, parts of one included, and those in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Of one network."""

    result: Tensor
    """(C, H, W) in [0, 1]."""
    residual: Residual
    ensemble: DoubtMap
    error: DoubtMap | None
    """Where the true picture was given."""
    agreements: dict[str, Agreement]
    """By the name of a map: what it has to do with the error; ``edges`` are those of the result. Empty without the true
    picture."""

    @property
    def maps(self) -> list[DoubtMap]:
        """What this network alone is in doubt about, and the error, if it is known."""
        return [self.residual.map, self.ensemble, *([] if self.error is None else [self.error])]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fidelity:
    """Of one picture."""

    answers: tuple[Answer, ...]
    """In the order of the networks."""
    disagreement: Disagreement | None
    """Of two networks or more."""


def fidelity_of(
    networks: Sequence[Restorer],
    image: Tensor,
    *,
    again: Degradation | None = None,
    true: Tensor | None = None,
    progress: Progress = lambda done, total: None,
) -> Fidelity:
    """Where results for a picture (C, h, w) of any size may be invented, in tiles where it is large, on the CPU.

    ``again`` degrades the results for comparison with the picture, where it is not what the networks are known to undo.
    Each network passes the picture eight times. Results are clamped to [0, 1], as in a file, and not rounded.

    Raises:
        PixmendError: no network, one that cannot be asked, networks of different scales, a degradation or a true
            picture that does not fit; or as ``Pipeline``.
    """
    for network in networks:
        check_askable(network)
    scales = sorted({network.scale for network in networks})
    if len(scales) != 1:
        got = f"scales {' and '.join(map(str, scales))}" if scales else "none"
        raise PixmendError(f"fidelity: expected networks of one scale, got {got}: ask them one by one")
    if true is not None:
        check_true(true, image, scale=scales[0])
    passes = _Passes(total=len(networks) * len(TURNS), tell=progress)
    seen = [_asked_once(network, image, passes) for network in networks]
    between = disagreement([result for result, _ in seen]) if len(seen) > 1 else None
    answers = [
        _answer(network, result, doubt, image, again=again, true=true, between=between)
        for network, (result, doubt) in zip(networks, seen, strict=True)
    ]
    return Fidelity(answers=tuple(answers), disagreement=between)


def check_true(true: Tensor, image: Tensor, *, scale: int) -> None:
    """Whether results for ``image`` (C, h, w) can be compared with a picture.

    Raises:
        PixmendError: it is not ``scale`` times as large.
    """
    height, width = image.shape[-2:]
    if true.shape[-2:] != (height * scale, width * scale):
        got = f"the true picture is {true.shape[-1]} x {true.shape[-2]}"
        raise PixmendError(f"{got}, and {scale} times {width} x {height} was expected")


@dataclass(kw_only=True, slots=True)
class _Passes:
    """Passes over the picture, counted over all networks."""

    total: int
    tell: Progress
    done: int = 0

    def through(self, pipeline: Pipeline, image: Tensor) -> Tensor:
        result = pipeline(image, progress=lambda done, total: self.tell(self.done + done / total, self.total))
        self.done += 1
        return result


def _asked_once(network: Restorer, image: Tensor, passes: _Passes) -> tuple[Tensor, DoubtMap]:
    like = next(network.parameters(), image)
    if like.device.type != "cpu" or like.dtype != torch.float32:
        network = copy.deepcopy(network)  # the pipeline would move it
    with asked(network):
        pipeline = Pipeline(network, device="cpu")
        return ensemble(lambda turned: passes.through(pipeline, turned), image)


def _answer(
    network: Restorer,
    result: Tensor,
    doubt: DoubtMap,
    image: Tensor,
    *,
    again: Degradation | None,
    true: Tensor | None,
    between: Disagreement | None,
) -> Answer:
    residual = residual_of(network, result, image, again=again)
    if true is None:
        return Answer(result=result, residual=residual, ensemble=doubt, error=None, agreements={})
    error, edges = error_of(result, true), edges_of(result)
    maps = {residual.map.name: residual.map.enlarged(), doubt.name: doubt.values}
    if between is not None:
        maps[between.map.name] = between.map.values
    maps["edges"] = edges
    return Answer(
        result=result,
        residual=residual,
        ensemble=doubt,
        error=error,
        agreements={name: agreement(values, error.values, edges=edges) for name, values in maps.items()},
    )
