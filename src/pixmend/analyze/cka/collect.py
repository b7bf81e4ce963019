"""Every layer compared with every other, batch by batch: Gram matrices are kept, and features are not.

n examples in a batch, L layers of all networks together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from pixmend.analyze.cka.estimator import FEWEST, gram, hsics, normalised, u_centred
from pixmend.analyze.cka.layers import Layer, stream
from pixmend.analyze.network import asked
from pixmend.analyze.points import Point, watched
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer

BATCH = 16
"""Examples whose Gram matrices are compared at a time, if nobody says how many."""


class Batches(Protocol):
    """Batches (n, C, H, W), as many as it has."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Tensor]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Similarity:
    """How alike the features of all layers are, from 1 down to 0 and, by chance, a little below."""

    layers: tuple[Layer, ...]
    """Of the first network."""
    other_layers: tuple[Layer, ...]
    """Of the other one; of the first again where only one was asked."""
    joint: Tensor
    """(L, L) float64, the first network's layers before the other's; NaN beside a layer that is ``constant``."""
    examples: int
    batches: int

    @property
    def own(self) -> Tensor:
        """The first network's layers with one another."""
        return self.joint[: len(self.layers), : len(self.layers)]

    @property
    def other(self) -> Tensor:
        """The other network's layers with one another."""
        return self.joint[-len(self.other_layers) :, -len(self.other_layers) :]

    @property
    def matrix(self) -> Tensor:
        """A row for each layer of the first network, a column for each of the other one."""
        return self.joint[: len(self.layers), -len(self.other_layers) :]

    @property
    def constant(self) -> tuple[str, ...]:
        """Layers that are the same for all examples and so like nothing."""
        names = [layer.name for layer in (*self.layers, *self.other_layers)]
        return tuple(dict.fromkeys(names[at] for at in self.joint.diagonal().isnan().nonzero().flatten().tolist()))


def similarity(
    network: Restorer,
    patches: Batches,
    *,
    other: Restorer | None = None,
    other_patches: Batches | None = None,
    layers: Sequence[Layer] | None = None,
    other_layers: Sequence[Layer] | None = None,
    batch: int = BATCH,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Similarity:
    """Minibatch CKA of every layer with every other, of one network or of two.

    ``patches`` is a tensor (N, C, H, W) in [0, 1], cut into about N / ``batch`` batches whose sizes differ by one at
    most, or batches already. ``other_patches`` are what the other network sees of the same examples in the same order,
    where that is not the same. Layers are those of ``stream`` unless named. The estimates of HSIC are averaged over
    batches before they are divided by one another. ``progress`` hears of batches that passed a network.

    Raises:
        PixmendError: a batch of fewer than 4 examples, or of other numbers for the two; pictures that do not fit the
            network, or are larger than the only size it takes; features that are not finite, or are no batches.
    """
    seen = [_Seen(network, _cut(patches, batch), tuple(stream(network) if layers is None else layers))]
    if other is not None:
        theirs = stream(other) if other_layers is None else other_layers
        seen.append(_Seen(other, _cut(patches if other_patches is None else other_patches, batch), tuple(theirs)))
    elif other_patches is not None or other_layers is not None:
        raise PixmendError("similarity: other_patches and other_layers have no effect without other")
    _check(seen)
    batches = len(seen[0].patches)
    hsic, examples, done = torch.zeros((), dtype=torch.float64), 0, 0
    constant = torch.ones((), dtype=torch.bool)
    for together in zip(*(each.patches for each in seen), strict=True):
        made: list[tuple[Tensor, bool]] = []
        for each, shown in zip(seen, together, strict=True):
            found = _grams(each, shown, expected=together[0].shape[0])
            made += [found[layer] for layer in each.layers]
            done += 1
            progress(done, batches * len(seen))
        hsic = hsic + hsics(u_centred(torch.stack([gram for gram, _ in made])))
        constant = constant & torch.tensor([still for _, still in made])
        examples += together[0].shape[0]
    return Similarity(
        layers=seen[0].layers,
        other_layers=seen[-1].layers,
        joint=normalised(hsic / batches, constant=constant),
        examples=examples,
        batches=batches,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A network, and what it sees."""

    network: Restorer
    patches: Batches
    layers: tuple[Layer, ...]


def _cut(patches: Batches, batch: int) -> Batches:
    """Batches of about that size."""
    if not isinstance(patches, Tensor):
        return patches
    if batch < FEWEST:
        raise PixmendError(f"similarity: expected a batch of {FEWEST} examples or more, got {batch}")
    return patches.tensor_split(max(1, patches.shape[0] // batch))


def _check(seen: Sequence[_Seen]) -> None:
    counts = [len(each.patches) for each in seen]
    if len(set(counts)) > 1 or 0 in counts:
        raise PixmendError(f"similarity: expected as many batches for both networks, one or more, got {counts}")
    if not all(each.layers for each in seen):
        raise PixmendError("similarity: expected one layer or more of each network, got none")


def _grams(seen: _Seen, shown: Tensor, *, expected: int) -> dict[Layer, tuple[Tensor, bool]]:
    """Of each layer its Gram matrix, and whether it is constant, when the network is shown a batch."""
    if shown.dim() != 4 or shown.shape[0] < FEWEST or shown.shape[0] != expected:
        say = "as many for both networks" if shown.dim() == 4 and shown.shape[0] >= FEWEST else f"n of {FEWEST} or more"
        raise PixmendError(f"similarity: expected batches (n, C, H, W), {say}, got shape {tuple(shown.shape)}")
    size = seen.network.fixed_size
    if size is not None and max(shown.shape[2:]) > size:
        raise PixmendError(
            f"similarity: this network sees {size} x {size} pixels at a time, got {tuple(shown.shape[2:])}: "
            "cut patches of that size"
        )
    taking = _Taking(seen.layers, examples=shown.shape[0])
    like = next(seen.network.parameters(), shown)
    with asked(seen.network), torch.no_grad(), watched(seen.network, taking.points, taking.take):
        seen.network(shown.to(like.device, like.dtype))
    for layer in seen.layers:
        if layer not in taking.found:
            raise PixmendError(f"{layer.name}: no picture passes it, or its difference was asked before its base")
    return taking.found


@dataclass(slots=True)
class _Taking:
    """Features on their way to Gram matrices."""

    layers: Sequence[Layer]
    examples: int
    found: dict[Layer, tuple[Tensor, bool]] = field(default_factory=dict)
    bases: dict[Point, Tensor] = field(default_factory=dict)
    """What is still to be subtracted from something."""

    @property
    def points(self) -> list[Point]:
        return list(dict.fromkeys(point for layer in self.layers for point in (layer.less, layer.point) if point))

    def take(self, point: Point, features: Tensor) -> None:
        for layer in self.layers:
            if layer.point == point:
                self.found[layer] = self._gram(layer, features)
        if any(layer.less == point for layer in self.layers):
            self.bases[point] = features
        waiting = {layer.less for layer in self.layers if layer not in self.found}
        for base in [base for base in self.bases if base not in waiting]:
            del self.bases[base]

    def _gram(self, layer: Layer, features: Tensor) -> tuple[Tensor, bool]:
        if features.shape[0] != self.examples or layer in self.found:
            raise PixmendError(
                f"{layer.name}: expected features of {self.examples} examples once, got shape {tuple(features.shape)}"
            )
        if layer.less is not None:
            base = self.bases.get(layer.less)
            if base is None or base.shape != features.shape:
                raise PixmendError(f"{layer.name}: is no sum with {layer.less.name}, so nothing was added to it")
            features = features - base
        found, constant = gram(features)
        if not bool(found.isfinite().all()):
            raise PixmendError(f"{layer.name}: features are not finite")
        return found, constant
