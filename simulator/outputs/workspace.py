"""A hidden folder next to an output, in which the output is made before it takes its place.

The folder is locked while its process lives. A process that was killed leaves it behind unlocked: the next one that
writes the same output finds it, puts back what belongs to the user, and removes the rest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without them: nothing is locked, and nothing left behind is removed
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".spikewatt-tmp"
Heal = Callable[[Path], None]  # puts back what a left folder holds of the user's
_held: set[int] = set()  # descriptors of the locks of this process


def _let_go() -> None:
    """Close the locks in a copy of the process: it would hold them after the process that works there is gone."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def workspace(place: Path, heal: Heal | None = None) -> Iterator[Path]:
    """A new private folder next to ``place``, removed at the end; leftovers of killed processes are removed first.

    Parameters
    ----------
    place
        The output that is going to be made.
    heal
        Called with each folder that a killed process left for the same output, before it is removed.

    Raises
    ------
    OSError
        As the file system does.
    """
    _remove_leftovers(place, heal)
    folder = place.with_name(f"{_prefix(place)}{uuid.uuid4().hex}{SUFFIX}")
    folder.mkdir(mode=0o700)
    lock = _lock(folder)
    try:
        yield folder
    finally:  # also after Ctrl-C
        _remove(folder)
        if lock is not None:
            _release(lock)


def _prefix(place: Path) -> str:
    """What the names of all workspaces of ``place`` begin with; the hash tells long names apart."""
    return f".{place.name[:80]}.{hashlib.sha256(os.fsencode(place.name)).hexdigest()[:8]}."


def _remove_leftovers(place: Path, heal: Heal | None) -> None:
    """Remove the workspaces whose processes are gone."""
    prefix = _prefix(place)
    for name in sorted(os.listdir(place.parent)):
        folder = place.with_name(name)
        if not (name.startswith(prefix) and name.endswith(SUFFIX)) or folder.is_symlink() or not folder.is_dir():
            continue
        if fcntl is None or (lock := _lock(folder)) is None:
            continue
        try:
            if heal is not None:
                heal(folder)
            _remove(folder)
        finally:
            _release(lock)


def _remove(folder: Path) -> None:
    """Remove a workspace, also what is in folders that were made read-only."""
    for above, _, _ in os.walk(folder):
        with suppress(OSError):
            os.chmod(above, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> int | None:
    """An open descriptor that locks ``folder``; None when another process holds it or the system cannot lock."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    _held.add(descriptor)
    return descriptor


def _release(lock: int) -> None:
    """Close a lock of this process; a copy of it has none."""
    if lock in _held:
        _held.remove(lock)
        os.close(lock)
