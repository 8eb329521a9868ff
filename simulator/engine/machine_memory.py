"""How much memory this process has, and how much the machine or its container lets it have."""

from __future__ import annotations

import os
from pathlib import Path

SHARE = 0.8  # of what the machine has, by default for one simulation
# Limits of a container, by cgroup version 2 and 1; without a container they say ``max`` or more than the machine has.
CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
TYPICAL_PROCESS_BYTES = 190 << 20  # with numba, NumPy and pandas loaded; where the system does not say


def default_limit_bytes() -> int | None:
    """`SHARE` of the memory of the machine, or of its container where that is less; None where neither is known."""
    known = [n for n in (_machine_bytes(), *map(_cgroup_bytes, map(Path, CGROUP_FILES))) if n is not None]
    return int(SHARE * min(known)) if known else None


def process_bytes() -> int:
    """Memory of this process now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):  # another system than Linux
        return TYPICAL_PROCESS_BYTES


def _machine_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _cgroup_bytes(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such container, or ``max``
        return None
