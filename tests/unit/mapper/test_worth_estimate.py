"""Whether spiking is worth it on a mapping, in closed form, against the engine and by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import make_chip, make_trace

from simulator.config import load_chip
from simulator.energy.worth import worth_table
from simulator.mapper.worth_estimate import COLUMNS, worth_estimate, worth_verdict
from simulator.mapping.place import map_trace
from simulator.report.worth_section import worth_section
from simulator.simulation.simulation import simulate
from simulator.trace.synthetic import synthetic_trace


def test_the_closed_form_is_near_the_engine_in_a_sequential_schedule():
    """Full counts on the chip's own mapping; the engine of `spikewatt worth` does the same variants token by token."""
    trace = synthetic_trace("full", [64, 64], levels=3, tokens=16, head=False, ops=False)
    table = worth_estimate(map_trace(trace, load_chip("sdllm-asic-45nm")))
    of_engine = worth_table(trace, lambda more: load_chip("sdllm-asic-45nm", more), [1, 8], lambda _: None)
    alone = table[table["schedule"] == "sequential"].set_index(["tile", "code"])
    engine = of_engine.set_index(["tile", "code"]).reindex(alone.index)
    for key in ("energy_per_token_pj", "time_per_token_ps"):
        assert alone[key].to_numpy() == pytest.approx(engine[key].to_numpy(), rel=0.1)


def test_a_code_that_the_chip_cannot_receive_and_a_way_that_its_mapping_forbids_have_no_row():
    trace = make_trace(n_blocks=1, n_tokens=2)
    codes = set(worth_estimate(map_trace(trace, load_chip("loihi-like")))["code"])
    assert codes == {"ternary", "nested", "bitwise", "dense"}
    shared = worth_estimate(map_trace(trace, make_chip(mapping={"share_cores": True})))
    assert set(shared["schedule"]) == {"sequential"}


def test_a_dense_chip_has_no_table_and_no_section():
    chip = load_chip("dense-int8-45nm")
    trace = make_trace(n_blocks=1, n_tokens=2)
    assert worth_estimate(map_trace(trace, chip)).empty
    assert worth_section(simulate(chip, trace, mapping="chip")) is None


def table_of(*rows: tuple[str, str, int, float]) -> pd.DataFrame:
    """Energies by code, schedule and tile; times and the dynamic part play no role."""
    table = pd.DataFrame([(*row, row[3], 1.0) for row in rows], columns=list(COLUMNS[:-1]))
    dense = table[table["code"] == "dense"].set_index(["schedule", "tile"])["energy_per_token_pj"]
    at = pd.MultiIndex.from_frame(table[["schedule", "tile"]])
    return table.assign(over_dense=table["energy_per_token_pj"].to_numpy() / dense.reindex(at).to_numpy())


def test_the_verdict_and_what_flips_it():
    """Ternary 3.00 and 0.75 of its twin, graded 0.50 and 1.25: code and schedule flip it, there is one tile."""
    table = table_of(
        ("ternary", "pipelined", 1, 6.0),
        ("graded", "pipelined", 1, 1.0),
        ("dense", "pipelined", 1, 2.0),
        ("ternary", "sequential", 1, 3.0),
        ("graded", "sequential", 1, 5.0),
        ("dense", "sequential", 1, 4.0),
    )
    assert list(worth_verdict(table)) == [
        "Spiking is worth it here: its best variant, graded, pipelined, takes 0.50 of the energy of the best dense one"
        " (dense, pipelined)",
        "The code flips it: graded, pipelined takes 0.50 of its dense twin, ternary, pipelined 3.00",
        "The schedule flips it: ternary, sequential takes 0.75 of its dense twin, ternary, pipelined 3.00",
    ]


def test_a_verdict_that_nothing_flips():
    table = table_of(("ternary", "sequential", 1, 6.0), ("ternary", "sequential", 8, 5.0),
                     ("dense", "sequential", 1, 4.0), ("dense", "sequential", 8, 3.0))  # fmt: skip
    verdict, flip = worth_verdict(table)
    assert verdict.startswith("Spiking is not worth it here: its best variant, ternary, sequential, tile 8, takes 1.67")
    assert flip == "Nothing in the table flips that: every spiking variant is above its twin"
