"""The check of a stored result: what counts as drift, where it is, and why."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from factories import make_chip, make_run

from simulator.energy.ledger import build_ledger
from simulator.errors import OutputError, SpikewattError
from simulator.report.drift import drift_report, drifts, parse_tolerance, read_golden, write_golden
from simulator.report.ledger_kinds import by_kind
from simulator.report.result_json import result_dict


@pytest.fixture(scope="module")
def run():
    return make_run()


@pytest.fixture(scope="module")
def golden(run):
    return result_dict(run)


@pytest.fixture(scope="module")
def dearer(run):
    """The same run with accumulates at twice the price: 47.2 pJ, not 23.6 pJ."""
    chip = make_chip(core__dendrite__accumulate__energy__value="47.2 pJ")
    return result_dict(replace(run, mapped=replace(run.mapped, chip=chip), ledger=build_ledger(run.result, chip)))


def test_kinds_hold_the_whole_ledger(run):
    kinds = by_kind(run.ledger)
    entries = [entry for actions in kinds.values() for entry in actions.values()]
    assert sum(entry["energy_pj"] for entry in entries) == pytest.approx(run.ledger.total_pj, rel=1e-12)
    assert sum(entry["count"] for entry in entries) == run.ledger.rows["count"].sum()
    assert not [kind for kind in kinds if kind.startswith("blocks.")]


def test_the_same_result_does_not_drift_at_no_tolerance(golden):
    assert drifts(golden, deepcopy(golden), 0.0) == []
    assert "no drift" in drift_report(golden, golden, [], 0.0, "golden.json")


def test_a_price_that_doubles_is_named_by_layer_and_component(golden, dearer):
    found = drifts(golden, dearer, 0.01)
    assert found[0].place == ("energy per token", "")
    parts = [drift for drift in found if drift.place[1]]
    assert {drift.place[1] for drift in parts} == {"dendrite"}
    assert {drift.cause for drift in parts} == {"dendrite.accumulate: 2.00x the price"}
    moved = sum(drift.after - drift.before for drift in parts)
    assert moved == pytest.approx(dearer["energy"]["per_token_pj"] - golden["energy"]["per_token_pj"])
    assert "| dendrite.accumulate: 2.00x the price |" in drift_report(golden, dearer, found, 0.01, "golden.json")


def test_a_count_that_grows_and_an_action_that_is_new_are_told_apart(golden):
    fresh = deepcopy(golden)
    kind, actions = next((k, a) for k, a in fresh["energy"]["by_kind"].items() if "dendrite.accumulate" in a)
    entry = actions["dendrite.accumulate"]
    entry["count"], entry["energy_pj"] = entry["count"] * 3, entry["energy_pj"] * 3
    actions["dram.read"] = {"count": 5, "energy_pj": entry["energy_pj"]}
    causes = {drift.place: drift.cause for drift in drifts(golden, fresh, 0.01)}
    assert causes[kind, "dendrite"] == "dendrite.accumulate: 3.00x the count"
    assert causes[kind, "dram"] == "dram.read: none before"


@pytest.mark.parametrize(("change", "drifted"), [(1.0099, False), (1.0101, True), (0.9901, False), (0.9899, True)])
def test_the_tolerance_holds_on_both_sides(golden, change, drifted):
    fresh = deepcopy(golden)
    fresh["energy"]["per_token_pj"] *= change
    assert bool(drifts(golden, fresh, 0.01)) is drifted


def test_time_of_a_stage_and_counts_drift_too(golden):
    fresh = deepcopy(golden)
    stage, times = next(iter(fresh["latency"]["by_stage"].items()))
    more = fresh["latency"]["total_ps"]
    times["vector_ps"] += more
    times["total_ps"] += more
    fresh["counts"]["packets"] += 1 + golden["counts"]["packets"]
    found = {drift.place: drift for drift in drifts(golden, fresh, 0.01)}
    assert found[stage, "time"].cause == "vector"
    assert found["packets", ""].write == "count"


def test_a_result_without_kinds_is_compared_by_owner(golden, dearer):
    older = deepcopy(golden)
    del older["energy"]["by_kind"]
    places = [drift.place for drift in drifts(older, dearer, 0.01) if drift.place[1] == "all"]
    assert places
    assert {owner for owner, _ in places} <= set(golden["energy"]["by_owner"])


def test_another_trace_is_told(golden):
    fresh = deepcopy(golden)
    fresh["trace"]["content_hash"] = "f" * 64
    assert "trace: " in drift_report(golden, fresh, [], 0.01, "golden.json").split("Inputs")[1]


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.01", 0.01), (" 2.5 % ", 0.025), ("0", 0.0)])
def test_a_tolerance_is_a_share_or_per_cent(text, share):
    assert parse_tolerance(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "one", "-1%", "100%", "nan", "1", "inf"])
def test_other_tolerances_are_refused(text):
    with pytest.raises(SpikewattError, match="--tolerance: found"):
        parse_tolerance(text)


def test_a_stored_result_is_read_as_it_was_written(golden, tmp_path):
    write_golden(tmp_path / "golden.json", golden)
    assert read_golden(tmp_path / "golden.json") == json.loads(json.dumps(golden))


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("schema",), "other", "found schema"),
        (("trace", "tokens"), 0, "trace.tokens"),
        (("counts", "spikes"), "many", "counts.spikes"),
        (("energy", "by_kind"), [], "energy.by_kind"),
        (("energy", "by_kind", "q"), {"synapse.synop": {"count": 1}}, "expected count and energy_pj"),
        (("energy", "by_kind", "q"), {"synapse.synop": {"count": None, "energy_pj": 1.0}}, "found None"),
        (("latency", "by_stage"), {"head": {"total_ps": -1}}, "latency.by_stage: head.total_ps"),
        (("latency", "by_stage"), {"head": 1}, "latency.by_stage: head"),
    ],
)
def test_a_damaged_result_is_named(golden, tmp_path, where, value, said):
    broken = deepcopy(golden)
    record = broken
    for key in where[:-1]:
        record = record[key]
    record[where[-1]] = value
    (tmp_path / "golden.json").write_text(json.dumps(broken))
    with pytest.raises(OutputError, match=said):
        read_golden(tmp_path / "golden.json")
