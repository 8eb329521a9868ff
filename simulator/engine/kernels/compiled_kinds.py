"""Notes in the cache of kernels: for which kinds of chips it holds compiled code."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from simulator.compiled import cache_directory


def note_compiled(kind: str) -> None:
    """Note that the kernels of a kind of chip are in the cache."""
    note = _note(kind)
    if note is not None:
        with suppress(OSError):
            note.touch(mode=0o600)


def is_compiled(kind: str) -> bool:
    """Whether the cache holds the kernels of a kind of chip (`note_compiled`)."""
    note = _note(kind)
    return note is not None and note.exists()


def _note(kind: str) -> Path | None:
    """The note of a kind; numba keeps the code of each installation apart, by its folder."""
    directory = cache_directory()
    folder = hashlib.sha256(str(Path(__file__).resolve().parent).encode()).hexdigest()[:8]
    return None if directory is None else directory / f"{kind}-{folder}.compiled"
