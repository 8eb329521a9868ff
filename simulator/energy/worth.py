"""Is spiking worth it on a chip? One trace under every code and tile, spiking and dense, on the same hardware."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.config.dense_twin import twin_from
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.errors import SpikewattError
from simulator.mapping.place import map_trace
from simulator.trace.recode import as_encoding
from simulator.trace.trace import Trace

Load = Callable[[Sequence[str]], ChipConfig]  # the chip under further overrides
ACCUMULATORS = (
    "accumulators of a tile are provisioned on both sides; they leak where the chip file gives static.accumulators, and"
    " do not move the one figure of chip.static_power"
)
DENSE, NESTED = "dense", "nested"
# Code -> that of the packets; a nested train is one of its own code.
CODES = {"ternary": "ternary", NESTED: "ternary", "bitwise": "bitwise", "graded": "graded", DENSE: "ternary"}


def worth_table(trace: Trace, load: Load, tiles: Sequence[int], progress: Callable[[str], None]) -> pd.DataFrame:
    """One row per code and tile: ``code, tile, energy_per_token_pj, dynamic_per_token_pj, time_per_token_ps,
    over_dense``.

    ``tile`` tokens share a row fetch in a chunk of as many; the accumulators that this takes are provisioned.
    ``over_dense`` is the energy over that of the dense twin of the same tile. A code that the chip cannot receive has
    no row.

    Raises
    ------
    SpikewattError
        When the chip is dense itself.
    CapacityError
        When the trace does not fit.
    """
    if (chip := load([])).replay == "dense":
        raise SpikewattError(f"{chip.name}: found replay: dense, expected a chip with replay: captured")
    rows = []
    multiplies = chip.core.dendrite.multiply_accumulate is not None
    for tile in tiles:
        for code in CODES if multiplies else [code for code in CODES if code != "graded"]:
            progress(f"{code}, tile {tile}")
            rows.append((code, tile, *_cost(trace, load, code, tile)))
    names = ("code", "tile", "energy_per_token_pj", "dynamic_per_token_pj", "time_per_token_ps")
    table = pd.DataFrame(rows, columns=list(names))
    dense = table[table["code"] == DENSE].set_index("tile")["energy_per_token_pj"]
    table["over_dense"] = table["energy_per_token_pj"] / table["tile"].map(dense)
    return table


def _cost(trace: Trace, load: Load, code: str, tile: int) -> tuple[float, float, float]:
    """Energy, energy without static power and time of a token."""
    chip = _variant(load, code, tile)
    result = replay(map_trace(as_encoding(trace, CODES[code]) if code != DENSE else trace, chip))
    ledger = build_ledger(result, chip)
    static = float(ledger.by_component().get("static", 0.0))
    per_token = (ledger.total_pj, ledger.total_pj - static, float(result.total_ps))
    energy, dynamic, time = (value / trace.n_tokens for value in per_token)
    return energy, dynamic, time


def _variant(load: Load, code: str, tile: int) -> ChipConfig:
    """The chip with the tile, the chunk and the accumulators that a code takes; for ``dense`` its twin."""
    chip = load([])
    sums = chip.core.limits.neurons * tile * (2 if code == NESTED else 1)
    in_chunks = [] if chip.schedule.kind == "sequential" else ["schedule.kind=sequential"]
    one_figure = [] if chip.chip.static_power is None or chip.chip.static_fixed else ["chip.static_fixed=true"]
    changes = [*in_chunks, *one_figure, f"schedule.chunk={tile}", f"core.dendrite.accumulators_per_core={sums}"]
    if code == DENSE:
        return twin_from(load(changes))
    reuse = "nested" if code == NESTED else "none"
    return load([*changes, f"core.synapse.tile={tile}", f"core.synapse.reuse={reuse}"])


def worth_lines(table: pd.DataFrame) -> Iterator[str]:
    """The verdict in a sentence for each tile, and what flips it."""
    verdicts = {}
    for tile, rows in table.groupby("tile"):
        best = rows[rows["code"] != DENSE].nsmallest(1, "over_dense").iloc[0]
        verdicts[tile] = best["over_dense"] < 1
        word = "is worth it" if verdicts[tile] else "is not worth it"
        yield (
            f"tile {tile}: spiking {word}: the best code, {best['code']}, takes {best['over_dense']:.2f} of the energy"
            " of the dense twin"
        )
        codes = rows[rows["code"] != DENSE]
        wins = codes.loc[codes["over_dense"] < 1, "code"].tolist()
        if 0 < len(wins) < len(codes):
            yield f"tile {tile}: the code flips it: {', '.join(wins)} below the twin, the others above"
    if len(set(verdicts.values())) > 1:
        yield "the tile flips it"
