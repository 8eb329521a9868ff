"""The Trace: what a spike-driven forward pass did, token by token, with nothing of any chip in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.errors import TraceError, did_you_mean
from simulator.trace.encoding import Encoding

# Elementary operations of the vector unit and bits moved by it: the words a chip file prices (`vector`, `memory`).
VECTOR_ACTIONS = ("add", "mul", "mac", "compare", "exp", "div")
MEMORY_ACTIONS = ("read", "write")
ACTIONS = tuple(f"vector.{a}" for a in VECTOR_ACTIONS) + tuple(f"memory.{a}" for a in MEMORY_ACTIONS)

# Sizes of the program are int32 in the compiled engine; a larger one is a damaged file, not a model.
MAX_SIZE = 2**31 - 1
# A stream's id is the name of its file inside the trace.
STREAM_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")

Phase = Literal["prefill", "decode"]


@dataclass(frozen=True)
class Stream:
    """One vector of activations that is encoded as spikes and feeds one or more layers.

    Attributes
    ----------
    stream_id
        e.g. ``blocks.0.attn_in``.
    n
        Activations (neurons of the encoder) per token.
    """

    stream_id: str
    n: int


@dataclass(frozen=True)
class Layer:
    """One linear layer driven by spikes.

    Attributes
    ----------
    layer_id
        e.g. ``blocks.0.q``.
    kind
        Its type, for tables: q, k, v, o, gate, up, down.
    n_in, n_out
        Fan-in and fan-out; ``n_in`` equals the stream's ``n``.
    weight_bits
        Width of one stored weight.
    stream
        The stream that feeds it.
    """

    layer_id: str
    kind: str
    n_in: int
    n_out: int
    weight_bits: int
    stream: str


@dataclass(frozen=True)
class Op:
    """Work of the forward pass that is not spike-driven, counted per token.

    Attributes
    ----------
    op_id
        e.g. ``blocks.0.softmax``.
    kind
        Its type, for tables: norm, encode, dequantize, rotary, qk, softmax, pv, kv_cache, silu, residual, embedding,
        head.
    counts
        Action (``vector.mac``, ``memory.read``, ...) -> (a, b): a token with a context of c positions, itself included,
        does ``a + b*c`` of it. ``vector.*`` are elementary operations, ``memory.*`` are bits.
    per_timestep
        Action -> what every timestep in which the stage replays its stream does of it besides. A chip that takes each
        activation once, as one integer, has one such timestep.
    """

    op_id: str
    kind: str
    counts: Mapping[str, tuple[int, int]]
    per_timestep: Mapping[str, int] = field(default_factory=dict)

    def work(self, contexts: NDArray[np.int64], n_timesteps: int) -> dict[str, NDArray[np.int64]]:
        """Operations (or bits) of every action, each int64 [tokens], for these context lengths and timesteps."""
        done = {action: a + b * contexts for action, (a, b) in self.counts.items()}
        for action, n in self.per_timestep.items():
            done[action] = done.get(action, np.zeros_like(contexts)) + n * n_timesteps
        return done


@dataclass(frozen=True)
class Stage:
    """A step of one token: collect values, do the ops, encode a stream, drive its layers by spikes.

    Attributes
    ----------
    stage_id
        Equal to the stream's id where there is one.
    width
        Values that live at the home cores of this stage (the stream's ``n``, or the width of the ops).
    ops
        Ids of the ops done here, before encoding, in order.
    stream
        The stream that is then encoded, or None (the head: ops only).
    layers
        Ids of the layers that the stream drives.
    sources
        Ids of the layers whose outputs travel to the home cores of this stage before its ops start.
    carries
        Ids of the stages whose values travel here as they are (the residual stream).
    """

    stage_id: str
    width: int
    ops: tuple[str, ...]
    stream: str | None
    layers: tuple[str, ...]
    sources: tuple[str, ...]
    carries: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)  # arrays have no truth value; two traces are equal when their content hashes are
class Trace:
    """A captured (or synthetic) run: its program and the spike counts of every stream and token.

    Attributes
    ----------
    name
        For titles and paths.
    encoding
        Code of all streams.
    streams, layers, ops, stages
        The program of one token; stages are in the order of execution.
    positions
        int64 [tokens]: position of each token in its text; its context is ``positions + 1``.
    phase
        Whether the tokens were passed as a prompt or generated one by one.
    origin
        What it was made from: model, text, hashes, perplexities, versions (JSON types only).
    load_counts
        Stream id -> counts, integer [tokens, n]; called lazily, once per stream.
    content_hash
        Identity of the trace: sha256 of its manifest (``traces/README.md``); empty when it was never on file.
    path
        File it was read from, for error lines; empty when it was made in memory.
    """

    name: str
    encoding: Encoding
    streams: tuple[Stream, ...]
    layers: tuple[Layer, ...]
    ops: tuple[Op, ...]
    stages: tuple[Stage, ...]
    positions: NDArray[np.int64]
    phase: Phase
    origin: Mapping[str, object]
    load_counts: Callable[[str], NDArray[np.integer]]
    content_hash: str = ""
    path: str = ""
    _loaded: dict[str, NDArray[np.integer]] = field(default_factory=dict, init=False, repr=False)

    def __str__(self) -> str:
        """One line for people: name, tokens, encoding and the sizes of the program."""
        return (
            f"{self.name}: {self.n_tokens} tokens ({self.phase}), {self.encoding.code} spikes of {self.encoding.levels}"
            f" levels, {len(self.streams)} streams, {len(self.layers)} layers, {len(self.stages)} stages"
        )

    @property
    def n_tokens(self) -> int:
        """Tokens in the trace."""
        return len(self.positions)

    @property
    def contexts(self) -> NDArray[np.int64]:
        """int64 [tokens]: positions each token attends to, itself included."""
        return self.positions + 1

    @cached_property
    def layer(self) -> Mapping[str, Layer]:
        """Layers by id."""
        return {layer.layer_id: layer for layer in self.layers}

    @cached_property
    def stream(self) -> Mapping[str, Stream]:
        """Streams by id."""
        return {stream.stream_id: stream for stream in self.streams}

    @cached_property
    def op(self) -> Mapping[str, Op]:
        """Ops by id."""
        return {op.op_id: op for op in self.ops}

    @property
    def _where(self) -> str:
        return self.path or self.name

    def counts(self, stream_id: str) -> NDArray[np.integer]:
        """Spike counts of one stream, integer [tokens, n], read at the first call and kept.

        Raises
        ------
        TraceError
            The stream is unknown, cannot be read, or holds anything but counts of the encoding.
        """
        if stream_id not in self._loaded:
            if stream_id not in self.stream:
                raise TraceError(f"{self._where}: no stream {stream_id!r}{did_you_mean(stream_id, self.stream)}")
            counts = self.load_counts(stream_id)
            self._check_counts(stream_id, counts)
            self._loaded[stream_id] = counts
        return self._loaded[stream_id]

    def _check_counts(self, stream_id: str, counts: NDArray[np.integer]) -> None:
        wanted = (self.n_tokens, self.stream[stream_id].n)
        where = f"{self._where}: stream {stream_id}"
        if counts.shape != wanted or counts.dtype.kind not in "iu":
            raise TraceError(f"{where}: counts {counts.dtype} {counts.shape}, wanted integers {wanted}")
        low = -self.encoding.levels if self.encoding.signed else 0
        if counts.size and not (low <= int(counts.min()) and int(counts.max()) <= self.encoding.levels):
            raise TraceError(
                f"{where}: counts from {counts.min()} to {counts.max()},"
                f" wanted {low} to {self.encoding.levels} ({self.encoding.code})"
            )

    def check(self) -> None:
        """Check that the program holds together; the counts are checked when they are read.

        Raises
        ------
        TraceError
            No tokens or streams, a size out of range, an action without a name in the chip files, an id that is
            unknown, repeated or in no stage, or layers that do not chain.
        """
        self._check_positions()
        self._check_sizes()
        for op in self.ops:
            self._check_op(op)
        self._check_ids()
        driven: set[str] = set()
        done: set[str] = set()
        for stage in self.stages:
            self._check_stage(stage)
            self._check_order(stage, "sources", stage.sources, driven)
            self._check_order(stage, "carries", stage.carries, done)
            driven.update(stage.layers)
            done.add(stage.stage_id)

    def _check_positions(self) -> None:
        positions = self.positions
        if positions.ndim != 1 or positions.dtype != np.int64:
            raise TraceError(f"{self._where}: positions {positions.dtype} {positions.shape}, wanted int64 (tokens,)")
        if not len(positions):
            raise TraceError(f"{self._where}: no tokens, wanted at least one")
        if not 0 <= int(positions.min()) <= int(positions.max()) < MAX_SIZE:
            raise TraceError(
                f"{self._where}: positions from {positions.min()} to {positions.max()}, wanted 0 to {MAX_SIZE - 1}"
            )

    def _check_sizes(self) -> None:
        if not self.streams:
            raise TraceError(f"{self._where}: no streams, wanted at least one")
        for stream in self.streams:
            if not STREAM_ID.fullmatch(stream.stream_id):
                raise TraceError(
                    f"{self._where}: stream {stream.stream_id!r}: wanted letters, digits, '.', '_' and '-'"
                )
        sizes = [(f"stream {s.stream_id}: n", s.n, MAX_SIZE) for s in self.streams]
        sizes += [(f"layer {x.layer_id}: n_in", x.n_in, MAX_SIZE) for x in self.layers]
        sizes += [(f"layer {x.layer_id}: n_out", x.n_out, MAX_SIZE) for x in self.layers]
        sizes += [(f"layer {x.layer_id}: weight_bits", x.weight_bits, 64) for x in self.layers]
        sizes += [(f"stage {s.stage_id}: width", s.width, MAX_SIZE) for s in self.stages]
        for what, size, bound in sizes:
            if not 1 <= size <= bound:
                raise TraceError(f"{self._where}: {what} {size}, wanted 1 to {bound}")

    def _check_op(self, op: Op) -> None:
        where = f"{self._where}: op {op.op_id}"
        for action in (*op.counts, *op.per_timestep):
            if action not in ACTIONS:
                near = did_you_mean(action, ACTIONS)
                raise TraceError(f"{where}: unknown action {action!r}, wanted one of {', '.join(ACTIONS)}{near}")
        for action, n in op.per_timestep.items():
            if not 0 <= n * self.encoding.n_timesteps * self.n_tokens < 2**63:
                raise TraceError(f"{where}: {action} {n} per timestep is negative or beyond 64 bits")
        for action, (a, b) in op.counts.items():
            # A context is at least 1, so a may be negative (c - 1 additions sum c terms) as long as the count is not.
            if b < 0 or a + b < 0:
                raise TraceError(f"{where}: {action} [{a}, {b}] is negative for some context, wanted a + b*c >= 0")
            if (a + b * int(self.contexts.max())) * self.n_tokens >= 2**63:
                raise TraceError(f"{where}: {action} [{a}, {b}] is beyond 64 bits over {self.n_tokens} tokens")

    def _check_ids(self) -> None:
        """Ids are unique, and every stream, layer and op belongs to exactly one stage.

        Stages, layers, ops and the chip share one column of the energy ledger, so their ids differ from each other too;
        a stream is billed under its stage and may have the same id.
        """
        tables: dict[str, tuple[Iterable[str], Iterable[str]]] = {
            "stream": ([s.stream_id for s in self.streams], [s.stream for s in self.stages if s.stream is not None]),
            "layer": ([x.layer_id for x in self.layers], [i for s in self.stages for i in s.layers]),
            "op": ([o.op_id for o in self.ops], [i for s in self.stages for i in s.ops]),
        }
        self._check_unique((i, "stream") for i in tables["stream"][0])
        billed = [("chip", "chip")] + [(s.stage_id, "stage") for s in self.stages]
        billed += [(i, kind) for kind in ("layer", "op") for i in tables[kind][0]]
        self._check_unique(billed)
        for kind, (ids, used) in tables.items():
            times = Counter(used)
            for i in ids:
                if times[i] != 1:
                    raise TraceError(f"{self._where}: {kind} {i!r} is in {times[i]} stages, wanted exactly one")

    def _check_unique(self, ids: Iterable[tuple[str, str]]) -> None:
        seen: dict[str, str] = {}
        for i, kind in ids:
            if i in seen:
                raise TraceError(f"{self._where}: {kind} id {i!r} is that of a {seen[i]} already, wanted each id once")
            seen[i] = kind

    def _check_stage(self, stage: Stage) -> None:
        where = f"{self._where}: stage {stage.stage_id}"
        for kind, ids, known in (
            ("op", stage.ops, self.op),
            ("layer", stage.layers, self.layer),
            ("stream", () if stage.stream is None else (stage.stream,), self.stream),
        ):
            for i in ids:
                if i not in known:
                    raise TraceError(f"{where}: {kind} {i!r} is not in the {kind} table{did_you_mean(i, known)}")
        if stage.stream is None:
            if stage.layers:
                raise TraceError(f"{where}: drives layers without a stream")
            return
        n = self.stream[stage.stream].n
        if n != stage.width:
            raise TraceError(f"{where}: width {stage.width}, wanted {n}, the activations of its stream")
        for layer_id in stage.layers:
            layer = self.layer[layer_id]
            if layer.stream != stage.stream or layer.n_in != n:
                raise TraceError(
                    f"{where}: layer {layer_id} takes {layer.n_in} inputs from {layer.stream!r},"
                    f" wanted {n} from {stage.stream!r}"
                )

    def _check_order(self, stage: Stage, what: str, ids: tuple[str, ...], ready: set[str]) -> None:
        """What travels to a stage comes from an earlier one, once."""
        where = f"{self._where}: stage {stage.stage_id}: {what}"
        if len(ids) != len(set(ids)):
            raise TraceError(f"{where} {list(ids)}, wanted each id once")
        for i in ids:
            if i not in ready:
                raise TraceError(f"{where}: {i!r} is not ready, wanted one of an earlier stage{did_you_mean(i, ready)}")
