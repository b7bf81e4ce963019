"""How the sets of the field lie on disk. A folder is of one layout, or it is refused with the layouts it could be of.

For a task of scale 2, capitals of folders not counting::

    super-resolution   HR/x2/baby.png + LR/x2/babyx2.png            EDT; RCAN (HR/x2/baby_HR_x2.png + LRBI/x2/...)
                       HR/baby.png + LR_bicubic/X2/babyx2.png       EDSR
                       GTmod12/baby.png + LRbicx2/baby.png          BasicSR; GTmod2 before GTmod12
                       DIV2K_valid_HR/0801.png + DIV2K_valid_LR_bicubic/X2/0801x2.png
                       image_SRF_2/img_001_SRF_2_HR.png + ..._LR.png      SelfExSR
                       baby.png, HR/baby.png, original/baby.png     low made here: MATLAB bicubic, 8 bit
    denoising, JPEG    1.png, or one folder of them                 the protocol makes the degraded picture
    deraining          norain/norain-001.png + rain/rain-001.png    Rain100L and Rain100H
                       norain/norain-001.png + rain/X2/norain-001x2.png   their second release
                       norain-1.png + rain-1.png                    in one folder: their first one
                       target/1.png + input/1.png                   Restormer, all tasks
    deblurring         scene/sharp/1.png + scene/blur/1.png         GoPro
                       scene/gt/gt_1.png + scene/blur/blur_1.png    RealBlur
    defocus            test_c/target/1.png + test_c/source/1.png, or test_l and test_r/source for two views   DPDD
    a camera's noise   ValidationGtBlocksSrgb.mat + ValidationNoisyBlocksSrgb.mat, or target_crops + input_crops   SIDD
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from pixmend.errors import PixmendError
from pixmend.evaluate.benchmarks.blocks import CLEAN, NOISY, blocks_in
from pixmend.evaluate.benchmarks.defocus import defocus
from pixmend.evaluate.benchmarks.pairing import folders, has_pictures, inside, match, matched, pictures, within
from pixmend.evaluate.benchmarks.reading import Pair
from pixmend.tasks import Kind, Task

_Pairs = tuple[Pair, ...]
_Candidates = Iterator[tuple[str, Callable[[], _Pairs]]]
"""Names of layouts whose folders are there, and what pairs their files; nothing is paired before one is chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What a folder was found to be."""

    name: str
    pairs: _Pairs


_RESTORED = (("target", "input"), ("gt", "input"), ("gt", "lq"))
_PAIRED: Mapping[Kind, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "dr": (("norain", "rain"), *_RESTORED, ("norain", "rain/X2"), ("gt", "rain"), ("groundtruth", "rain")),
        "deblur": (*_RESTORED, ("sharp", "blur"), ("gt", "blur"), ("groundtruth", "blur")),
        "real": (*_RESTORED, ("target_crops", "input_crops"), ("gt", "noisy"), ("clean", "noisy")),
    }
)
"""Folders of true and of degraded pictures."""

_SCENES = (("sharp", "blur"), ("gt", "blur"))
_SPLITS = ("train", "test", "val", "valid", "validation")
"""Folders that are no scenes, whatever they hold."""

_SMALL = ("LR/x{0}", "LR_bicubic/X{0}", "LRBI/x{0}", "LRbicx{0}", "LR")
_ENLARGED = (
    (("HR/x{0}", "HR"), _SMALL),
    (("DIV2K_valid_HR",), ("DIV2K_valid_LR_bicubic/X{0}", "DIV2K_valid_LR_x{0}")),
)
_ALONE = ("HR", "HR/x{0}", "original", "DIV2K_valid_HR")
_HAS_SMALL = re.compile(r"(^|_)LR", re.IGNORECASE)
_RAINY = ("norain-", "rain-", "rainregion-", "rainstreak-")
"""What is in the one folder of the first release; the last two are neither clean nor rainy pictures."""


def layout_of(root: Path, task: Task) -> Layout:
    """What lies in a folder, for a task.

    Raises:
        PixmendError: none of the layouts, or more than one; a picture without a partner; two of one name.
    """
    if task.kind == "sr":
        found = list(_enlarged(root, task.scale)) or list(_alone(root, task.scale))
    elif task.kind in ("dn", "jpeg"):
        found = list(_clean(root))
    elif task.kind == "defocus":
        found = list(defocus(root, dual=task.name == "defocus_dual"))
    else:
        found = list(_degraded(root, task.kind))
    if len(found) > 1:
        names = "; ".join(name for name, _ in found)
        raise PixmendError(f"{root}: could be of {len(found)} layouts ({names}): keep one, or name a folder inside")
    name, build = found[0]
    return Layout(name=name, pairs=build())


def _enlarged(root: Path, scale: int) -> _Candidates:
    for highs, lows in ((_mod(root, scale), _SMALL), *_ENLARGED):
        for high in within(root, *(name.format(scale) for name in highs)):
            for low in within(root, *(name.format(scale) for name in lows)):
                yield _named(root, high, low), partial(_two, high, low, scale=scale)
    ending = f"_SRF_{scale}_HR"
    for folder in (root, *within(root, f"image_SRF_{scale}")):
        if has_pictures(folder) and any(name.endswith(ending) for name in pictures(folder)):
            yield f"{ending[1:]} + {ending[1:-2]}LR", partial(_selfexsr, folder, scale)


def _mod(root: Path, scale: int) -> tuple[str, ...]:
    """Of the folders of originals cropped to multiples, that of the scale, else of 12, else all."""
    names = [path.name for path in folders(root) if re.fullmatch(r"GTmod\d+", path.name, re.IGNORECASE)]
    for wanted in (f"gtmod{scale}", "gtmod12"):
        if any(name.lower() == wanted for name in names):
            return (wanted,)
    return tuple(names)


def _selfexsr(folder: Path, scale: int) -> _Pairs:
    """Other files of the folder are results of methods, which some copies hold as well."""
    files = pictures(folder)
    high, low = (
        {name: path for name, path in files.items() if name.endswith(f"_SRF_{scale}_{side}")} for side in ("HR", "LR")
    )
    return _pairs(match(high, low, where=(folder, folder), scale=scale))


def _alone(root: Path, scale: int) -> _Candidates:
    names = [name.format(scale) for name in (*_ALONE, *_mod(root, scale))]
    originals = within(root, *names)
    if originals and any(_HAS_SMALL.search(path.name) for path in folders(root)):
        raise PixmendError(
            f"{root}: has {_within(root, originals[0])} but neither LR/x{scale} nor LR_bicubic/X{scale}: "
            f"add one, or name {originals[0]} itself to have the low-resolution pictures made"
        )
    for folder in originals:
        yield f"{_within(root, folder)} alone", partial(_unpaired, folder)
    if has_pictures(root) or not originals:
        yield "pictures", partial(_unpaired, root)


def _clean(root: Path) -> _Candidates:
    """The folder's own pictures, else those of the only folder inside that has some."""
    if has_pictures(root):
        yield "pictures", partial(_unpaired, root)
        return
    filled = [folder for folder in folders(root) if has_pictures(folder)]
    yield from ((f"{folder.name} alone", partial(_unpaired, folder)) for folder in filled)
    if not filled:
        yield "pictures", partial(_unpaired, root)


def _degraded(root: Path, kind: Kind) -> _Candidates:
    empty = True
    for name, build in _known_degraded(root, kind):
        empty = False
        yield name, build
    if empty:
        names = ", or ".join(f"{high} and {low}" for high, low in _PAIRED[kind])
        raise PixmendError(f"{root}: expected the folders {names}{inside(root)}")


def _known_degraded(root: Path, kind: Kind) -> _Candidates:
    for high_name, low_name in _PAIRED[kind]:
        for high in within(root, high_name):
            for low in within(root, low_name):
                yield _named(root, high, low), partial(_two, high, low)
    if kind == "deblur":
        scenes = [folder for folder in folders(root) if folder.name.lower() not in _SPLITS]
        for names in _SCENES:
            if any(within(scene, names[0]) and within(scene, names[1]) for scene in scenes):
                yield f"*/{names[0]} + */{names[1]}", partial(_scenes, scenes, names)
    if kind == "dr" and has_pictures(root):
        names = pictures(root)
        if all(any(name.startswith(beginning) for name in names) for beginning in _RAINY[:2]):
            yield "norain- + rain-", partial(_one_rainy_folder, root)
    if kind == "real" and any((root / f"{name}.mat").is_file() for name in (CLEAN, NOISY)):
        yield f"{CLEAN}.mat + {NOISY}.mat", partial(_blocks, root)


def _scenes(scenes: list[Path], names: tuple[str, str]) -> _Pairs:
    pairs = []
    for scene in scenes:
        sides = [within(scene, name) for name in names]
        if not any(sides):
            continue
        if not all(len(side) == 1 for side in sides):
            raise PixmendError(f"{scene}: expected the folders {names[0]} and {names[1]} with pictures{inside(scene)}")
        found = matched(sides[0][0], sides[1][0])
        pairs += [Pair(name=f"{scene.name}/{name}", high=high, low=low) for name, high, low in found]
    return tuple(pairs)


def _one_rainy_folder(root: Path) -> _Pairs:
    files = pictures(root)
    other = [path.name for name, path in files.items() if not name.startswith(_RAINY)]
    if other:
        raise PixmendError(f"{root}: {other[0]} is neither norain- nor rain-: expected nothing else in the folder")
    high, low = (
        {name.removeprefix(start): path for name, path in files.items() if name.startswith(start)}
        for start in _RAINY[:2]
    )
    return _pairs(match(high, low, where=(root, root)))


def _blocks(root: Path) -> _Pairs:
    high, low = (root / f"{name}.mat" for name in (CLEAN, NOISY))
    for path in (high, low):
        if not path.is_file():
            raise PixmendError(f"{path}: no such file: both {high.name} and {low.name} are needed")
    counts = blocks_in(high)
    if counts != blocks_in(low):
        raise PixmendError(f"{low}: holds {blocks_in(low)} scenes and blocks, {high.name} has {counts}")
    every = ((scene, block) for scene in range(counts[0]) for block in range(counts[1]))
    return tuple(Pair(name=f"{at[0] + 1:04}_{at[1] + 1:02}", high=high, low=low, block=at) for at in every)


def _two(high: Path, low: Path, *, scale: int = 1) -> _Pairs:
    return _pairs(matched(high, low, scale=scale))


def _pairs(found: list[tuple[str, Path, Path]]) -> _Pairs:
    return tuple(Pair(name=name, high=high, low=low) for name, high, low in found)


def _unpaired(folder: Path) -> _Pairs:
    files = pictures(folder)
    both = [name for name in files if name.endswith("_LR") and f"{name.removesuffix('LR')}HR" in files]
    if both:
        raise PixmendError(f"{folder}: holds pictures of high and low resolution ({both[0]}) of no layout: sort them")
    return tuple(Pair(name=name, high=path, low=None) for name, path in files.items())


def _named(root: Path, high: Path, low: Path) -> str:
    return f"{_within(root, high)} + {_within(root, low)}"


def _within(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()
