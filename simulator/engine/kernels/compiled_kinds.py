"""Notes in the cache of kernels: for which kinds of chips it holds compiled code."""

from __future__ import annotations

from contextlib import suppress

from simulator.compiled import cache_directory


def note_compiled(kind: str) -> None:
    """Note that the kernels of a kind of chip are in the cache."""
    directory = cache_directory()
    if directory is not None:
        with suppress(OSError):
            (directory / f"{kind}.compiled").touch(mode=0o600)


def is_compiled(kind: str) -> bool:
    """Whether the cache holds the kernels of a kind of chip (`note_compiled`)."""
    directory = cache_directory()
    return directory is not None and (directory / f"{kind}.compiled").exists()
