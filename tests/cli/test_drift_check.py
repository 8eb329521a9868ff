"""``spikewatt check``: it simulates the stored command again, and its exit code says whether numbers drifted."""

import json

import pytest
from program import run_program


@pytest.fixture
def golden(simulate, trace_file, work):
    """A stored result of the tiny trace."""
    assert simulate("--set", "core.synapse.synop.energy.value=23.6pJ", "--out", work / "run").code == 0
    file = work / "golden.json"
    file.write_bytes((work / "run" / "result.json").read_bytes())
    return file


def test_the_same_program_makes_the_same_result_and_no_report(golden, work, snapshot):
    before = snapshot(work)
    done = run_program("check", golden, "--tolerance", "0", "-q")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("## Energy check: no drift")
    assert snapshot(work) == before


def test_drift_ends_with_code_1_and_says_where_and_why(golden, work):
    stored = json.loads(golden.read_text())
    stored["command"] = stored["command"].replace("value=23.6pJ", "value=47.2pJ")
    golden.write_text(json.dumps(stored))
    done = run_program("check", golden, "-q")
    assert done.code == 1
    assert "| synapse.synop: 2.00x the price |" in done.out
    assert "chip file as resolved" in done.out
    assert run_program("check", golden, "-q", "--update").code == 0
    assert run_program("check", golden, "-q", "--tolerance", "0").code == 0


def test_a_report_is_compared_without_a_simulation(golden, work):
    stored = json.loads(golden.read_text())
    stored["command"] = ""
    stored["energy"]["per_token_pj"] *= 2
    golden.write_text(json.dumps(stored))
    done = run_program("check", golden, "--report", work / "run")
    assert done.code == 1
    assert "-50.00 %" in done.out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "expected one of `spikewatt simulate`"),
        ("spikewatt sweep a.yaml", "expected one of `spikewatt simulate`"),
        ("spikewatt simulate --chop x", "No such option"),
        ("spikewatt simulate 'open", "No closing quotation"),
        ("spikewatt simulate --chip no-such-chip", "no-such-chip"),
    ],
)
def test_a_command_that_cannot_run_again_is_named(golden, refused, command, said):
    stored = json.loads(golden.read_text())
    stored["command"] = command
    golden.write_text(json.dumps(stored))
    assert said in refused(run_program("check", golden, "-q"))


def test_other_files_are_refused(golden, work, refused):
    (work / "other.json").write_text("{}")
    assert "found schema" in refused(run_program("check", work / "other.json"))
    assert "cannot be read" in refused(run_program("check", work / "absent.json"))
    assert "cannot be read" in refused(run_program("check", golden, "--report", work / "absent"))
    assert "--tolerance" in refused(run_program("check", golden, "--tolerance", "much"))
