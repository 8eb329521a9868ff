"""The table of mappings: what it says is what a simulation of each mapping finds."""

from __future__ import annotations

from factories import make_chip

from simulator.engine.engine import replay
from simulator.mapping.place import map_trace
from simulator.report.mappings import compare_mappings, own_mapping
from simulator.trace.synthetic import synthetic_trace

TRACE = synthetic_trace("poisson", [20, 40, 12], tokens=2, seed=4)
CHIP = make_chip(core__limits={"axons_in": 12, "neurons": 12})


def test_every_row_is_what_a_simulation_of_its_mapping_finds():
    table = compare_mappings(TRACE, CHIP, "cycle")
    assert len(table) == 2 * 3 * 3
    for row in table.to_dict("records"):
        way = {"strategy": row["strategy"], "placement": row["placement"], "share_cores": row["shared"]}
        chip = CHIP.model_copy(update={"mapping": CHIP.mapping.model_copy(update=way)})
        result = replay(map_trace(TRACE, chip))
        assert (row["packets"], row["time_ps"]) == (result.packets, result.total_ps)
        assert row["cores"] == len(result.cores)
        assert row["sram_bytes"] == result.cores["sram_bytes"].sum()


def test_sharing_takes_fewer_cores():
    """5 blocks on cores of their own; homes on one core and layers on another when they share."""
    table = compare_mappings(TRACE, make_chip()).set_index(["shared", "strategy", "placement"])
    assert table.loc[(False, "by_output", "snake"), "cores"] == 5
    assert table.loc[(True, "by_output", "snake"), "cores"] < 5


def test_the_lower_bound_of_time_is_one():
    ideal, cycle = own_mapping(TRACE, CHIP), own_mapping(TRACE, CHIP, "cycle")
    assert ideal["time_ps"][0] <= cycle["time_ps"][0]
    assert (
        ideal.drop(columns="time_ps")
        .drop(columns="energy_pj")
        .equals(cycle.drop(columns="time_ps").drop(columns="energy_pj"))
    )
