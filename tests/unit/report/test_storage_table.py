"""What the report says of memories; the toy: 2 blocks, 4 positions of 128 bits of cache each, a head of 3,072 bits."""

import pytest
from factories import make_chip, make_dram, make_sram, make_trace

from simulator.mapping.fit import storage_frame, storage_summary
from simulator.report.bridge import bridge_frame
from simulator.report.result_json import result_dict
from simulator.report.storage_table import storage_line
from simulator.simulation.simulation import simulate


@pytest.fixture(scope="module")
def moved():
    chip = make_chip(
        mapping={"kv_cache": "sram", "head": "dram"},
        core__sram=make_sram(),
        dram=make_dram("512 bit"),
        memory__capacity="256 B",
    )
    return simulate(chip, make_trace(), mapping="chip")


def test_where_everything_lies(moved):
    table = storage_frame(moved.mapped).set_index(["owner", "kind"])
    cache = table.loc[("blocks.1.kv_cache", "kv_cache")]
    assert tuple(cache[["store", "bytes_per_token", "bytes", "core_bytes", "capacity_bytes"]]) == (
        "sram",
        16,
        64,
        64,
        4096,
    )
    head = table.loc[("lm_head", "head")]
    assert tuple(head[["store", "bytes", "core_bytes"]]) == ("dram", 384, 0)


def test_sums_by_kind_and_memory(moved):
    summary = storage_summary(storage_frame(moved.mapped)).set_index("kind")
    assert list(summary.index)[:2] == ["values", "head"]  # the largest first
    cache = summary.loc["kv_cache"].drop("store")
    assert list(cache) == [2, 32, 128, 64, 4096]  # stages, bytes per token, in all, on a core, and what it holds


def test_totals_and_the_fullest_memory(moved):
    """64 outputs of gate and up of 24 bits each arrive at the home of mlp_hidden: 192 of 256 bytes."""
    found = result_dict(moved)["storage"]
    assert found["positions"] == 4
    assert found["by_kind"]["kv_cache"] == {"stores": {"sram": 128}, "bytes": 128, "bytes_per_token": 32.0}
    assert found["memory"] == {"fullest_core_bytes": 192, "capacity_bytes": 256, "share": 0.75}
    assert storage_line(moved).startswith(
        "storage: KV cache 128 B (32 B per token) in SRAM; head 384 B in DRAM; largest vector memory: core "
    )
    assert storage_line(moved).endswith("192 B of 256 B (75.0%)")


def test_a_memory_without_a_bound_is_warned_of_and_one_with_a_bound_is_not(moved):
    free = simulate(make_chip(), make_trace(n_blocks=1), mapping="chip")
    (line,) = [warning for warning in free.warnings if warning.startswith("memory.capacity ")]
    assert "memory.capacity is not set: 432 bytes on core" in line
    assert not [warning for warning in moved.warnings if warning.startswith("memory.capacity ")]


def test_the_bridge_counts_a_cache_and_a_table_elsewhere_as_storage_and_streamed_weights_as_links(moved):
    """Per token: a head of 6 bursts of 512 bits at 4 pJ in DRAM, next to what is in SRAM and memory."""
    rows = moved.ledger.rows
    stored = rows[
        rows["component"].isin(["memory", "sram"]) | (rows["owner"] == "lm_head") & (rows["component"] == "dram")
    ]
    assert (rows["component"] == "dram").sum() == 1
    assert rows.loc[rows["component"] == "dram", "energy_pj"].sum() == 4 * 6 * 512 * 4
    steps = bridge_frame(moved).set_index("step")["energy_pj"]
    assert steps["memory"] == pytest.approx(stored["energy_pj"].sum() / 4, rel=1e-12)
    streamed = simulate(make_chip(mapping={"weights": "streamed"}, dram=make_dram()), make_trace(n_blocks=1))
    rows = streamed.ledger.rows
    links = rows["component"].eq("dram") | rows["action"].eq("chip_hop")
    assert bridge_frame(streamed).set_index("step")["energy_pj"]["links"] == pytest.approx(
        rows.loc[links, "energy_pj"].sum() / 4, rel=1e-12
    )
