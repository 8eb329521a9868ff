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
from simulator.trace.trace_program import Layer, Op, Stage, Stream

Phase = Literal["prefill", "decode"]
PHASES: tuple[Phase, ...] = get_args(Phase)  # a token's phase is stored as its index here
DECODE = PHASES.index("decode")


TIED = "tied_embedding"  # in the origin of a trace: the model's head is its embedding


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
        """Ids of the streams that trigger work of ops at the home cores and drive no layer."""
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
        """Ids of the stages that make logits: with the head as an op, or driving its layer, or collecting from it.

        With them those whose values go to such stages alone, and drive no layer.
        """
        heads = {layer.layer_id for layer in self.layers if layer.kind == "head"}
        found: set[str] = set()
        for stage in reversed(self.stages[1:]):  # the first one takes every token in
            takers = {other.stage_id for other in self.stages if stage.stage_id in other.carries}
            if (
                heads & {*stage.layers, *stage.sources}
                or any(self.op_by_id[op_id].kind == "head" for op_id in stage.ops if op_id in self.op_by_id)
                or (takers and takers <= found and not stage.layers)
            ):
                found.add(stage.stage_id)
        return frozenset(found)

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
                raise TraceError(
                    f"{self.where}: no such stream {stream_id!r}{did_you_mean(stream_id, self.stream_by_id)}"
                )
            counts = self.load_counts(stream_id)
            self._check_counts(stream_id, counts)
            self._loaded[stream_id] = counts
        return self._loaded[stream_id]

    def counts(self, stream_id: str) -> NDArray[np.integer]:
        """`spike_counts` under its earlier name, for programs of users."""
        return self.spike_counts(stream_id)

    def _check_counts(self, stream_id: str, counts: NDArray[np.integer]) -> None:
        """Check shape and range of the counts of one stream, and that nothing fires beyond its live activations."""
        expected = (self.n_tokens, self.stream_by_id[stream_id].n)
        where = f"{self.where}: stream {stream_id}"
        if counts.shape != expected or counts.dtype.kind not in "iu":
            raise TraceError(f"{where}: counts {counts.dtype} {counts.shape}, expected integers {expected}")
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
