"""Why a run costs what it costs: charges add up, bounds hold when tried, and what stands out is named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from factories import make_run

from simulator import load_chip, load_trace, simulate
from simulator.report.causes import binding_part, cause_sentences, levers, outlier_sentence, outliers
from simulator.report.figures.latency import latency_finding, latency_frame
from simulator.report.result_json import result_dict
from simulator.report.stage_load import charged_table, part_shares, pipelined, stage_load
from simulator.report.verdict import bar, numbers, verdict_lines

CHIPS = ("loihi-like", "sdllm-asic-45nm")
SCHEDULES = ("sequential", "auto")


@pytest.fixture(scope="module")
def trace():
    return load_trace("shakespeare-ternary-T15").take(np.arange(12))


@pytest.fixture(scope="module")
def runs(trace):
    return {
        (chip, schedule): simulate(load_chip(chip, [f"schedule.kind={schedule}"]), trace, mapping="chip")
        for chip in CHIPS
        for schedule in SCHEDULES
    }


def test_what_is_charged_to_stages_adds_up_to_the_ledger(runs):
    for run in runs.values():
        table = charged_table(run)
        assert table["energy_pj"].sum() == pytest.approx(run.ledger.total_pj, rel=1e-12)
        assert table["static_pj"].sum() == pytest.approx(run.ledger.by_component()["static"], rel=1e-12)
        assert list(table["energy_pj"]) == sorted(table["energy_pj"], reverse=True)


def test_the_causes_are_in_the_result_for_programs(runs):
    for run in runs.values():
        causes = result_dict(run)["causes"]
        assert causes["sentences"] == cause_sentences(run)
        energies = [stage["energy_pj"] for stage in causes["charged_by_stage"].values()]
        assert sum(energies) == pytest.approx(run.ledger.total_pj, rel=1e-12)
        assert causes["binding"]["share"] == max(part_shares(run).values())
        json.dumps(causes, allow_nan=False)


def test_the_time_of_a_pipeline_is_shown_by_stage(runs):
    for chip in CHIPS:
        run = runs[chip, "auto"]
        frame = latency_frame(run)
        assert set(frame["stage"]) == {stage.stage_id.split(".")[-1] for stage in run.trace.stages}
        longest = frame.groupby("stage")["time_ps"].sum().max()
        assert longest * run.n_tokens == pytest.approx(run.result.cores["busy_ps"].max())
        assert latency_finding(frame).startswith("All stages work at once. The slowest is ")


def test_where_stages_take_turns_static_power_goes_by_time(runs):
    run = runs["loihi-like", "sequential"]
    assert not pipelined(run)
    table = charged_table(run).set_index("stage")
    of_kind = run.result.stages.groupby(run.result.stages["stage"].str.split(".").str[-1])["total_ps"].sum()
    static = run.ledger.by_component()["static"]
    for kind in ("mlp_in", "head"):
        assert table.loc[kind, "static_pj"] == pytest.approx(static * of_kind[kind] / run.result.total_ps, rel=1e-12)


def test_in_a_pipeline_static_power_goes_by_cores(runs):
    run = runs["loihi-like", "auto"]
    assert pipelined(run)
    cores = stage_load(run).groupby("kind")["cores"].sum()
    table = charged_table(run).set_index("stage")
    assert cores.sum() == len(run.result.cores)  # no core is shared here
    static = run.ledger.by_component()["static"]
    assert table.loc["mlp_in", "static_pj"] == pytest.approx(static * cores["mlp_in"] / cores.sum(), rel=1e-12)


def test_the_slowest_stage_of_a_pipeline_is_that_of_the_busiest_core(runs):
    run = runs["sdllm-asic-45nm", "auto"]
    cores, load = run.result.cores, stage_load(run)
    assert load["time_ps"].max() == cores["busy_ps"].max()
    slow = load.iloc[int(load["time_ps"].argmax())]
    assert slow["core"] == cores.loc[cores["busy_ps"].idxmax(), "core"]
    assert f"The slowest stage of the pipeline is {slow['stage']}: its core {slow['core']}" in " ".join(
        cause_sentences(run)
    )


@pytest.mark.parametrize("chip", CHIPS)
def test_no_lever_saves_more_than_it_says(runs, trace, chip):
    for schedule in SCHEDULES:
        run = runs[chip, schedule]
        for what, saves in levers(run).itertuples(index=False):
            words = what.split()
            path = {"--schedule": "schedule.kind=", "--sync": "sync.kind=", "--set": ""}
            given = dict(zip(words[1::2], words[::2], strict=True))
            changes = [path[option] + value for value, option in given.items() if option != "--mapping"]
            mapping = "auto" if words[0] == "--mapping" else "chip"
            other = sorted({f"schedule.kind={schedule}", *changes} if "--schedule" not in words else changes)
            tried = simulate(load_chip(chip, other), trace, mapping=mapping)
            assert tried.result.total_ps >= (1 - saves) * run.result.total_ps * 0.999, what


def test_the_part_that_binds_is_the_largest_of_five(runs):
    run = runs["loihi-like", "sequential"]
    part, share = binding_part(run)
    sums = {p: run.result.stages[f"{p}_ps"].sum() for p in ("compute", "network", "transfer", "vector", "barrier")}
    assert part == max(sums, key=sums.get)
    assert share == pytest.approx(sums[part] / run.result.total_ps, rel=1e-12)


def test_a_block_with_more_spikes_than_its_like_is_named(trace):
    busy = "blocks.2.mlp_in"

    def load(stream_id):
        counts = np.clip(trace.load_counts(stream_id), -1, 1)
        return np.full_like(counts, 15) if stream_id == busy else counts

    chip = load_chip("loihi-like", ["schedule.kind=sequential"])
    run = simulate(chip, replace(trace, load_counts=load, content_hash=""), mapping="chip")
    assert outliers(run)["stage"].iloc[0] == busy
    assert outlier_sentence(run).startswith(f"Slower than their like: {busy} (")


def test_kinds_of_one_block_have_no_like():
    run = make_run()
    assert len(outliers(run)[outliers(run)["kind"] == "head"]) == 0


def test_the_first_screen_repeats_numbers_of_the_run(runs):
    run = runs["sdllm-asic-45nm", "sequential"]
    found = {number.name: number.value for number in numbers(run)}
    assert list(found) == ["energy per token", "time per token", "over the 45 nm op count"]
    assert sum(piece.share for piece in bar(run)) == pytest.approx(1.0, rel=1e-9)
    lines = list(verdict_lines(run))
    assert len(lines) == 4
    assert found["energy per token"] in lines[0]
