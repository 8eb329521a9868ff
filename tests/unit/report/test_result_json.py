import dataclasses
import json
import math

import pytest
from factories import make_chip, make_run

from simulator.report.result_json import result_dict, result_text
from simulator.report.run_manifest import chip_sha256, git_commit, manifest_dict
from simulator.simulation.simulation import simulate
from simulator.trace.synthetic import synthetic_trace


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_schema_and_order(run):
    found = json.loads(result_text(run))
    assert (found["schema"], found["schema_version"]) == ("spikewatt/result", 2)
    top = "schema schema_version command chip trace energy analytic break_even area static causes latency steady"
    assert list(found) == [
        *top.split(),
        "sampling",
        "phases",
        "counts",
        "neurobench",
        "utilization",
        "storage",
        "warnings",
        "elapsed",
    ]
    assert found == result_dict(run)  # every value is a plain JSON type


def test_energy(run):
    energy = result_dict(run)["energy"]
    assert energy["total_pj"] == run.ledger.total_pj
    assert energy["per_token_pj"] == run.ledger.total_pj / 4
    for parts in ("by_owner", "by_component", "by_grade"):
        assert sum(energy[parts].values()) == pytest.approx(energy["total_pj"], rel=1e-12)
    assert list(energy["by_owner"]) == list(dict.fromkeys(run.ledger.rows["owner"]))
    cmos = energy["cmos45"]
    assert (cmos["precision"], cmos["ac_pj"]) == ("fp32", run.cmos45["fp32"].ac_pj)
    assert cmos["dense_mac_pj"] == run.cmos45["fp32"].dense_mac_pj
    chosen = result_dict(dataclasses.replace(run, precision="int8"))["energy"]["cmos45"]
    assert (chosen["precision"], chosen["ac_pj"]) == ("int8", run.cmos45["int8"].ac_pj)
    assert cmos["precisions"]["int8"]["ac_pj"] == run.cmos45["int8"].ac_pj
    twin = energy["dense_twin"]
    assert twin["energy_per_token_pj"] == run.dense.energy_pj / 4
    assert (twin["time_util"], twin["area_mm2"]) == (0.25, 1.5)  # as the factory makes it


def test_latency(run):
    latency = result_dict(run)["latency"]
    assert latency["total_ps"] == run.result.total_ps
    assert latency["per_token_ps"] == run.result.total_ps / 4  # the toy's tokens do not overlap
    assert sum(stage["total_ps"] for stage in latency["by_stage"].values()) == latency["total_ps"]
    assert sum(latency["by_part"].values()) == latency["total_ps"]
    assert latency["tokens_per_s"] == pytest.approx(4e12 / run.result.total_ps, rel=1e-15)


def test_counts_by_hand(run):
    """Toy: 432 spikes over 4 tokens x 2 blocks x (16 + 16 + 16 + 32) activations of 3 timesteps."""
    counts = result_dict(run)["counts"]
    assert counts["spikes"] == 432
    assert counts["activations"] == 4 * 2 * 80
    assert counts["spikes_per_activation"] == 432 / 640
    assert counts["firing_rate"] == pytest.approx(432 / 640 / 3, rel=1e-15)
    assert counts["synops"] == counts["by_action"]["dendrite.accumulate"]
    assert counts["packets"] == counts["by_action"]["axon_out.packet"]


def test_utilization_by_hand(run):
    """Busy picoseconds of 23 cores in use over the time of 32 cores; 4.5 KiB of 32 x 4 KiB SRAM."""
    found = result_dict(run)["utilization"]
    busy = run.result.cores["busy_ps"]
    assert (found["cores_used"], found["cores_total"], found["chips"]) == (23, 32, 2)
    assert found["mean"] == busy.sum() / (32 * run.result.total_ps)
    assert found["busiest_core"] == busy.max() / run.result.total_ps
    assert busy[run.result.cores["core"] == found["busiest_core_id"]].item() == busy.max()
    assert found["units"]["dendrite"]["cores"] == 14  # the layers of two blocks
    for shares in found["units"].values():
        assert shares["busy_share"] + shares["stall_share"] + shares["idle_share"] == pytest.approx(1, rel=1e-12)
    assert found["bank_conflicts"] == {"words": 0, "accumulators": 0}
    assert found["sram"] == {"used_bytes": 4608, "total_bytes": 131072, "share": 4608 / 131072}


def test_warnings_come_once_each(run):
    twice = dataclasses.replace(run, warnings=(*run.warnings, *run.result.warnings))
    assert result_dict(twice)["warnings"] == [*run.warnings, *run.result.warnings]


def test_same_inputs_same_bytes_but_elapsed():
    one, two = make_run(), make_run()
    two = dataclasses.replace(
        two, result=dataclasses.replace(two.result, elapsed={"simulate_s": 9.0, "compile_s": 0.0})
    )
    texts = [{**json.loads(result_text(run)), "elapsed": None} for run in (one, two)]
    assert json.dumps(texts[0]) == json.dumps(texts[1])
    assert result_text(one) == result_text(make_run())
    assert result_text(one) != result_text(two)


def test_no_time_makes_null_and_not_a_crash():
    run = make_run()
    timeless = dataclasses.replace(run, result=dataclasses.replace(run.result, total_ps=0))
    found = json.loads(result_text(timeless))
    assert found["latency"]["tokens_per_s"] is None
    assert found["energy"]["mean_power_w"] is None
    assert found["utilization"]["mean"] is None


def test_no_twin_is_null():
    assert result_dict(make_run(dense=False))["energy"]["dense_twin"] is None


def test_any_text_survives(run):
    """A path with bytes that are no UTF-8 reaches us as lone surrogates; JSON must still be writable as UTF-8."""
    odd = dataclasses.replace(run, command="spikewatt run --out r\udce9sum\udce9 µ")
    assert json.loads(result_text(odd).encode("utf-8"))["command"] == odd.command


def test_chip_hash_is_of_the_content():
    assert chip_sha256(make_chip()) == chip_sha256(make_chip(core__synapse__weight_bits="1 B"))  # 8 bit, otherwise said
    assert chip_sha256(make_chip()) != chip_sha256(make_chip(core__synapse__weight_bits="4 bit"))
    assert chip_sha256(make_chip()) != chip_sha256(make_chip(noc__hop_x__grade="assumed"))


def test_manifest(run):
    found = manifest_dict(run, ["result.json"])
    assert found["chip"]["sha256"] == chip_sha256(run.chip) == result_dict(run)["chip"]["sha256"]
    assert found["trace"]["content_hash"] == run.trace.content_hash
    assert found["command"] == run.command
    assert found["warnings"] == list(run.all_warnings)
    assert found["files"] == ["result.json"]
    assert found["packages"]["numpy"][0].isdigit()
    assert json.loads(json.dumps(found)) == found


def test_no_commit_outside_a_checkout(tmp_path):
    assert git_commit(tmp_path) is None
    (tmp_path / ".git").mkdir()  # not a repository either
    assert git_commit(tmp_path) is None


def test_uncertainty(run):
    found = result_dict(run)["energy"]["uncertainty"]
    assert (found["draws"], found["seed"]) == (1000, 0)
    assert found["value_pj"] == run.ledger.total_pj
    assert found["low_pj"] < found["median_pj"] < found["high_pj"]
    assert list(found["by_owner"]) == list(dict.fromkeys(run.ledger.rows["owner"]))
    assert list(found["swings"]) == ["noc.local"]


def test_neurobench_names_by_hand(run):
    """Toy: per block 16 x (16 + 8 + 8 + 16 + 32 + 32) + 32 x 16 = 2304 weights of 8 bits, 2 blocks, 3 timesteps."""
    found = result_dict(run)["neurobench"]
    assert found["Footprint"] == 2 * 2304
    assert found["ActivationSparsity"] == pytest.approx(1 - 432 / 640 / 3)
    macs = result_dict(run)["counts"]["by_action"]["vector.mac"]
    operations = found["SynapticOperations"]
    assert operations["Effective_ACs"] == run.result.synops / 4
    assert operations["Effective_MACs"] == macs / 4
    assert operations["Dense"] == 2 * 2304 * 3 + macs / 4


def test_the_steady_token_of_a_sequential_run_is_its_mean_token(run):
    steady = json.loads(result_text(run))["steady"]
    assert steady["energy_per_token_pj"] == pytest.approx(run.energy_per_token_pj)
    assert steady["time_per_token_ps"] == run.result.total_ps / run.n_tokens
    assert not steady["pipelined"]


def test_the_steady_token_of_a_pipeline_pays_static_power_for_one_round():
    """Static power for a full round, counts of all tokens over tokens, and the barriers of one round per token."""
    trace, chip = synthetic_trace("full", [5, 4, 3], tokens=6), make_chip(schedule={"kind": "pipelined"})
    run = simulate(chip, trace, allow_uncosted=True)
    rows = run.ledger.rows
    by_component = {name: math.fsum(rows.loc[rows["component"] == name, "energy_pj"]) for name in ("static", "sync")}
    counted = run.ledger.total_pj - by_component["static"] - by_component["sync"]
    expected = counted / 6 + by_component["sync"] / (6 + len(trace.stages) - 1)
    expected += by_component["static"] / run.result.total_ps * run.result.steady.time_per_token_ps
    steady = json.loads(result_text(run))["steady"]
    assert steady["energy_per_token_pj"] == pytest.approx(expected)
    assert steady["energy_per_token_pj"] < run.energy_per_token_pj
