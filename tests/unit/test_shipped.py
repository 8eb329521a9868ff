"""Shipped files by name: traces and sweeps wherever a path may stand, as chips."""

from pathlib import Path

import pytest

from simulator.config import load_sweep
from simulator.errors import ConfigError, TraceError
from simulator.shipped import find_sweep, find_trace, sample_model, shipped_sweeps, shipped_traces
from simulator.trace.trace_files import load_trace, verify_trace

TRACE = "shakespeare-ternary-T15"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_trace_by_its_name_is_that_file(folder):
    assert find_trace(TRACE) == shipped_traces()[TRACE]
    assert load_trace(TRACE).content_hash == load_trace(shipped_traces()[TRACE]).content_hash
    assert verify_trace(TRACE).n_tokens == 64


@pytest.mark.parametrize("name", ["x.npz", "folder/x", "./x", "..", "."])
def test_a_path_stays_a_path(folder, name):
    assert find_trace(name) == Path(name)


def test_a_file_of_the_user_comes_before_a_shipped_trace_and_a_folder_does_not(folder):
    (folder / TRACE).mkdir()
    assert find_trace(TRACE) == shipped_traces()[TRACE]
    (folder / TRACE).rmdir()
    (folder / TRACE).write_text("mine")
    assert find_trace(TRACE) == Path(TRACE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shakespeare-ternary-T1", f"shakespeare-ternary-T1: no such trace, expected .* \\(did you mean '{TRACE}'"),
        (f"traces/{TRACE}.npz", f"no such file, expected a trace \\(the shipped one is '{TRACE}', without a path\\)"),
        (f"{TRACE}.npz", f"the shipped one is '{TRACE}'"),
        ("", "^: no such trace"),
        ("other.npz", "other.npz: no such file"),
    ],
)
def test_an_unknown_trace_is_one_line_with_the_name_meant(folder, name, words):
    with pytest.raises(TraceError, match=words):
        load_trace(name)


def test_a_sweep_by_its_name(folder):
    assert find_sweep("sram-lanes") == shipped_sweeps()["sram-lanes"]
    assert load_sweep("sram-lanes").name == "sram-lanes"
    with pytest.raises(ConfigError, match=r"sram-lane: no such sweep, expected .* \(did you mean 'sram-lanes'"):
        load_sweep("sram-lane")
    with pytest.raises(ConfigError, match=r"nowhere/sram-lanes\.yaml: no such file"):
        load_sweep("nowhere/sram-lanes.yaml")


SWEEP = """
name: mine
summary: of a shipped trace
base: sdllm-asic-45nm
trace: {trace}
axes: {{core.synapse.lanes: [8, 16]}}
objectives: [energy.per_token_pj]
"""


def test_a_sweep_takes_a_shipped_trace_by_its_name(folder):
    (folder / "s").mkdir()
    file = folder / "s" / "mine.yaml"
    file.write_text(SWEEP.format(trace=f"[{TRACE}, shakespeare-attention-T15]"))
    assert load_sweep(file).trace == (TRACE, "shakespeare-attention-T15")
    (folder / "s" / TRACE).write_text("a file of that name beside the sweep")
    assert load_sweep("s/mine.yaml").trace[0] == f"s/{TRACE}"
    file.write_text(SWEEP.format(trace="shakespeare-ternary-T1"))
    with pytest.raises(ConfigError, match=f"mine.yaml:5:8: trace: found .* \\(did you mean '{TRACE}'"):
        load_sweep(file)


def test_the_sample_model_is_a_directory_with_a_text():
    assert {"config.json", "heldout_sample.txt"} <= {path.name for path in sample_model().iterdir()}
