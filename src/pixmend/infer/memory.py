"""How much memory the machine and the container have left, and how much this process holds. No library is needed."""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

_USUAL = 350_000_000
"""Bytes that Python with PyTorch and small weights takes, where the system does not say."""


def free() -> int:
    """Bytes that may be taken, of the machine and of the container that this process is in.

    Where the system does not tell memory that is merely cached from memory in use (macOS), half of the machine.
    """
    return min(_available(), left_in_groups())


def machine() -> int:
    """Bytes of the machine."""
    if sys.platform == "win32":
        return _windows()["total"]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def resident() -> int:
    """Bytes that this process holds now; what is usual where the system does not say."""
    table = Path("/proc/self/statm")
    if not table.exists():
        return _USUAL
    return int(table.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def left_in_groups(root: Path = Path("/")) -> int:
    """What the control groups of this process leave it, which is how containers are limited; a file's cache is free.

    ``sys.maxsize`` where there are none. Both versions of control groups are known.
    """
    own, left = root / "proc/self/cgroup", [sys.maxsize]
    for line in own.read_text().splitlines() if own.exists() else []:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        group = top / path.lstrip("/")
        left += [_left(each, *names) for each in (group, *group.parents) if each.is_relative_to(top)]
    return max(0, min(left))


def _left(group: Path, limit: str, usage: str) -> int:
    """Of one group; one that says no limit, or is not there as a container sees it, has all."""
    try:
        most = (group / limit).read_text().strip()
        used = int((group / usage).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:
        return sys.maxsize
    cached = int(stat.get("total_inactive_file", stat.get("inactive_file", "0")))
    return sys.maxsize if most == "max" else int(most) - used + cached


def _available() -> int:
    if sys.platform == "win32":
        return _windows()["available"]
    info = Path("/proc/meminfo")
    if not info.exists():
        return machine() // 2
    lines = dict(line.split(":") for line in info.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def _windows() -> dict[str, int]:
    """What ``GlobalMemoryStatusEx`` tells: its structure is two 32-bit and seven 64-bit numbers."""
    numbers = (ctypes.c_uint64 * 8)()
    ctypes.cast(numbers, ctypes.POINTER(ctypes.c_uint32))[0] = ctypes.sizeof(numbers)
    libraries: Any = ctypes
    libraries.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(numbers))
    return {"total": numbers[1], "available": numbers[2]}
