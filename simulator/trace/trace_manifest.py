"""The manifest of a trace file: everything but the arrays, and the hashes that protect them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from simulator.bounded_json import parse_json
from simulator.errors import TraceError, did_you_mean
from simulator.outputs.names import title_fault
from simulator.trace.codes import Code
from simulator.trace.encoding import Encoding
from simulator.trace.trace import Phase, Trace
from simulator.trace.trace_program import ClosedForm, Layer, Op, Stage, Stream

FORMAT = "spikewatt-trace"
SCHEMA_VERSIONS = (1, 2)
POSITIONS = "positions.npy"
PHASES_MEMBER = "phases.npy"
MOST_STREAMS, MOST_LAYERS, MOST_OPS = 4096, 8192, 32768  # 126 blocks of LLaMA-3.1-405B: 1,135 streams


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Member(_Strict):
    """Type, shape and hash of one array; ``sha256`` is over the whole ``.npy`` file, uncompressed."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str


class EncodingRecord(_Strict):
    """The encoding as a file states it; ``timesteps`` follows from the other two and is checked against them."""

    code: Code
    levels: int
    timesteps: int


class OpRecord(_Strict):
    """An op as a file states it: `Op`, whose ``work_per_token`` has the key ``counts``."""

    op_id: str
    kind: str
    counts: dict[str, ClosedForm]
    per_timestep: dict[str, ClosedForm] = {}
    stream: str | None = None
    per_spike: dict[str, ClosedForm] = {}
    operand_bits: int = 0

    def op(self) -> Op:
        """The op of the program."""
        return Op(
            op_id=self.op_id,
            kind=self.kind,
            work_per_token=self.counts,
            per_timestep=self.per_timestep,
            stream=self.stream,
            per_spike=self.per_spike,
            operand_bits=self.operand_bits,
        )


class Manifest(_Strict):
    """Schema version 2; ``traces/README.md`` says what each key means."""

    format: str
    schema_version: int
    name: str
    encoding: EncodingRecord
    window: int | None
    streams: tuple[Stream, ...]
    layers: tuple[Layer, ...]
    ops: tuple[OpRecord, ...]
    stages: tuple[Stage, ...]
    origin: dict[str, Any]
    members: dict[str, Member]
    content_hash: str


class ManifestV1(Manifest):
    """Schema version 1, in the form of `_raised`: one phase for all tokens and no member of phases."""

    phase: Phase


def counts_member(stream_id: str) -> str:
    """Name of the file inside the trace that holds the counts of a stream."""
    return f"counts/{stream_id}.npy"


def counts_dtype(levels: int) -> np.dtype[np.integer]:
    """Smallest signed integer type that holds -levels to levels, little-endian."""
    return np.dtype("<i1") if levels <= 127 else np.dtype("<i2")


def manifest_hash(raw: Mapping[str, object]) -> str:
    """Content hash of a manifest: sha256 of its canonical JSON without the key ``content_hash``.

    Canonical is UTF-8, keys sorted, no spaces. The hashes of all members are inside, so it stands for the whole trace.
    """
    body = {key: value for key, value in raw.items() if key != "content_hash"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def make_manifest(trace: Trace, members: Mapping[str, Member]) -> dict[str, Any]:
    """The manifest of ``trace`` as JSON values, with its content hash.

    Raises
    ------
    TraceError
        The origin (or a name) holds what JSON in UTF-8 cannot.
    """
    encoding = trace.encoding
    raw = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSIONS[-1],
        "name": trace.name,
        "encoding": {"code": encoding.code, "levels": encoding.levels, "timesteps": encoding.n_timesteps},
        "window": trace.window,
        "streams": [_stream(stream) for stream in trace.streams],
        "layers": [asdict(layer) for layer in trace.layers],
        "ops": [_op(op) for op in trace.ops],
        "stages": [asdict(stage) for stage in trace.stages],
        "origin": dict(trace.origin),
        "members": {name: member.model_dump() for name, member in members.items()},
    }
    try:
        # There and back: tuples become lists and keys strings, so the hash is that of what a reader will see.
        values: dict[str, Any] = json.loads(json.dumps(raw, allow_nan=False))
        return values | {"content_hash": manifest_hash(values)}
    except (TypeError, ValueError, RecursionError) as error:
        raise TraceError(f"{trace.name}: the origin is not JSON: {error}") from error


def _stream(stream: Stream) -> dict[str, object]:
    """A stream as the file states it: ``live`` only where it is local."""
    stated: dict[str, object] = {"stream_id": stream.stream_id, "n": stream.n}
    return stated | ({"live": list(stream.live)} if stream.live is not None else {})


def _op(op: Op) -> dict[str, object]:
    """An op as the file states it: without the keys that hold their defaults."""
    stated: dict[str, object] = {"op_id": op.op_id, "kind": op.kind, "counts": dict(op.work_per_token)}
    optional = {
        "per_timestep": dict(op.per_timestep),
        "stream": op.stream,
        "per_spike": dict(op.per_spike),
        "operand_bits": op.operand_bits,
    }
    return stated | {key: value for key, value in optional.items() if value}


def manifest_bytes(raw: Mapping[str, object]) -> bytes:
    """The manifest as it is stored: JSON for people, one space of indent, UTF-8, final newline."""
    return (json.dumps(raw, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read ``manifest.json`` and check its form, its schema version and its content hash.

    Raises
    ------
    TraceError
        One line that begins with ``where``.
    """
    where = f"{where}: manifest.json"
    try:
        raw = parse_json(data)
    except ValueError as error:
        raise TraceError(f"{where}: not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise TraceError(f"{where}: {type(raw).__name__}, expected an object")
    version = _check_version(raw, where)
    _check_sizes(raw, where)
    try:
        manifest = Manifest.model_validate_json(data) if version > 1 else _read_v1(raw)
    except ValidationError as error:
        raise TraceError(f"{where}: {_first_problem(error)}") from error
    if fault := title_fault(manifest.name):
        raise TraceError(f"{where}: name: {fault}")
    try:
        found = manifest_hash(raw)
    except ValueError as error:  # NaN or infinity, which JSON does not have
        raise TraceError(f"{where}: not JSON: {error}") from error
    if found != manifest.content_hash:
        raise TraceError(
            f"{where}: altered since it was written: content hash {found[:12]}.., expected"
            f" {manifest.content_hash[:12]}.."
        )
    return manifest


def _check_sizes(raw: Mapping[str, Any], where: str) -> None:
    """Refuse more streams, layers or ops than any model has, before each of them is read."""
    bounds = {"streams": MOST_STREAMS, "layers": MOST_LAYERS, "ops": MOST_OPS, "stages": MOST_STREAMS}
    for key, most in (bounds | {"members": MOST_STREAMS + 2}).items():
        found = raw.get(key)
        if isinstance(found, (list, dict)) and len(found) > most:
            raise TraceError(f"{where}: {key}: found {len(found)}, expected at most {most}")


def _read_v1(raw: Mapping[str, Any]) -> Manifest:
    """A manifest of schema version 1: it has no window, and what a timestep repeats is one number, a of [a, 0]."""
    ops = raw.get("ops")
    raised = [_raised(op) for op in ops] if isinstance(ops, list) else ops
    return ManifestV1.model_validate_json(json.dumps({**raw, "ops": raised, "window": None}))


def _raised(op: object) -> object:
    """An op of version 1 as one of version 2; what is neither is left for the schema to refuse."""
    if not isinstance(op, dict) or not isinstance(op.get("per_timestep"), dict):
        return op
    return op | {"per_timestep": {action: [n, 0] for action, n in op["per_timestep"].items()}}


def _check_version(raw: Mapping[str, object], where: str) -> int:
    """The schema version, one of those known."""
    if raw.get("format") != FORMAT:
        raise TraceError(f"{where}: format {raw.get('format')!r}, expected {FORMAT!r}: not a trace")
    version = raw.get("schema_version")
    if type(version) is not int or version not in SCHEMA_VERSIONS:
        known = ", ".join(map(str, SCHEMA_VERSIONS))
        raise TraceError(f"{where}: schema version {version!r}, known: {known}; newer traces need a newer spikewatt")
    return version


def _first_problem(error: ValidationError) -> str:
    """The first problem that pydantic found as ``path: found, expected``."""
    problem = error.errors(include_url=False)[0]
    path = ".".join(map(str, problem["loc"])) or "the object"
    if problem["type"] in ("missing", "missing_argument"):
        return f"{path}: missing"
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        key = str(problem["loc"][-1])
        return f"{path}: unknown key{did_you_mean(key, Manifest.model_fields)}"
    found = repr(problem["input"])
    found = found if len(found) <= 60 else found[:57] + "..."
    return f"{path}: {found}, {problem['msg'].replace('Input should be', 'expected')}"


def manifest_encoding(record: EncodingRecord, where: str) -> Encoding:
    """The Encoding that a manifest states, checked.

    Raises
    ------
    TraceError
        The levels are out of range, or the timesteps are not those of the code and its levels.
    """
    try:
        encoding = Encoding(record.code, record.levels)
    except ValueError as error:
        raise TraceError(f"{where}: manifest.json: encoding: {error}") from error
    if record.timesteps != encoding.n_timesteps:
        raise TraceError(
            f"{where}: manifest.json: encoding.timesteps: {record.timesteps}, expected {encoding.n_timesteps}"
            f" ({encoding.code}, {encoding.levels} levels)"
        )
    return encoding


def check_members(manifest: Manifest, where: str) -> None:
    """Check that the manifest lists positions, phases and each stream's counts, of their type and shape, and no more.

    Raises
    ------
    TraceError
        One line that begins with ``where``.
    """
    positions = manifest.members.get(POSITIONS)
    tokens = positions.shape[0] if positions is not None and len(positions.shape) == 1 else -1
    counts = counts_dtype(manifest.encoding.levels).str
    expected: dict[str, tuple[str, tuple[int, ...]]] = {POSITIONS: ("<i8", (tokens,))}
    if not isinstance(manifest, ManifestV1):
        expected[PHASES_MEMBER] = ("|u1", (tokens,))
    expected |= {counts_member(s.stream_id): (counts, (tokens, s.n)) for s in manifest.streams}
    for name, (dtype, shape) in expected.items():
        member = manifest.members.get(name)
        if member is None:
            raise TraceError(f"{where}: manifest.json: members: {name}: missing")
        if member.dtype != dtype or member.shape != shape or tokens < 0:
            found = f"dtype {member.dtype} shape {list(member.shape)}"
            raise TraceError(
                f"{where}: manifest.json: members.{name}: {found}, expected dtype {dtype} shape {_spoken(shape)}"
            )
    for name in manifest.members:
        if name not in expected:
            raise TraceError(f"{where}: manifest.json: members.{name}: unknown stream, expected one of the manifest")


def _spoken(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join("tokens" if size < 0 else str(size) for size in shape) + "]"


def member_of(array: NDArray[np.integer], npy: bytes) -> Member:
    """The manifest's entry for ``array`` stored as ``npy``."""
    return Member(dtype=array.dtype.str, shape=array.shape, sha256=hashlib.sha256(npy).hexdigest())
