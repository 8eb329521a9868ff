"""Commands about prices and published numbers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from program import Done, run_program

from simulator.config import load_chip

Refused = Callable[[Done], str]


def test_claims_of_a_shape_by_hand() -> None:
    """LLaMA-2-7B, 1024 tokens: 6.906e12 MACs; 31.77 J at FP32, 3.971 J at 4 bits by linear scaling."""
    done = run_program("claims", "--model", "llama-2-7b")
    assert (done.code, done.err) == (0, "")
    assert "1 x 1024 tokens, full attention, head out" in done.out
    rows = {line.split("  ")[0].strip(): line for line in done.out.splitlines()}
    assert "31.77 J" in rows["fp32"]
    assert "3.971 J" in rows["4 bits, linear"]


def test_claims_of_an_unknown_shape_is_refused(refused: Refused) -> None:
    line = refused(run_program("claims", "--model", "llama-2-7"))
    assert line == "--model llama-2-7: expected one of llama-2-7b, llama-2-13b, llama-3-8b (did you mean 'llama-2-7b'?)"


@pytest.mark.parametrize(("option", "value"), [("tokens", "9" * 400), ("batch", 2**63), ("spikes", "inf")])
def test_a_number_beyond_what_arrays_count_with_is_refused(option: str, value: object, refused: Refused) -> None:
    assert f"--{option}: found" in refused(run_program("claims", "--model", "llama-2-7b", f"--{option}", value))


def test_breakeven_of_each_kind_of_layer(trace_file: Path) -> None:
    done = run_program("breakeven", "--trace", trace_file, "--tokens", "2", "--json")
    assert (done.code, done.err) == (0, "")
    rows = json.loads(done.out)
    assert {row["cheaper"] for row in rows} <= {"spiking", "dense"}
    assert all(row["dense_pj"] > 0 for row in rows)


def test_an_energy_table_goes_out_and_comes_in(work: Path) -> None:
    table = run_program("export-ert", "--chip", "sdllm-asic-45nm")
    assert (table.code, table.err) == (0, "")
    assert yaml.safe_load(table.out)["ERT"]["version"] == "0.4"
    (work / "ert.yaml").write_text(table.out)
    made = run_program("import-ert", work / "ert.yaml", "--name", "mine")
    assert (made.code, made.err) == (0, "")
    (work / "mine.yaml").write_text(made.out)
    mine, base = load_chip(str(work / "mine.yaml")), load_chip("sdllm-asic-45nm")
    assert mine.core.synapse.word_read.energy.value == base.core.synapse.word_read.energy.value
    assert "ART" in yaml.safe_load(run_program("export-ert", "--area").out)


def test_rows_that_are_no_prices_are_warned_of_and_stay_in_the_file(work: Path) -> None:
    rows = "{name: synop, energy: 0.5}, {name: word_raed, energy: 9.9}"
    (work / "ert.yaml").write_text(f"ERT: {{tables: [{{name: imp.synapse, actions: [{rows}]}}]}}")
    made = run_program("import-ert", "ert.yaml")
    misspelt, stay = made.err.splitlines()
    assert made.code == 0
    place = "ert.yaml:1:74: imp.synapse.word_raed"
    assert misspelt == f"warning: {place}: no action of synapse here, not imported (did you mean 'word_read'?)"
    assert stay.startswith(
        "warning: 36 of 37 prices stay as in sdllm-asic-45nm: axon_in.lookup 4 pJ, synapse.word_read"
    )
    assert made.out.startswith(f"# {misspelt.removeprefix('warning: ')}\n# {stay.removeprefix('warning: ')}\nextends: ")


def test_a_table_that_contradicts_itself_writes_nothing(work: Path, refused: Refused) -> None:
    rows = "{name: synop, energy: 1.0}, {name: synop, arguments: {x: 1}, energy: 999.0}"
    (work / "ert.yaml").write_text(f"ERT: {{tables: [{{name: a.synapse, actions: [{rows}]}}]}}")
    line = refused(run_program("import-ert", "ert.yaml"))
    assert "a.synapse.synop: found 999 pJ for x=1 after 1 pJ in line 1, expected one row for each action" in line
    assert "did you mean 'loihi-like'" in refused(run_program("import-ert", "ert.yaml", "--base", "loihi-lik"))


def test_a_table_of_nothing_is_refused(work: Path, refused: Refused) -> None:
    (work / "ert.yaml").write_text("ERT: {tables: []}")
    assert "found no row of an action known here" in refused(run_program("import-ert", work / "ert.yaml"))


def test_a_shipped_claim_is_defended() -> None:
    done = run_program("defend", "phasesnn", "--counts-only")
    assert (done.code, done.err) == (0, "")
    assert "the same digits with fp32" in done.out
    assert "\\begin{tabular}" in done.out
    assert "We recomputed the energies of PhaseSNN, LLaMA-3-8B" in done.out


def test_a_claim_of_ones_own_with_a_slip_of_a_thousand(work: Path) -> None:
    (work / "claim.yaml").write_text(
        "name: Mine\nsource: me\nshape: {n_blocks: 2, d_model: 32, d_kv: 32, d_ffn: 64}\ntokens: 4\ntimesteps: 4\n"
        "spikes_per_mac: 0.5\nenergies: [{name: dense, printed: '377', unit: nJ, precision: fp32},"
        " {name: ours, printed: '36.9', unit: uJ, precision: fp32, spiking: true}]\n"
    )
    done = run_program("defend", "claim.yaml", "--chip", "sdllm-asic-45nm", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["macs"] == 4 * 2 * (4 * 32 * 32 + 3 * 32 * 64)
    assert "1,000x too large: a slip of a power of ten" in found["contradictions"][0]
    (cost,) = found["per_token"]
    assert cost["over_dense_twin"] == pytest.approx(
        sum(cost["parts_j"].values()) / sum(cost["dense_twin_parts_j"].values())
    )


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ("shape: llama-2-7", "shape: found 'llama-2-7', expected one of llama-2-7b"),
        ("energies: [{name: a, printed: 3.97, unit: J}]", "printed: found 3.97, expected"),
        ("energies: [{name: a, printed: '3.97 J', unit: J}]", "found '3.97 J', expected a number in quotes"),
        ("energies: [{name: a, printed: '1', unit: kWh}]", "unit: found text 'kWh', expected one of J"),
        (
            "energies: [{name: a, printed: '1', unit: J, precision: fp8, macs_g: 1}]",
            "found 'fp8', expected one of fp32",
        ),
        ("ratios: [{name: a, printed: '2', formula: 1 / nothing}]", "a: formula: found 'nothing', expected"),
    ],
)
def test_a_claim_that_cannot_be_read_is_refused_in_a_line(
    work: Path, refused: Refused, changed: str, fault: str
) -> None:
    (work / "claim.yaml").write_text(f"name: Mine\nsource: me\ntokens: 4\n{changed}\n")
    assert fault in refused(run_program("defend", "claim.yaml"))


def test_an_unknown_claim_is_refused(refused: Refused) -> None:
    assert "did you mean 'sdllm'" in refused(run_program("defend", "sdlm"))


@pytest.mark.parametrize("command", ["validate-silicon", "defend", "breakeven", "export-ert", "import-ert"])
def test_each_command_has_its_help(command: str) -> None:
    assert run_program(command, "--help").code == 0
