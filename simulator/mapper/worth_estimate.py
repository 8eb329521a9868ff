"""Is spiking worth it on this mapping? Codes, schedules and tiles of one trace in closed form, and their dense twins.

`simulator.energy.worth` simulates the same question; here no variant is simulated, so every report can have the table.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.config.dense_twin import twin_from
from simulator.energy.worth import CODES, DENSE, NESTED
from simulator.errors import SpikewattError
from simulator.mapper.estimate import estimate
from simulator.mapper.optimize import sampled
from simulator.mapper.stage_cost import CostModel
from simulator.mapper.stage_work import stage_works
from simulator.mapping.mapped import Mapped
from simulator.mapping.storage import stores
from simulator.trace.recode import as_encoding
from simulator.trace.trace import Trace

SAMPLE_TOKENS = 16  # in a row, so that those of a tile are neighbours
TILE = 8
WAYS = (("pipelined", 1), ("sequential", 1), ("sequential", TILE))
COLUMNS = ("code", "schedule", "tile", "energy_per_token_pj", "dynamic_per_token_pj", "time_per_token_ps", "over_dense")


def worth_estimate(mapped: Mapped) -> pd.DataFrame:
    """One row per code, schedule and tile, `COLUMNS`, on the cores and cuts of ``mapped``.

    ``over_dense`` is the energy over that of the dense twin with the same schedule and tile. A code that the chip
    cannot receive or the trace cannot have has no row, nor has a schedule that this mapping does not allow.
    Accumulators of a tile are provisioned. No rows on a chip that is dense itself.
    """
    rows = [(*names, *found) for names, found in _rows(mapped)]
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    dense = table[table["code"] == DENSE].set_index(["schedule", "tile"])["energy_per_token_pj"]
    twin = pd.Series([dense.get((row.schedule, row.tile), float("nan")) for row in table.itertuples()], dtype=float)
    return table.assign(over_dense=table["energy_per_token_pj"] / twin)


def _rows(mapped: Mapped) -> Iterator[tuple[tuple[str, str, int], tuple[float, float, float]]]:
    if mapped.chip.replay == "dense":
        return
    some = sampled(mapped.trace, SAMPLE_TOKENS)
    for schedule, tile in WAYS:
        if schedule == "pipelined" and (mapped.chip.mapping.share_cores or mapped.placement.streamed):
            continue
        for code in CODES:
            try:
                yield (code, schedule, tile), _cost(mapped, some, code, schedule, tile)
            except SpikewattError:  # the code or the tile is not possible here
                continue


def _cost(mapped: Mapped, some: Trace, code: str, schedule: str, tile: int) -> tuple[float, float, float]:
    """Energy, energy without static power and time of a token of a prompt."""
    chip = _variant(mapped.chip, code, schedule, tile)
    trace = some if code == DENSE else as_encoding(some, _code(some, code))
    varied = Mapped.at(trace, chip, mapped.placement)
    works = stage_works(varied.trace, varied.chip, stores(varied.stored, varied.trace), mapped.trace)
    model = CostModel(varied.chip, varied.uses_dram)
    found = estimate(varied, works, model, schedule == "pipelined")
    return found.prompt_pj, found.dynamic_pj, found.interval_ps + found.seldom_ps


def _code(trace: Trace, code: str) -> str:
    """Code of the packets; a trace without signs has its own unary code."""
    packets = CODES[code]
    return "binary" if packets == "ternary" and not trace.encoding.signed else packets


def _variant(chip: ChipConfig, code: str, schedule: str, tile: int) -> ChipConfig:
    """The chip with the schedule, the tile and the accumulators that a code takes; for ``dense`` its twin."""
    if code == "graded" and chip.core.dendrite.multiply_accumulate is None:
        raise SpikewattError(f"{chip.name}: core.dendrite.multiply_accumulate: found none, expected one")
    sums = chip.core.limits.neurons * tile * (2 if code == NESTED else 1)
    core = chip.core
    synapse = core.synapse.model_copy(update={"tile": tile, "reuse": "nested" if code == NESTED else "none"})
    dendrite = core.dendrite.model_copy(
        update={"accumulators_per_core": max(sums, core.dendrite.accumulators_per_core or 0)}
    )
    ordered = chip.schedule.model_copy(update={"kind": schedule, "chunk": tile, "batch": 1})
    varied = chip.model_copy(
        update={"schedule": ordered, "core": core.model_copy(update={"synapse": synapse, "dendrite": dendrite})}
    )
    return twin_from(varied) if code == DENSE else varied


def worth_verdict(table: pd.DataFrame) -> Iterator[str]:
    """The verdict in a sentence, and what flips it: the code, the schedule or the tile."""
    spiking = table[(table["code"] != DENSE) & table["over_dense"].notna()]
    if spiking.empty:
        return
    best, twin = spiking.nsmallest(1, "energy_per_token_pj").iloc[0], table[table["code"] == DENSE]
    least = twin.nsmallest(1, "energy_per_token_pj").iloc[0]
    ratio = best["energy_per_token_pj"] / least["energy_per_token_pj"]
    yield (
        f"Spiking {'is' if ratio < 1 else 'is not'} worth it here: its best variant, {_words(best)}, takes"
        f" {ratio:.2f} of the energy of the best dense one ({_words(least)})"
    )
    wins = spiking["over_dense"] < 1
    if wins.all() or not wins.any():
        yield f"Nothing in the table flips that: every spiking variant is {'below' if wins.all() else 'above'} its twin"
        return
    for axis, others in (
        ("code", ["schedule", "tile"]),
        ("schedule", ["code", "tile"]),
        ("tile", ["code", "schedule"]),
    ):
        for _, rows in spiking.groupby(others, sort=False):
            low, high = rows.nsmallest(1, "over_dense").iloc[0], rows.nlargest(1, "over_dense").iloc[0]
            if low["over_dense"] < 1 <= high["over_dense"]:
                less, more = (f"{row['over_dense']:.2f}" for row in (low, high))
                yield f"The {axis} flips it: {_words(low)} takes {less} of its dense twin, {_words(high)} {more}"
                break


def _words(row: pd.Series) -> str:
    tile = "" if row["tile"] == 1 else f", tile {row['tile']}"
    return f"{row['code']}, {row['schedule']}{tile}"
