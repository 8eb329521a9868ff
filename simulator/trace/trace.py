"""The Trace: what a spike-driven forward pass did, token by token, with nothing of any chip in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from simulator.choices import Logits
from simulator.errors import TraceError, did_you_mean
from simulator.trace.encoding import Encoding
from simulator.trace.sequences import sequence_starts

Phase = Literal["prefill", "decode"]
PHASES: tuple[Phase, ...] = get_args(Phase)  # a token's phase is stored as its index here
DECODE = PHASES.index("decode")

# a + b*c for a token with a context of c positions, itself included
ClosedForm = tuple[int, int]


@dataclass(frozen=True)
class Stream:
    """One vector of activations that is encoded as spikes: it feeds one or more layers, or one op.

    Attributes
    ----------
    stream_id
        e.g. ``blocks.0.attn_in``.
    n
        Activations (neurons of the encoder) per token; of a local stream the most that any token has.
    live
        None for a stream that drives layers: all n are live. For a *local* stream, one that triggers the work of an op
        (`Op.stream`) and never leaves the home cores of its stage: (a, b), a token with a context of c positions has
        ``a + b*c`` live activations, the first of the n; the others do not exist and count 0.
    """

    stream_id: str
    n: int
    live: ClosedForm | None = None


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
    """Work of the forward pass that is done by no layer, counted per token.

    Attributes
    ----------
    op_id
        e.g. ``blocks.0.softmax``.
    kind
        Its type, for tables: norm, norm_heads, encode, encode_heads, dequantize, requantize, rotary, hadamard, qk,
        softmax, pv, kv_cache, silu, residual, embedding, head.
    work_per_token
        Action (``vector.mac``, ``memory.read``, ...) -> (a, b): a token with a context of c positions, itself included,
        does ``a + b*c`` of it. ``vector.*`` are elementary operations, ``memory.*`` are bits.
    per_timestep
        Action -> (a, b): every timestep in which the stage replays its stream does ``a + b*c`` of it besides. A chip
        that takes each activation once, as one integer, has one such timestep.
    stream
        Id of the local stream whose spikes trigger ``per_spike``, or None.
    per_spike
        Action -> (a, b): each spike of ``stream`` does ``a + b*c`` of it. A chip that takes each activation once, as
        one integer, does so for each live activation, zeros included. There, and under the code ``graded``, a
        ``vector.add`` is a ``vector.mac``.
    operand_bits
        Width of the operands of its elementary operations, in bits; 0 where the trace does not say.
    """

    op_id: str
    kind: str
    work_per_token: Mapping[str, ClosedForm]
    per_timestep: Mapping[str, ClosedForm] = field(default_factory=dict)
    stream: str | None = None
    per_spike: Mapping[str, ClosedForm] = field(default_factory=dict)
    operand_bits: int = 0

    def work(
        self, contexts: NDArray[np.int64], n_timesteps: int, events: NDArray[np.int64] | None = None
    ) -> dict[str, NDArray[np.int64]]:
        """Operations (or bits) of every action, each int64 [tokens].

        Parameters
        ----------
        contexts
            int64 [tokens].
        n_timesteps
            Timesteps in which the stream of the stage is replayed.
        events
            int64 [tokens]: spikes of ``stream`` (`Trace.spikes_per_token`); needed where there is ``per_spike`` work.
        """
        done: dict[str, NDArray[np.int64]] = {}
        parts = [
            (self.work_per_token, np.ones_like(contexts)),
            (self.per_timestep, np.full_like(contexts, n_timesteps)),
        ]
        if self.per_spike:
            if events is None:
                raise ValueError(f"{self.op_id}: work per spike of {self.stream}, and no spikes are given")
            parts.append((self.per_spike, events))
        for table, times in parts:
            for action, (a, b) in table.items():
                done[action] = done.get(action, np.zeros_like(contexts)) + (a + b * contexts) * times
        return done

    def dense(self) -> Op:
        """The same op on a chip that takes each activation once, as one integer: what a spike adds is multiplied."""
        taken: dict[str, ClosedForm] = {}
        for action, (a, b) in self.per_spike.items():
            name = "vector.mac" if action == "vector.add" else action
            before = taken.get(name, (0, 0))
            taken[name] = (before[0] + a, before[1] + b)
        return replace(self, per_spike=taken)


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
        int64 [tokens]: position of each token in its text.
    phases
        uint8 [tokens]: whether each token was passed as part of a prompt or generated, as an index of `PHASES`.
    origin
        What it was made from: model, text, hashes, perplexities, versions (JSON types only).
    load_counts
        Stream id -> counts, integer [tokens, n]; called lazily, once per stream.
    window
        Most positions a token attends to (sliding window), or None for all before it.
    content_hash
        Identity of the trace: sha256 of its manifest (``traces/README.md``); empty when it was never on file.
    path
        File it was read from, for error lines; empty when it was made in memory.
    logits
        The tokens whose logits are formed, see `served`: a choice of who uses the trace, not part of its file.
    """

    name: str
    encoding: Encoding
    streams: tuple[Stream, ...]
    layers: tuple[Layer, ...]
    ops: tuple[Op, ...]
    stages: tuple[Stage, ...]
    positions: NDArray[np.int64]
    phases: NDArray[np.uint8]
    origin: Mapping[str, object]
    load_counts: Callable[[str], NDArray[np.integer]]
    window: int | None = None
    content_hash: str = ""
    path: str = ""
    logits: Logits = "all"
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
        return self.positions + 1 if self.window is None else np.minimum(self.positions + 1, self.window)

    @property
    def phase(self) -> Phase | Literal["mixed"]:
        """The phase of all tokens, or ``mixed``."""
        first = int(self.phases[0])
        return PHASES[first] if (self.phases == first).all() else "mixed"

    @cached_property
    def layer_by_id(self) -> Mapping[str, Layer]:
        """Layers by id."""
        return {layer.layer_id: layer for layer in self.layers}

    @cached_property
    def stream_by_id(self) -> Mapping[str, Stream]:
        """Streams by id."""
        return {stream.stream_id: stream for stream in self.streams}

    @cached_property
    def op_by_id(self) -> Mapping[str, Op]:
        """Ops by id."""
        return {op.op_id: op for op in self.ops}

    @cached_property
    def local_streams(self) -> frozenset[str]:
        """Ids of the streams that trigger work of ops at home and drive no layer."""
        return frozenset(op.stream for op in self.ops if op.stream is not None)

    @property
    def where(self) -> str:
        """What an error line begins with: the file, or the name of a trace made in memory."""
        return self.path or self.name

    def served(self, logits: Logits) -> Trace:
        """The same trace, with logits for ``all`` tokens, or for the ``last`` of each prompt and each decoded one.

        Serving a prompt needs the logits of its last token alone; scoring a text needs them all.
        """
        return self if logits == self.logits else replace(self, logits=logits)

    @cached_property
    def forms_logits(self) -> NDArray[np.bool_]:
        """Bool [tokens]: whether the logits of a token are formed."""
        if self.logits == "all":
            return np.ones(self.n_tokens, np.bool_)
        ends = np.concatenate([sequence_starts(self.positions)[1:], [True]])
        decoded = self.phases == DECODE
        forms: NDArray[np.bool_] = decoded | ends | np.concatenate([decoded[1:], [False]])
        return forms

    @cached_property
    def head_stages(self) -> frozenset[str]:
        """Ids of the stages that make logits: with the head as an op, or driving its layer, or collecting from it."""
        heads = {layer.layer_id for layer in self.layers if layer.kind == "head"}
        return frozenset(
            stage.stage_id
            for stage in self.stages[1:]  # the first one takes every token in
            if heads & {*stage.layers, *stage.sources}
            or any(self.op_by_id[op_id].kind == "head" for op_id in stage.ops if op_id in self.op_by_id)
        )

    def works(self, stage: Stage) -> NDArray[np.bool_]:
        """Bool [tokens]: whether a stage works on a token; the stages behind the last block where logits are formed."""
        return self.forms_logits if stage.stage_id in self.head_stages else np.ones(self.n_tokens, np.bool_)

    @cached_property
    def stage_of(self) -> Mapping[str, Stage]:
        """Stage by the id of each op, layer and stream that belongs to it, and by its own."""
        return {
            owner: stage
            for stage in self.stages
            for owner in (*stage.ops, *stage.layers, *self.streams_of(stage), stage.stage_id)
        }

    def works_on(self, owner: str) -> NDArray[np.bool_]:
        """Bool [tokens]: whether the stage of an op, layer or stream works on a token."""
        stage = self.stage_of.get(owner)
        return np.ones(self.n_tokens, np.bool_) if stage is None else self.works(stage)

    def take(self, tokens: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Trace:
        """The same program with some of the tokens, chosen as numpy chooses; it was never on file."""
        positions, phases = self.positions[tokens], self.phases[tokens]
        return replace(
            self, positions=positions, phases=phases, load_counts=_Taken(self, tokens), content_hash="", path=""
        )

    def streams_of(self, stage: Stage) -> tuple[str, ...]:
        """Ids of the streams of a stage: the local ones of its ops, then its own."""
        ids = (*(self.op_by_id[op_id].stream for op_id in stage.ops), stage.stream)
        return tuple(stream_id for stream_id in ids if stream_id is not None)

    def live(self, stream_id: str) -> NDArray[np.int64]:
        """Live activations of a stream, int64 [tokens]: all of them, but for a local stream (`Stream.live`)."""
        stream = self.stream_by_id[stream_id]
        a, b = (stream.n, 0) if stream.live is None else stream.live
        return a + b * self.contexts

    def live_counts(self, stream_id: str) -> NDArray[np.integer]:
        """Spike counts of the live activations of a stream, one after another."""
        counts = self.spike_counts(stream_id)
        if self.stream_by_id[stream_id].live is None:
            return counts.ravel()
        live: NDArray[np.integer] = counts[np.arange(counts.shape[1]) < self.live(stream_id)[:, None]]
        return live

    def spikes_per_token(self, stream_id: str) -> NDArray[np.int64]:
        """Spikes of a stream over all timesteps, int64 [tokens]; those of a local stream are never nested."""
        encoding = self.encoding.unfolded if stream_id in self.local_streams else self.encoding
        spikes: NDArray[np.int64] = encoding.spikes_per_count(self.spike_counts(stream_id)).sum(axis=1)
        return spikes

    def spike_counts(self, stream_id: str) -> NDArray[np.integer]:
        """Spike counts of one stream, integer [tokens, n], read at the first call and kept.

        Raises
        ------
        TraceError
            The stream is unknown, cannot be read, or holds anything but counts of the encoding.
        """
        if stream_id not in self._loaded:
            if stream_id not in self.stream_by_id:
                raise TraceError(f"{self.where}: no stream {stream_id!r}{did_you_mean(stream_id, self.stream_by_id)}")
            counts = self.load_counts(stream_id)
            self._check_counts(stream_id, counts)
            self._loaded[stream_id] = counts
        return self._loaded[stream_id]

    def counts(self, stream_id: str) -> NDArray[np.integer]:
        """`spike_counts` under its earlier name, for programs of users."""
        return self.spike_counts(stream_id)

    def _check_counts(self, stream_id: str, counts: NDArray[np.integer]) -> None:
        """Check shape and range of the counts of one stream, and that nothing fires beyond its live activations."""
        wanted = (self.n_tokens, self.stream_by_id[stream_id].n)
        where = f"{self.where}: stream {stream_id}"
        if counts.shape != wanted or counts.dtype.kind not in "iu":
            raise TraceError(f"{where}: counts {counts.dtype} {counts.shape}, expected integers {wanted}")
        low = -self.encoding.levels if self.encoding.signed else 0
        if counts.size and not (low <= int(counts.min()) and int(counts.max()) <= self.encoding.levels):
            raise TraceError(
                f"{where}: counts from {counts.min()} to {counts.max()},"
                f" expected {low} to {self.encoding.levels} ({self.encoding.code})"
            )
        if self.stream_by_id[stream_id].live is not None:
            live = self.live(stream_id)
            beyond = (counts != 0) & (np.arange(counts.shape[1]) >= live[:, None])
            if beyond.any():
                token, index = np.argwhere(beyond)[0]
                raise TraceError(
                    f"{where}: token {token} counts {counts[token, index]} at activation {index},"
                    f" expected 0 beyond its {live[token]} live ones"
                )


@dataclass(frozen=True)
class _Taken:
    """Counts of some tokens of another trace; a class, so that a trace can be sent to another process."""

    whole: Trace
    tokens: slice | NDArray[np.integer] | NDArray[np.bool_]

    def __call__(self, stream_id: str) -> NDArray[np.integer]:
        return np.ascontiguousarray(self.whole.spike_counts(stream_id)[self.tokens])
