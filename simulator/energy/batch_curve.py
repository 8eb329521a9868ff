"""What a generated token costs when several texts generate together: energy and time against the size of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.engine.service import service
from simulator.errors import CapacityError
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.trace.batches import batched
from simulator.trace.sequences import text_numbers
from simulator.trace.trace import DECODE, Trace

Load = Callable[[Sequence[str]], ChipConfig]  # the chip under further overrides
Map = Callable[[Trace, ChipConfig], Mapped]
PIPELINED, TOGETHER = "pipelined", "together"
COLUMNS = (
    "schedule",
    "batch",
    "tile",
    "energy_per_token_pj",
    "dynamic_per_token_pj",
    "time_per_token_ps",
    "between_tokens_ps",
    "kv_cache_bytes",
)


def generated(trace: Trace, n_tokens: int) -> tuple[Trace, str]:
    """The first ``n_tokens`` that the first text of a trace generates, and what they are in words.

    Of a trace of prompts, the last tokens of its first text: a causal forward pass makes the same spikes for a token
    that is read and for one that is generated.
    """
    first = np.flatnonzero(text_numbers(trace.positions) == 0)
    decoded = first[trace.phases[first] == DECODE]
    if len(decoded):
        return trace.take(decoded[:n_tokens]), f"{len(decoded[:n_tokens])} generated tokens"
    last = trace.take(first[-n_tokens:])
    as_decoded = replace(last, phases=np.full(last.n_tokens, DECODE, np.uint8))
    return as_decoded, f"the last {last.n_tokens} tokens of the prompt, taken as generated"


def batch_table(
    trace: Trace, load: Load, batches: Sequence[int], progress: Callable[[str], None], mapped_on: Map = map_trace
) -> pd.DataFrame:
    """One row per schedule and batch, `COLUMNS`; a batch whose caches or tiles the chip does not hold has none.

    ``pipelined``: the texts fill each other's gaps in a pipeline. ``together``: one token of each text passes each
    stage before the next begins, and the rows of weights are read once for all of them; the accumulators that this
    takes are provisioned. ``between_tokens_ps`` is the time between two tokens of one text. ``mapped_on`` maps a trace
    on a chip.

    Raises
    ------
    CapacityError
        When not even one text fits.
    """
    rows, fault = [], None
    for schedule in (PIPELINED, TOGETHER):
        for batch in batches:
            progress(f"{schedule}, batch {batch}")
            try:
                rows.append((schedule, batch, *_cost(trace, _variant(load, schedule, batch), mapped_on)))
            except CapacityError as error:
                fault = error
                progress(f"{schedule}, batch {batch}: {error}")
    if not rows:
        assert fault is not None
        raise fault
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _variant(load: Load, schedule: str, batch: int) -> ChipConfig:
    """The chip with a batch under a schedule."""
    chip = load([])
    if schedule == PIPELINED:
        return load(["schedule.kind=auto", "schedule.chunk=1", "core.synapse.tile=1", f"schedule.batch={batch}"])
    one_figure = [] if chip.chip.static_power is None or chip.chip.static_fixed else ["chip.static_fixed=true"]
    sums = chip.core.limits.neurons * batch * (2 if chip.core.synapse.reuse == "nested" else 1)
    provided = max(sums, chip.core.dendrite.accumulators_per_core or 0)
    return load(
        [
            *one_figure,
            "schedule.kind=sequential",
            f"schedule.batch={batch}",
            f"core.synapse.tile={batch}",
            f"core.dendrite.accumulators_per_core={provided}",
        ]
    )


def _cost(trace: Trace, chip: ChipConfig, mapped_on: Map) -> tuple[int, float, float, float, float, int]:
    """Tile, then energy, energy without static power, time, and time between tokens of a text; bytes of all caches."""
    mapped = mapped_on(batched(trace, chip.schedule.batch), chip)
    result = replay(mapped)
    ledger, tokens = build_ledger(result, chip, allow_uncosted=True), mapped.trace.n_tokens
    static = float(ledger.by_component().get("static", 0.0))
    energy, dynamic, time = (value / tokens for value in (ledger.total_pj, ledger.total_pj - static, result.total_ps))
    between = service(result.tokens).output_token_ps
    caches = sum(item.bits for item in mapped.stored if item.kind == "kv_cache") // 8
    return chip.core.synapse.tile, energy, dynamic, time, time if between is None else between, caches


def batch_lines(table: pd.DataFrame) -> Iterator[str]:
    """The batches with the least energy and the least time of a token under each schedule, in a sentence."""
    for schedule, rows in table.groupby("schedule", sort=False):
        one = rows.iloc[0]
        if len(rows) == 1:
            continue
        least = [rows.nsmallest(1, key).iloc[0] for key in ("energy_per_token_pj", "time_per_token_ps")]
        energy = least[0]["energy_per_token_pj"] / one["energy_per_token_pj"]
        time = least[1]["time_per_token_ps"] / one["time_per_token_ps"]
        yield (
            f"{schedule}: a token takes the least energy in a batch of {least[0]['batch']} ({energy:.2f} of that in a"
            f" batch of {one['batch']}) and the least time in a batch of {least[1]['batch']} ({time:.2f})"
        )
