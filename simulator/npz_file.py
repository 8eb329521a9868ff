"""Arrays of an ``.npz`` file of any origin: what is too large or damaged is refused before memory is taken for it."""

from __future__ import annotations

import io
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simulator.text_files import LFS_POINTER

KINDS = "biuf"  # of numbers, as `numpy.dtype.kind` says them
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# What zipfile and zlib raise on damaged, encrypted or exotic archives, and numpy on headers, which are Python literals.
_DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, RuntimeError, RecursionError, MemoryError),
    *(ValueError, TypeError, KeyError, SyntaxError, OverflowError, tokenize.TokenError),
)


def read_npz(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays of numbers in an ``.npz`` file by name; nothing pickled is read.

    Raises
    ------
    OSError
        As the file system does.
    ValueError
        In words, ``found ..., expected ...``: damaged, no numbers, or more than ``most_bytes`` in all arrays.
    """
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise ValueError("found a Git LFS pointer, expected an .npz file (run: git lfs pull)")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total <= most_bytes:
                return {entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in entries}
    except _DAMAGE as error:
        raise ValueError(f"found a damaged file, expected an .npz file: {error or type(error).__name__}") from error
    raise ValueError(f"found {total:,} bytes of arrays, expected at most {most_bytes:,}")


def npy_header(buffer: BinaryIO, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran order, and type of a ``.npy`` file, which ``buffer`` then has its data next.

    Raises
    ------
    ValueError
        For another version, or a header that numpy would read with a warning, as Python 2 wrote it.
    Exception
        As numpy's reader of Python literals does on a damaged one.
    """
    if version not in _HEADERS:
        raise ValueError(f"a .npy file of version {version}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return _HEADERS[version](buffer)
        except UserWarning:
            raise ValueError("a header as Python 2 wrote it, expected one of numpy under Python 3") from None


def _array(data: bytes) -> NDArray[Any]:
    """The array in the bytes of a ``.npy`` file; numpy itself takes memory for the shape that the header names."""
    buffer = io.BytesIO(data)
    shape, fortran_order, dtype = npy_header(buffer, np.lib.format.read_magic(buffer))
    if dtype.kind not in KINDS:
        raise ValueError(f"{dtype}, which is no number")
    if any(extent < 0 for extent in shape):
        raise ValueError(f"an array of shape {shape}")
    array = np.frombuffer(data, dtype, offset=buffer.tell())
    if fortran_order:
        return array.reshape(shape[::-1]).transpose().copy()
    return array.reshape(shape).copy()
