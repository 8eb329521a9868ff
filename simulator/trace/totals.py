"""The one counter of synops and dense MACs: exact, of a trace, over all tokens and timesteps.

Every analytic model of `simulator.energy` prices what is counted here.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.arrays import Ints
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op


class LayerWork(NamedTuple):
    """Work of one linear layer over the whole trace.

    Attributes
    ----------
    spikes
        Spikes of its stream.
    synops
        Spikes x fan-out: every weight of the row counts, zeros too.
    macs
        Tokens x n_in x n_out, as if it took plain activations.
    """

    spikes: int
    synops: int
    macs: int


def stream_spikes(trace: Trace, stream_id: str) -> int:
    """Spikes of one stream: each -1 or 1 of each timestep counts as one, of the tokens that its stage works on."""
    return int(trace.spikes_per_token(stream_id)[trace.works_on(stream_id)].sum())


def layer_work(trace: Trace) -> dict[str, LayerWork]:
    """Work of each layer by its id, in the order of the trace; each stream is counted once."""
    spikes = {stream_id: stream_spikes(trace, stream_id) for stream_id in dict.fromkeys(x.stream for x in trace.layers)}
    return {
        x.layer_id: LayerWork(
            spikes[x.stream], spikes[x.stream] * x.n_out, int(trace.works_on(x.layer_id).sum()) * x.n_in * x.n_out
        )
        for x in trace.layers
    }


def op_macs(trace: Trace, op: Op, positions: Ints) -> int:
    """Multiply-accumulates of an op, over the tokens that its stage works on; they see ``positions``, int64 [tokens].

    Products that spikes drive (`Op.per_spike`) count as the dense products that they stand for.
    """
    positions = positions[trace.works_on(op.op_id)]
    fixed, per_position = op.work_per_token.get("vector.mac", (0, 0))
    macs = int((fixed + per_position * positions).sum())
    if op.stream is None:
        return macs
    stream = trace.stream_by_id[op.stream]
    first, more = (stream.n, 0) if stream.live is None else stream.live
    a, b = op.dense().per_spike.get("vector.mac", (0, 0))
    return macs + int(((a + b * positions) * (first + more * positions)).sum())
