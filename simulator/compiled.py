"""The one decorator of every compiled kernel, and where its machine code is cached between runs.

numba keys its cache by the file of the decorated function only, so an edit in another kernel file would run stale code.
Here the cache directory itself is named after all kernel sources together and the version of numba.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np

from simulator.private_folder import make_private

P = ParamSpec("P")
R = TypeVar("R")

_problems: list[str] = []  # of the cache, in this process

_PACKAGE = Path(__file__).resolve().parent
# Where a kernel hands a zero to a large one: numba compiles that one twice, for the literal 0 and for the variable.
ZERO = cast("int", np.int64(0))
# Every file whose text or constants are compiled in.
KERNEL_SOURCES = (
    "compiled.py",
    "arrays.py",
    "engine/kernels/*.py",
    "model/*_kernels.py",
    "trace/codes.py",
    "trace/encoding.py",
)


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile ``function`` in nopython mode on its first call, keeping the code between runs where a disk allows it.

    No fastmath, and no threads inside a kernel, which lets go of Python's lock while it runs: results are the same
    bytes on every machine (DESIGN rule 6). With ``NUMBA_DISABLE_JIT`` set the function is returned as it is.
    """
    return _compiled(function)


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a step of a kernel: merged into every kernel that calls it, never called from Python.

    A step must not allocate. numba then compiles it without reference counts of its arrays (``_nrt=False``, as numba's
    own ``cpython`` folder does), so records of arrays pass between steps at no cost. With reference counts the network
    kernel runs at a quarter of its speed. numba refuses a step that allocates.
    """
    return _compiled(function, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_uncounted())


def subroutine(function: Callable[P, R]) -> Callable[P, R]:
    """As `step`, but compiled once and called: for long steps that run rarely or have several callers."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_uncounted())


@cache
def _uncounted() -> dict[str, bool]:
    """The option that leaves out reference counts; nothing where this numba does not have it, which is only slower."""
    try:
        from numba.core.options import DefaultOptions
    except ImportError:
        return {}
    return {"_nrt": False} if hasattr(DefaultOptions, "_nrt") else {}


def _compiled(function: Callable[P, R], **options: bool) -> Callable[P, R]:
    if numba.config.DISABLE_JIT:
        return function
    directory = cache_directory()
    if directory is None:
        return numba.njit(nogil=True, **options)(function)  # type: ignore[no-any-return]
    # The location is bound when numba decorates, so other users of numba in this process keep theirs.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(directory)
    try:
        compiled = numba.njit(cache=True, nogil=True, **options)(function)
        _guard(compiled._cache)
        return compiled  # type: ignore[no-any-return]
    finally:
        numba.config.CACHE_DIR = before


def _guard(files: Any) -> None:
    """Let ``files``, numba's cache of one function, fall back to compiling in memory where it is damaged or full."""
    load, save = files.load_overload, files.save_overload

    def load_or_compile(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception as error:  # unpickling damaged bytes may raise anything
            _warn_of_cache(f"{type(error).__name__}: {error}")
            with suppress(Exception):
                files.flush()  # what is compiled now takes its place
            return None

    def save_or_go_on(*arguments: Any) -> None:
        try:
            save(*arguments)
        except Exception as error:
            _warn_of_cache(f"{type(error).__name__}: {error}")

    files.load_overload, files.save_overload = load_or_compile, save_or_go_on


def _warn_of_cache(problem: str) -> None:
    """Warn of the first problem of a process."""
    if not _problems:
        _problems.append(problem)
        warnings.warn(
            f"kernels are compiled again: their cache {cache_directory()} is damaged or full ({problem});"
            " run `spikewatt warmup --clean` to remove it",
            RuntimeWarning,
            stacklevel=4,
        )


@cache
def cache_directory() -> Path | None:
    """Directory for the code of exactly these kernel sources; None, after one warning, if it cannot be written."""
    try:
        directory = cache_root() / f"kernels-{_source_key()}"
        make_private(directory)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home folder
        warnings.warn(f"compiled kernels are not cached: {error}; set NUMBA_CACHE_DIR", RuntimeWarning, stacklevel=3)
        return None
    return directory


def kernel_sources() -> list[Path]:
    """Files that decide what is compiled, in a fixed order."""
    return [path for pattern in KERNEL_SOURCES for path in sorted(_PACKAGE.glob(pattern))]


def cache_root() -> Path:
    """``NUMBA_CACHE_DIR``, else ``XDG_CACHE_HOME/spikewatt``, else ``~/.cache/spikewatt``."""
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "spikewatt"


def _source_key() -> str:
    """First 16 hex digits of the sha256 over the kernel sources, their names, and the version of numba."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in kernel_sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
