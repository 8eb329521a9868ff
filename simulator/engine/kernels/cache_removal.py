"""Removes the compiled code that earlier runs have kept."""

from __future__ import annotations

import shutil

from simulator.compiled import cache_directory, cache_root


def clean_cache() -> int:
    """Remove the compiled code of all versions of the program; returns how many folders that were."""
    folders = [path for path in cache_root().glob("kernels-*") if path.is_dir() and not path.is_symlink()]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    cache_directory.cache_clear()
    cache_directory()
    return len(folders)
