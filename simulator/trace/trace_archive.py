"""The archive of a trace: its members read with every fault of the file in one line, and nothing unpacked unchecked."""

from __future__ import annotations

import hashlib
import io
import tokenize
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import TraceError
from simulator.npz_file import npy_header
from simulator.text_files import LFS_POINTER
from simulator.trace.trace_manifest import Manifest, Member

MANIFEST = "manifest.json"
# Room for the header of a .npy file (128 bytes as numpy writes it) beyond its data: more is not one of our arrays.
NPY_HEADER_MAX_BYTES = 1024
MANIFEST_MAX_BYTES = 32 * 2**20

# What zipfile and zlib raise on damaged, encrypted or exotic archives.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)

# What numpy raises on the header of a .npy file, which it reads as a Python literal.
_BAD_HEADER = (ValueError, TypeError, KeyError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)


def open_archive(path: Path, file: Path) -> zipfile.ZipFile:
    """The archive ``file``, which messages call ``path``, with its faults in the user's words."""
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise TraceError(f"{path}: no such file, expected a trace (.npz)") from error
    except IsADirectoryError as error:
        raise TraceError(f"{path}: is a directory, expected a trace (.npz)") from error
    except PermissionError as error:
        raise TraceError(f"{path}: cannot read: {error.strerror}") from error
    except _DAMAGE as error:
        raise TraceError(f"{path}: {_not_an_archive(file)}, expected a trace (.npz)") from error


def _not_an_archive(file: Path) -> str:
    """Tell a damaged zip from a file that never was one."""
    if not file.is_file():
        return "not a file"
    with file.open("rb") as opened:
        begin = opened.read(len(LFS_POINTER))
    if begin == LFS_POINTER:
        return "a Git LFS pointer (run: git lfs pull)"
    return "truncated or damaged zip file" if begin.startswith(b"PK") else "not a zip file"


def read_manifest(archive: zipfile.ZipFile, path: Path) -> bytes:
    """The bytes of the manifest; one that is missing or too large is refused."""
    info = archive.NameToInfo.get(MANIFEST)
    if info is None:
        raise TraceError(f"{path}: {MANIFEST}: missing, not a trace")
    if info.file_size > MANIFEST_MAX_BYTES:
        raise TraceError(f"{path}: {MANIFEST}: {info.file_size} bytes, expected at most {MANIFEST_MAX_BYTES}")
    return _read_bytes(archive, info, path)


def check_archive(archive: zipfile.ZipFile, manifest: Manifest, path: Path) -> None:
    """The archive holds the members of the manifest, each once and of its size, and nothing that no hash protects."""
    expected = {MANIFEST, *manifest.members}
    names = Counter(archive.namelist())
    for name, times in names.items():
        if name not in expected:
            raise TraceError(f"{path}: {name}: not in the manifest, expected only its members")
        if times > 1:
            raise TraceError(f"{path}: {name}: stored twice, expected once")
    for name, member in manifest.members.items():
        if name not in names:
            raise TraceError(f"{path}: {name}: missing from the archive")
        _check_size(archive.getinfo(name), member, path)


def _check_size(info: zipfile.ZipInfo, member: Member, path: Path) -> None:
    """Refuse a member that would unpack to more (or less) than its array, before a byte of it is unpacked."""
    size = int(np.dtype(member.dtype).itemsize)
    for extent in member.shape:
        size *= extent
    if not 0 < info.file_size - size <= NPY_HEADER_MAX_BYTES:
        raise TraceError(
            f"{path}: {info.filename}: declares {info.file_size} bytes,"
            f" expected {size} ({member.dtype} {list(member.shape)}) and a .npy header"
        )


def _read_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    """Unpack one member; zipfile stops at its declared size and compares its checksum."""
    try:
        return archive.read(info)
    except _DAMAGE as error:
        raise TraceError(f"{path}: {info.filename}: damaged: {error}") from error


def read_array(archive: zipfile.ZipFile, name: str, member: Member, path: Path) -> NDArray[np.integer]:
    """Read one array and compare its hash, then its own header, with the manifest."""
    info = archive.NameToInfo.get(name)
    if info is None:
        raise TraceError(f"{path}: {name}: missing from the archive")
    _check_size(info, member, path)
    data = _read_bytes(archive, info, path)
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise TraceError(f"{path}: {name}: altered since it was written: expected the sha256 of the manifest")
    return _array_of(data, name, member, path)


def _array_of(data: bytes, name: str, member: Member, path: Path) -> NDArray[np.integer]:
    """The array in the bytes of a ``.npy`` file, whose header must say what the manifest says."""
    buffer = io.BytesIO(data)
    expected = f"expected a .npy of version 1.0, {member.dtype} {list(member.shape)} in C order"
    try:
        version = np.lib.format.read_magic(buffer)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran_order, dtype = npy_header(buffer, version)
    except _BAD_HEADER as error:
        raise TraceError(f"{path}: {name}: {error}, {expected}") from error
    if (dtype.str, shape, fortran_order) != (member.dtype, member.shape, False):
        order = "Fortran" if fortran_order else "C"
        raise TraceError(f"{path}: {name}: {dtype.str} {list(shape)} in {order} order, {expected}")
    n_bytes = len(data) - buffer.tell()
    if n_bytes != dtype.itemsize * int(np.prod(shape, dtype=object)):
        raise TraceError(f"{path}: {name}: {n_bytes} bytes of data, {expected}")
    # A copy: the array of a buffer is read-only, which the compiled kernels would take for another type.
    return np.frombuffer(data, dtype, offset=buffer.tell()).reshape(shape).copy()
