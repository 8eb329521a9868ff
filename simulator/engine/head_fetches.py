"""Which tokens have the weights of a head read from DRAM: the first of those that are at its stage together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Ints
from simulator.config.chip import Schedule
from simulator.engine.token_order import chunks
from simulator.mapping.storage import Store
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Op, Stage


def fetches_head(stage: Stage, trace: Trace, schedule: Schedule) -> NDArray[np.bool_]:
    """Bool [tokens]: whether a token on which ``stage`` works is the first of its chunk, or alone.

    Under schedule ``sequential`` some of a prompt are together, or a generated token of each text of a batch.
    """
    works = trace.works(stage)
    if schedule.kind != "sequential":
        return works
    first = np.zeros(trace.n_tokens, np.bool_)
    for chunk in chunks(trace, schedule):
        first[chunk[works[chunk]][:1]] = True
    return first


def read_once(op: Op, store: Store, work: dict[str, Ints], fetches: NDArray[np.bool_]) -> dict[str, Ints]:
    """``work`` of an op for some tokens, int64 [tokens] each; a head in DRAM is read for those that fetch it alone.

    The multiply-accumulates of the tokens that are together share each weight as it comes.
    """
    if op.kind != "head" or store != "dram":
        return work
    return work | {"dram.read": work["dram.read"] * fetches}
