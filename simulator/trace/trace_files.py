"""Traces on file: a zip of ``.npy`` arrays and a manifest, written to the same bytes each time, read stream by stream.

The format is specified in ``traces/README.md``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import OutputError, TraceError
from simulator.outputs.names import title_fault
from simulator.outputs.output_file import TRACE, replaced_whole
from simulator.shipped import find_trace
from simulator.trace.check import check_trace
from simulator.trace.trace import PHASES, Trace
from simulator.trace.trace_archive import MANIFEST, check_archive, open_archive, read_array, read_manifest
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

DEFLATE_LEVEL = 6


# ---------------------------------------------------------------- writing


def save_trace(trace: Trace, path: str | Path) -> str:
    """Write ``trace`` to ``path``; equal traces give equal bytes.

    The file appears whole or not at all: it is written next to ``path`` and then renamed over it.

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
            raise OutputError(f"{path}: cannot write: no such directory {path.parent}; create it first")
        with replaced_whole(path, TRACE) as staged, zipfile.ZipFile(staged, "x") as archive:
            content_hash = _write(trace, archive)
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror or error}") from error
    return content_hash


def write_trace(trace: Trace, path: Path) -> str:
    """As `save_trace`, making the folders above the file; returns the content hash."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return save_trace(trace, path)


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
        not hold together. A stream's own damage is reported when it is read.
    """
    path = find_trace(name_or_path)
    with open_archive(path, path) as archive:
        manifest = parse_manifest(read_manifest(archive, path), str(path))
        encoding = manifest_encoding(manifest.encoding, str(path))
        check_members(manifest, str(path))
        check_archive(archive, manifest, path)
        positions = read_array(archive, POSITIONS, manifest.members[POSITIONS], path)
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
    return read_array(archive, PHASES_MEMBER, manifest.members[PHASES_MEMBER], path).astype(np.uint8, copy=False)


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
    """Reads the counts of a stream from its file; a class, so that a trace can be sent to another process.

    The archive is opened once, at the first stream: its list of members is as long as there are streams.
    """

    path: Path  # as the user wrote it, for error lines
    absolute: Path  # stays right when the working directory changes
    members: dict[str, Member]
    _opened: list[zipfile.ZipFile] = field(default_factory=list, init=False, repr=False, compare=False)

    def __call__(self, stream_id: str) -> NDArray[np.integer]:
        name = counts_member(stream_id)
        if not self._opened:
            self._opened.append(open_archive(self.path, self.absolute))
        try:
            return read_array(self._opened[0], name, self.members[name], self.path)
        except TraceError:
            self._opened.clear()  # another file may have taken its place
            raise

    def __getstate__(self) -> dict[str, object]:
        """Without the open file, which another process cannot have."""
        return {**vars(self), "_opened": []}
