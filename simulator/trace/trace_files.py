"""Traces on file: a zip of ``.npy`` arrays and a manifest, written to the same bytes each time, read stream by stream.

The format is specified in ``traces/README.md``.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import OutputError, TraceError
from simulator.outputs.names import title_fault
from simulator.outputs.output_file import TRACE, replaced_whole
from simulator.shipped import find_trace
from simulator.trace.check import check_trace
from simulator.trace.trace import PHASES, Trace
from simulator.trace.trace_manifest import (
    PHASES_MEMBER,
    POSITIONS,
    Manifest,
    ManifestV1,
    Member,
    check_members,
    counts_dtype,
    counts_member,
    make_manifest,
    manifest_bytes,
    manifest_encoding,
    member_of,
    parse_manifest,
)

MANIFEST = "manifest.json"
# Room for the header of a .npy file (128 bytes as numpy writes it) beyond its data: more is not one of our arrays.
NPY_HEADER_MAX_BYTES = 1024
MANIFEST_MAX_BYTES = 32 * 2**20
DEFLATE_LEVEL = 6

# What zipfile and zlib raise on damaged, encrypted or exotic archives.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)

# What numpy raises on the header of a .npy file, which it reads as a Python literal.
_BAD_HEADER = (ValueError, TypeError, KeyError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)


# ---------------------------------------------------------------- writing


def save_trace(trace: Trace, path: str | Path) -> str:
    """Write ``trace`` to ``path``; equal traces give equal bytes.

    The file appears whole or not at all: it is written beside ``path`` and then renamed over it.

    Returns
    -------
    str
        Its content hash, as `load_trace` will find it.

    Raises
    ------
    TraceError
        The trace does not hold together (`check_trace`), its name is invalid (`title_fault`), or its counts are
        beyond its encoding.
    OutputError
        The file cannot be written; what stood at ``path`` is unchanged.
    """
    path = Path(path)
    check_trace(trace)
    if fault := title_fault(trace.name):
        raise TraceError(f"the trace's name: {fault}")
    try:
        if path.is_dir():
            raise OutputError(f"{path}: is a directory, expected the path of a file such as {path / 'trace.npz'}")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: cannot write: there is no directory {path.parent}, make it first")
        with replaced_whole(path, TRACE) as beside, zipfile.ZipFile(beside, "x") as archive:
            content_hash = _write(trace, archive)
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror or error}") from error
    return content_hash


def content_hash(trace: Trace) -> str:
    """The content hash that ``trace`` has on file, without writing it."""
    check_trace(trace)
    members = {name: member_of(array, _npy_bytes(array)) for name, array in _arrays(trace)}
    return str(make_manifest(trace, members)["content_hash"])


def _arrays(trace: Trace) -> Iterator[tuple[str, NDArray[np.integer]]]:
    """The arrays of the file, in its order and types."""
    yield POSITIONS, trace.positions.astype("<i8")
    yield PHASES_MEMBER, trace.phases
    dtype = counts_dtype(trace.encoding.levels)
    for stream in trace.streams:
        yield counts_member(stream.stream_id), np.ascontiguousarray(trace.spike_counts(stream.stream_id), dtype=dtype)


def _write(trace: Trace, archive: zipfile.ZipFile) -> str:
    members: dict[str, Member] = {}
    for name, array in _arrays(trace):
        npy = _npy_bytes(array)
        members[name] = member_of(array, npy)
        _write_member(archive, name, npy)
    raw = make_manifest(trace, members)
    _write_member(archive, MANIFEST, manifest_bytes(raw))
    return str(raw["content_hash"])


def _write_member(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add one member with nothing of this machine or moment in its header."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system = 3  # Unix, wherever it is written
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data, compresslevel=DEFLATE_LEVEL)


def _npy_bytes(array: NDArray[np.integer]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


# ---------------------------------------------------------------- reading


def load_trace(name_or_path: str | Path) -> Trace:
    """Open a trace: its manifest, positions and phases now, the counts of a stream at the first ``counts()`` of it.

    Parameters
    ----------
    name_or_path
        Name of a shipped trace (`simulator.trace.trace_list.list_traces`), or path of a trace file.

    Raises
    ------
    TraceError
        One line that names the file: missing, not a trace, damaged, altered, of another schema, or a program that does
        not hold together. A stream's own damage is told when it is read.
    """
    path = find_trace(name_or_path)
    with _opened(path) as archive:
        manifest = parse_manifest(_read_manifest(archive, path), str(path))
        encoding = manifest_encoding(manifest.encoding, str(path))
        check_members(manifest, str(path))
        _check_archive(archive, manifest, path)
        positions = _read_array(archive, POSITIONS, manifest.members[POSITIONS], path)
        phases = _read_phases(archive, manifest, path)
    trace = Trace(
        name=manifest.name,
        encoding=encoding,
        streams=manifest.streams,
        layers=manifest.layers,
        ops=tuple(record.op() for record in manifest.ops),
        stages=manifest.stages,
        positions=positions.astype(np.int64, copy=False),
        phases=phases,
        window=manifest.window,
        origin=manifest.origin,
        load_counts=_CountsReader(path, path.absolute(), manifest.members),
        content_hash=manifest.content_hash,
        path=str(path),
    )
    check_trace(trace)
    return trace


def _read_phases(archive: zipfile.ZipFile, manifest: Manifest, path: Path) -> NDArray[np.uint8]:
    """The phase of each token; a file of version 1 has one for all."""
    if isinstance(manifest, ManifestV1):
        n_tokens = manifest.members[POSITIONS].shape[0]
        return np.full(n_tokens, PHASES.index(manifest.phase), np.uint8)
    return _read_array(archive, PHASES_MEMBER, manifest.members[PHASES_MEMBER], path).astype(np.uint8, copy=False)


def verify_trace(name_or_path: str | Path) -> Trace:
    """Open a trace, as `load_trace`, and read every stream of it.

    Raises
    ------
    TraceError
        What `load_trace` found, or one line per damaged stream.
    """
    trace = load_trace(name_or_path)
    problems: list[str] = []
    for stream in trace.streams:
        try:
            trace.spike_counts(stream.stream_id)
        except TraceError as error:
            problems += error.problems
    if problems:
        raise TraceError(problems)
    return trace


@dataclass(frozen=True)
class _CountsReader:
    """Reads the counts of a stream from its file; a class, so that a trace can be sent to another process."""

    path: Path  # as the user wrote it, for error lines
    absolute: Path  # stays right when the working directory changes
    members: dict[str, Member]

    def __call__(self, stream_id: str) -> NDArray[np.integer]:
        name = counts_member(stream_id)
        with _opened(self.path, self.absolute) as archive:
            return _read_array(archive, name, self.members[name], self.path)


@contextmanager
def _opened(path: Path, absolute: Path | None = None) -> Iterator[zipfile.ZipFile]:
    """The archive at ``path``, with the faults of the file told in the user's words."""
    file = absolute or path
    try:
        archive = zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise TraceError(f"{path}: no such file, expected a trace (.npz)") from error
    except IsADirectoryError as error:
        raise TraceError(f"{path}: is a directory, expected a trace (.npz)") from error
    except PermissionError as error:
        raise TraceError(f"{path}: cannot read: {error.strerror}") from error
    except _DAMAGE as error:
        raise TraceError(f"{path}: {_not_an_archive(file)}, expected a trace (.npz)") from error
    with archive:
        yield archive


def _not_an_archive(file: Path) -> str:
    """Tell a damaged zip from a file that never was one."""
    if not file.is_file():
        return "not a file"
    with file.open("rb") as opened:
        begins_as_zip = opened.read(2) == b"PK"
    return "truncated or damaged zip file" if begins_as_zip else "not a zip file"


def _read_manifest(archive: zipfile.ZipFile, path: Path) -> bytes:
    info = archive.NameToInfo.get(MANIFEST)
    if info is None:
        raise TraceError(f"{path}: {MANIFEST}: missing, not a trace")
    if info.file_size > MANIFEST_MAX_BYTES:
        raise TraceError(f"{path}: {MANIFEST}: {info.file_size} bytes, expected at most {MANIFEST_MAX_BYTES}")
    return _read_bytes(archive, info, path)


def _check_archive(archive: zipfile.ZipFile, manifest: Manifest, path: Path) -> None:
    """The archive holds the members of the manifest, each once and of its size, and nothing that no hash protects."""
    wanted = {MANIFEST, *manifest.members}
    names = Counter(archive.namelist())
    for name, times in names.items():
        if name not in wanted:
            raise TraceError(f"{path}: {name}: not in the manifest")
        if times > 1:
            raise TraceError(f"{path}: {name}: stored twice")
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


def _read_array(archive: zipfile.ZipFile, name: str, member: Member, path: Path) -> NDArray[np.integer]:
    """Read one array and compare its hash, then its own header, with the manifest."""
    info = archive.NameToInfo.get(name)
    if info is None:
        raise TraceError(f"{path}: {name}: missing from the archive")
    _check_size(info, member, path)
    data = _read_bytes(archive, info, path)
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise TraceError(f"{path}: {name}: altered since it was written: its sha256 is not that of the manifest")
    return _array_of(data, name, member, path)


def _array_of(data: bytes, name: str, member: Member, path: Path) -> NDArray[np.integer]:
    """The array in the bytes of a ``.npy`` file, whose header must say what the manifest says."""
    buffer = io.BytesIO(data)
    wanted = f"expected a .npy of version 1.0, {member.dtype} {list(member.shape)} in C order"
    try:
        version = np.lib.format.read_magic(buffer)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(buffer)
    except _BAD_HEADER as error:
        raise TraceError(f"{path}: {name}: {error}, {wanted}") from error
    if (dtype.str, shape, fortran_order) != (member.dtype, member.shape, False):
        order = "Fortran" if fortran_order else "C"
        raise TraceError(f"{path}: {name}: {dtype.str} {list(shape)} in {order} order, {wanted}")
    n_bytes = len(data) - buffer.tell()
    if n_bytes != dtype.itemsize * int(np.prod(shape, dtype=object)):
        raise TraceError(f"{path}: {name}: {n_bytes} bytes of data, {wanted}")
    # A copy: the array of a buffer is read-only, which the compiled kernels would take for another type.
    return np.frombuffer(data, dtype, offset=buffer.tell()).reshape(shape).copy()
