"""What ``pixmend doctor`` looks at: each thing tried, not only looked up."""

import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from pixmend.models.base import Restorer

State = Literal["ok", "note", "fails"]

_GB = 1e9
_SIDE = 512  # of the matrices that are multiplied
_NODES = {"/dev/nvidia0": "NVIDIA", "/dev/kfd": "AMD"}
_LITTLE = 2 * _GB


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    group: str
    name: str
    state: State
    """``note`` is something missing that one can do without; ``fails`` is something that should work and does not."""
    told: str
    fix: str = ""


def versions() -> Iterator[Finding]:
    import torch

    yield Finding(group="versions", name="pixmend", state="ok", told=metadata.version("pixmend"))
    system = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(group="versions", name="Python", state="ok", told=system)
    builds = {"CUDA": torch.version.cuda, "ROCm": getattr(torch.version, "hip", None)}
    built = ", ".join(f"{name} {version}" for name, version in builds.items() if version) or "the CPU"
    yield Finding(group="versions", name="PyTorch", state="ok", told=f"{torch.__version__}, built for {built}")


def devices() -> "list[tuple[torch.device, str]]":
    """Those that can compute here, and what they are."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [(torch.device("cpu"), f"{cores} cores, {torch.get_num_threads()} threads, {capability}")]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        told = f"{torch.cuda.get_device_name(index)}, {free / _GB:.1f} of {total / _GB:.1f} GB free"
        found.append((torch.device("cuda", index), told))
    if torch.backends.mps.is_available():
        found.append((torch.device("mps"), "the GPU of this Mac, which shares its memory"))
    if torch.xpu.is_available():
        found.append((torch.device("xpu"), torch.xpu.get_device_name(0)))
    return found


def idle_gpus(nodes: dict[str, str] = _NODES) -> Iterator[Finding]:
    """A GPU that the system shows and PyTorch does not use."""
    import torch

    if torch.cuda.is_available():
        return
    for maker in sorted({maker for node, maker in nodes.items() if Path(node).exists()}):
        ours = torch.version.cuda if maker == "NVIDIA" else getattr(torch.version, "hip", None)
        if ours:
            told, fix = "is there, but PyTorch cannot use it", "update its driver; is it lent to this container?"
        else:
            told = "is there, but this PyTorch is built without it"
            fix = f"install the PyTorch for {maker} that its start page names for this system"
        yield Finding(group="devices", name=f"{maker} GPU", state="note", told=told, fix=fix)


def precisions(device: "torch.device") -> Iterator[Finding]:
    """Whether bfloat16 works, and how long a product takes in it beside float32."""
    import torch

    try:
        slow, fast = (_product_seconds(device, dtype) for dtype in (torch.float32, torch.bfloat16))
    except (RuntimeError, TypeError) as error:
        told = f"does not work: {error}".splitlines()[0]
        yield Finding(group="precisions", name=f"bfloat16, {device}", state="note", told=told, fix="use float32")
        return
    share = fast / slow
    told, fix = f"takes {share:.2g} times the time of float32", ""
    if share > 1:
        told, fix = told + ", at half the memory", "use float32, unless memory is short"
    yield Finding(group="precisions", name=f"bfloat16, {device}", state="ok", told=told, fix=fix)


def _product_seconds(device: "torch.device", dtype: "torch.dtype") -> float:
    """Of the fastest of a few."""
    import torch

    first = torch.ones(_SIDE, _SIDE, device=device, dtype=dtype)
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        if float((first @ first)[0, 0]) != _SIDE:
            raise RuntimeError("its products are wrong")
        taken.append(time.perf_counter() - start)
    return min(taken)


def conformance(network: "Restorer", device: "torch.device", precision: str) -> Finding:
    """The bundled network on the stored picture."""
    from pixmend.infer.conformance import conform

    name = f"{device}, {precision}"
    try:
        found = conform(network.to(device).eval(), device=device, precision=precision)
    except (RuntimeError, MemoryError) as error:
        told = " ".join(f"does not compute: {error}".split())[:120]
        return Finding(group="results", name=name, state="fails", told=told, fix="use --device cpu")
    told = f"{found.difference:.2g} levels of 255 from the stored result, allowed {found.tolerance:g}"
    if found.passed:
        return Finding(group="results", name=name, state="ok", told=told)
    fix = "use --device cpu" if device.type != "cpu" else "use float32" if precision != "float32" else "install anew"
    return Finding(group="results", name=name, state="fails", told=told, fix=fix)


def codecs() -> Iterator[Finding]:
    """Each format written and read back at each of its depths."""
    from pixmend.image.options import FORMATS, WRITABLE

    for format, holds in FORMATS.items():
        suffix = next(ending for ending, name in WRITABLE.items() if name == format)
        works, broken = [], []
        for depth in holds.depths:
            fault = _codec_fault(suffix, depth, alpha=holds.alpha, exact=holds.quality is None)
            words = "32-bit float" if depth == 32 else f"{depth}-bit"
            (broken if fault else works).append(f"{words}{f' ({fault})' if fault else ''}")
        alpha = ", transparency" if holds.alpha else ""
        told = f"reads and writes {', '.join(works)}{alpha}" if works else "cannot be used"
        if broken:
            told += f"; not {'; '.join(broken)}"
        fix = "install pillow, pyvips and tifffile anew, or write .png" if broken else ""
        yield Finding(group="formats", name=format, state="fails" if broken else "ok", told=told, fix=fix)


def _codec_fault(suffix: str, depth: Literal[8, 16, 32], *, alpha: bool, exact: bool) -> str | None:
    """What goes wrong with a small picture, if anything."""
    import torch

    from pixmend.errors import PixmendError
    from pixmend.image import Picture, WriteOptions, read_picture, write_picture

    pixels = torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16)
    see_through = torch.linspace(0.5, 1, 16 * 16).view(1, 16, 16) if alpha else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"tried{suffix}"
        try:
            write_picture(path, Picture(pixels=pixels, alpha=see_through), options=WriteOptions(depth=depth))
            back = read_picture(path)
        except (PixmendError, OSError, ImportError, RuntimeError, ValueError) as error:
            return " ".join(str(error).replace(str(path), "").split())[:80]
    pairs = [(back.pixels, pixels), (back.alpha, see_through)] if see_through is not None else [(back.pixels, pixels)]
    near = 1 / 2**depth if exact else 0.1
    same = all(one is not None and float((one - other).abs().max()) <= near for one, other in pairs)
    return None if same and back.depth == depth else "comes back as another picture"


def extras() -> Iterator[Finding]:
    """Optional parts of pixmend, by what ``pip`` says is installed."""
    wanted: dict[str, list[str]] = {}
    for line in metadata.requires("pixmend") or ():
        if found := re.match(r"([\w.-]+)[^;]*;.*extra\s*==\s*['\"]([\w-]+)['\"]", line):
            wanted.setdefault(found[2], []).append(found[1])
    for extra, names in sorted(wanted.items()):
        if extra == "dev":
            continue
        missing = [name for name in names if not _installed(name)]
        told = f"without {', '.join(missing)}" if missing else "installed"
        fix = f"pip install 'pixmend[{extra}]'" if missing else ""
        yield Finding(group="extras", name=extra, state="note" if missing else "ok", told=told, fix=fix)


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def places() -> Iterator[Finding]:
    """Memory, disk, and where fetched weights are kept."""
    from pixmend.infer.memory import free, machine
    from pixmend.weights.fetch import folder

    left = free()
    told, short = f"{left / _GB:.1f} GB free for this process, of {machine() / _GB:.1f} GB", left < _LITTLE
    fix = "close other programs, or give --max-memory" if short else ""
    yield Finding(group="places", name="memory", state="note" if short else "ok", told=told, fix=fix)
    disk = shutil.disk_usage(Path.cwd())
    short = disk.free < _LITTLE
    told = f"{disk.free / _GB:.1f} GB free of {disk.total / _GB:.1f} GB, in this folder"
    yield Finding(
        group="places", name="disk", state="note" if short else "ok", told=told, fix="free space" if short else ""
    )
    kept = folder()
    there = next(each for each in (kept, *kept.parents) if each.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Finding(group="places", name="weights", state="ok", told=f"kept in {kept}")
    else:
        fix = "make it writable, or name another folder in PIXMEND_WEIGHTS"
        yield Finding(group="places", name="weights", state="fails", told=f"{there}: cannot be written to", fix=fix)
