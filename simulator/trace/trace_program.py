"""The program of one token: the streams, layers and ops of a trace, and the stages that order them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

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
