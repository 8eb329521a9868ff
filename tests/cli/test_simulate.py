"""`spikewatt simulate`: the report folder, what is printed, and what stays after a failure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from program import Done, run_program

from simulator.report.figures import FIGURES
from simulator.report.progress import ProgressLine

Simulate = Callable[..., Done]
Snapshot = Callable[[Path], dict[str, bytes | None]]
Refused = Callable[[Done], str]

DATA = {
    *("result.json", "manifest.json", "report.html", "chip.json"),
    *(f"{table}.csv" for table in ("owners", "components", "assumptions", "bands", "tornado", "analytic")),
    *(f"{table}.csv" for table in ("stages", "tokens", "cores", "units", "links", "storage", "charged")),
}
SMALL_MEMORY = ("--set", "memory.capacity=7 B", "--set", "memory.read=1 pJ")  # its prices follow its capacity else
FIXED = ("--set", "chip.static_fixed=true")  # a measured chip of another size
CHIPS = ("loihi-like", "truenorth-like", "sdllm-asic-45nm", "dense-int8-45nm")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def without_elapsed(text: bytes) -> dict[str, object]:
    result = json.loads(text)
    assert set(result.pop("elapsed")) == {"compile_s", "simulate_s"}
    return dict(result)


@pytest.fixture(scope="module")
def full_report(trace_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The one report of these tests with its figures and the dense twin."""
    folder = tmp_path_factory.mktemp("full") / "report"
    paper = ["--figures", "pdf", "--latex"]
    return folder, run_program("simulate", "--chip", "loihi-like", "--trace", trace_file, "--out", folder, *paper)


def test_a_full_report_has_every_file(full_report: tuple[Path, Done]) -> None:
    folder, done = full_report
    assert done.code == 0
    drawn = {path for path in files(folder) if path.startswith("figures/")}
    assert drawn == {f"figures/{name}.{kind}" for name in FIGURES for kind in ("svg", "pdf")}
    tables = {f"tables/{name}.tex" for name in ("comparison", "consumers", "prices", "stages")}
    assert files(folder) == DATA | drawn | tables
    assert json.loads((folder / "manifest.json").read_text())["files"] == sorted(files(folder) - {"manifest.json"})
    assert (folder / "report.html").stat().st_size > 10_000


def test_a_full_report_has_the_dense_twin_and_names_its_place_last(full_report: tuple[Path, Done]) -> None:
    folder, done = full_report
    twin = json.loads((folder / "result.json").read_text())["energy"]["dense_twin"]
    assert (twin["name"], twin["label"], twin["node_nm"]) == ("loihi-like-dense", "loihi-like-dense", 14)
    assert done.out.splitlines()[-1] == f"report: {folder / 'report.html'}"


def test_progress_is_on_stderr_as_plain_lines(full_report: tuple[Path, Done]) -> None:
    _, done = full_report
    assert "loihi-like: 100 %\n" in done.err
    assert "loihi-like-dense: 100 %\n" in done.err
    assert done.err.endswith("writing the report\n")
    assert "100 %" not in done.out


def test_output_that_is_no_terminal_has_no_escape_codes(full_report: tuple[Path, Done]) -> None:
    _, done = full_report
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize("chip", CHIPS)
def test_every_shipped_chip_gives_a_report_at_the_default_place(chip: str, simulate: Simulate, work: Path) -> None:
    done = simulate("--chip", chip)
    assert done.code == 0, done.err
    folder = work / "reports" / chip / "tiny"
    assert files(folder) == DATA
    assert done.out.splitlines()[-1] == f"report: reports/{chip}/tiny/report.html"
    result = json.loads((folder / "result.json").read_text())
    assert (result["chip"]["name"], result["trace"]["name"]) == (chip, "tiny")
    assert result["energy"]["total_pj"] > 0
    assert files(work) == {f"reports/{chip}/tiny/{name}" for name in DATA}


def test_a_number_of_a_report_is_explained(full_report: tuple[Path, Done], refused: Refused) -> None:
    folder, _ = full_report
    done = run_program("explain", folder, "--action", "synapse.*", "--top", "1")
    assert done.code == 0
    arithmetic, price, source, total = done.out.splitlines()
    assert "synapse.synop: " in arithmetic
    assert "core.synapse.synop.energy (" in price
    assert "Davies" in source
    assert total.startswith("1 of ")
    assert json.loads(run_program("explain", folder, "--top", "1", "--json").out)[0]["grade"] == "measured"
    assert "--layer nix: matches none of" in refused(run_program("explain", folder, "--layer", "nix"))


def test_breakeven_is_on_the_page_by_simulation(trace_file: Path, work: Path, refused: Refused) -> None:
    ask = ["simulate", "--chip", "sdllm-asic-45nm", "--trace", trace_file, "--out", work / "r", "--breakeven"]
    assert "--breakeven needs the dense twin" in refused(run_program(*ask, "--no-dense-twin", "--quiet"))
    assert run_program(*ask).code == 0
    page = (work / "r" / "report.html").read_text()
    assert '<h2 id="breakeven">Break-even by layer</h2>' in page
    assert "an estimate: --breakeven" not in page
    assert (work / "r" / "breakeven.csv").is_file()
    assert json.loads((work / "r" / "result.json").read_text())["break_even"]["layers"]


def test_json_on_stdout_is_the_file_and_nothing_else_is_said(simulate: Simulate, work: Path) -> None:
    done = simulate("--json", "--out", "r")
    assert done == Done(0, (work / "r" / "result.json").read_text(), "")


def test_quiet_says_one_line_the_warnings_and_the_place(simulate: Simulate, work: Path) -> None:
    done = simulate("--quiet", "--out", "r")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("tiny on loihi-like, 2 tokens (prefill): ")
    assert lines[1].startswith("warning: ")
    assert lines[-1] == "report: r/report.html"
    assert "Energy by stage" not in done.out


def test_verbose_has_a_row_per_layer(simulate: Simulate, work: Path) -> None:
    assert "layers.1" in simulate("--verbose", "--out", "r").out


def test_two_runs_give_the_same_bytes_but_for_elapsed(simulate: Simulate, work: Path, snapshot: Snapshot) -> None:
    assert simulate("--out", "r").code == 0
    first = snapshot(work / "r")
    assert simulate("--out", "r").code == 0
    second = snapshot(work / "r")
    results = [without_elapsed(both.pop("result.json") or b"") for both in (first, second)]
    assert results[0] == results[1]
    assert first == second


def test_set_changes_the_chip(simulate: Simulate, work: Path) -> None:
    def energy(*more: str) -> dict[str, Any]:
        return dict(json.loads(simulate("--json", "--out", "r", "--mapping", "chip", *more).out)["energy"])

    before, after = energy(), energy("--set", "chip.static_power.value=0 W")
    static = before["by_component"]["static"]
    assert static > 0
    # Only the static power goes; the counts and their prices stay.
    assert after["by_component"] == before["by_component"] | {"static": 0.0}
    assert after["total_pj"] == pytest.approx(before["total_pj"] - static, rel=1e-12)


def test_op_count_chooses_the_precision(simulate: Simulate, work: Path) -> None:
    result = json.loads(simulate("--json", "--out", "r", "--op-count", "int8").out)
    assert result["energy"]["cmos45"]["precision"] == "int8"


def test_encoding_replays_the_counts_under_another_code(simulate: Simulate, work: Path) -> None:
    """Ternary counts of 7 levels: three bit planes, and fewer spikes than counts; everything else is the trace's."""

    def result(*more: str) -> dict[str, Any]:
        return dict(json.loads(simulate("--json", "--out", "r", *more).out))

    captured, bitwise = result()["trace"], result("--encoding", "bitwise")["trace"]
    assert (captured["encoding"], captured["timesteps"]) == ("ternary", 7)
    assert (bitwise["encoding"], bitwise["timesteps"], bitwise["levels"]) == ("bitwise", 3, 7)
    assert bitwise["name"] == "tiny-as-bitwise"


# ---------------------------------------------------------------- faults: one line, exit code 2, nothing left


BAD_OPTIONS = {
    "graded on a chip that cannot multiply": (
        ("--encoding", "graded"),
        "loihi-like: core.dendrite.multiply_accumulate: found none, expected one because the trace is graded; add it to"
        " the chip, or replay the counts as spikes (--encoding ternary)",
    ),
    "chip": (
        ("--chip", "loihi-lik"),
        "unknown chip 'loihi-lik', expected one of dense-int8-22nm, dense-int8-45nm, dense-int8-7nm,"
        " loihi-like, loihi2-like, odin-like, sdllm-asic-22nm, sdllm-asic-45nm, sdllm-asic-7nm, seneca-like,"
        " spinnaker2-like, truenorth-like"
        " or a .yaml file (did you mean 'loihi-like'?)",
    ),
    "trace": (("--trace", "nosuch.npz"), "nosuch.npz: no such file, expected a trace (.npz)"),
    "set-key": (
        ("--set", "core.nope=3"),
        "--set core.nope=3: found an unknown key, expected one of sram, limits, overhead, axon_in, synapse, dendrite,"
        " soma, axon_out",
    ),
    "set-form": (
        ("--set", "core"),
        '--set core: found no path=value, expected one such as core.sram.capacity="256 KiB"',
    ),
    "capacity": (
        ("--set", "core.sram.capacity=1 B", *FIXED),
        "loihi-like: layer layers.0: one synapse needs 8 B of a core's SRAM, limit 1 B (7 B over);"
        " raise core.sram.capacity or make core.sram.word smaller",
    ),
    "mesh too small": (
        (
            "--set",
            "chip.tiles_x=1",
            "--set",
            "chip.tiles_y=2",
            "--set",
            "chip.cores_per_tile=1",
            "--set",
            "chip.max_chips=1",
            *FIXED,
        ),
        "loihi-like: the trace needs 5 cores, limit 2 on 1 chip(s) (3 cores over); raise chip.max_chips to 3,"
        " core.sram.capacity or core.limits, or set mapping.weights to streamed",
    ),
    "axon tables too small": (
        ("--set", "core.limits.axons_in=1", "--set", "chip.max_chips=1", "--set", "chip.tiles_x=1", *FIXED),
        # 12 and 8 inputs, one to a core, and 3 homes
        "loihi-like: the trace needs 23 cores, limit 16 on 1 chip(s) (7 cores over); raise chip.max_chips to 2,"
        " core.sram.capacity or core.limits, or set mapping.weights to streamed",
    ),
    "link without bandwidth": (
        ("--set", "noc.cycle=0 ns"),
        "--set noc.cycle=0 ns: found '0 ns', expected a time of at least 1 ps",
    ),
    "memory of a core too small": (
        (*SMALL_MEMORY, "--set", "memory.write=1 pJ", *FIXED),
        # 8 values of 24 bits
        "loihi-like: core 2 needs 24 bytes of memory (values 24), limit 7 (17 over); raise memory.capacity or lower"
        " core.limits.neurons",
    ),
    "out-is-a-file": (("--out", "taken"), "taken: is a file, expected a folder for the report"),
    "out-of-something-else": (
        ("--out", "other"),
        "other: is not empty and holds no report (manifest.json), expected a new or empty folder;"
        " --force removes what it holds: thesis.txt",
    ),
    "out-not-writable": (
        ("--out", "/proc/x/y"),
        "/proc/x/y: cannot be written in /proc: No such file or directory",
    ),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_fault_is_one_line_and_leaves_nothing(
    case: str, simulate: Simulate, work: Path, refused: Refused, snapshot: Snapshot
) -> None:
    (work / "taken").write_text("a file")
    (work / "other").mkdir()
    (work / "other" / "thesis.txt").write_text("mine")
    before = snapshot(work)
    options, message = BAD_OPTIONS[case]
    assert refused(simulate("--quiet", *options)) == message
    assert snapshot(work) == before


def test_a_file_above_the_report_folder_is_named(simulate: Simulate, work: Path, refused: Refused) -> None:
    (work / "taken").write_text("a file")
    line = refused(simulate("--out", "taken/r"))
    assert line == f"taken/r: cannot be written: {work / 'taken'} is a file, expected a folder"


def test_an_unknown_trace_lists_the_shipped_ones(
    work: Path, refused: Refused, trace_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.shipped.shipped_folder", lambda name: trace_file.parent)
    line = refused(run_program("simulate", "--trace", "tinny"))
    assert line == "tinny: no such trace, expected a file or one of tiny (did you mean 'tiny'?)"
    monkeypatch.setattr("simulator.shipped.shipped_folder", lambda name: work)
    assert refused(run_program("simulate", "--trace", "tiny")) == "tiny: no such trace, expected a file"


def test_a_folder_with_the_name_of_a_shipped_trace_does_not_hide_it(
    simulate: Simulate, work: Path, trace_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.shipped.shipped_folder", lambda name: trace_file.parent)
    (work / "tiny").mkdir()
    assert simulate("--trace", "tiny", "--quiet").code == 0


def damaged_by(trace_file: Path, path: Path, member: bytes) -> None:
    """A copy with one byte of the data of ``member`` changed."""
    data = bytearray(trace_file.read_bytes())
    data[data.index(member) + len(member) + 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("member", ["positions.npy", "counts/layers.1.in.npy", "manifest.json"])
def test_a_damaged_trace_is_named_with_the_member(
    member: str, simulate: Simulate, work: Path, trace_file: Path, refused: Refused, snapshot: Snapshot
) -> None:
    damaged_by(trace_file, work / "bad.npz", member.encode())
    before = snapshot(work)
    assert refused(simulate("--quiet", "--trace", "bad.npz")).startswith(f"bad.npz: {member}: damaged")
    assert snapshot(work) == before


def test_a_truncated_trace_is_named(
    simulate: Simulate, work: Path, trace_file: Path, refused: Refused, snapshot: Snapshot
) -> None:
    (work / "cut.npz").write_bytes(trace_file.read_bytes()[:800])
    before = snapshot(work)
    line = refused(simulate("--trace", "cut.npz"))
    assert line == "cut.npz: truncated or damaged zip file, expected a trace (.npz)"
    assert snapshot(work) == before


# ---------------------------------------------------------------- an earlier report


@pytest.fixture
def earlier(simulate: Simulate, work: Path, snapshot: Snapshot) -> dict[str, bytes | None]:
    """A working directory with a report in ``r``."""
    assert simulate("--out", "r").code == 0
    return snapshot(work)


def test_a_failing_writer_leaves_the_earlier_report(
    earlier: object, simulate: Simulate, work: Path, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simulator.report.html.write_page", full)
    done = simulate("--quiet", "--out", "r")
    assert (done.code, done.err) == (2, "error: r: cannot write the report: No space left on device\n")
    assert snapshot(work) == earlier


def test_a_trace_that_proves_damaged_on_the_way_leaves_the_earlier_report(
    earlier: dict[str, bytes | None], simulate: Simulate, work: Path, trace_file: Path, snapshot: Snapshot
) -> None:
    damaged_by(trace_file, work / "bad.npz", b"counts/layers.1.in.npy")
    assert simulate("--trace", "bad.npz", "--out", "r").code == 2
    (work / "bad.npz").unlink()
    assert snapshot(work) == earlier


@pytest.mark.parametrize("place", ["progress", "writer"])
def test_ctrl_c_leaves_the_folder_as_it_was(
    place: str,
    earlier: object,
    simulate: Simulate,
    work: Path,
    snapshot: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    if place == "progress":
        monkeypatch.setattr(ProgressLine, "__call__", stop)
    else:
        monkeypatch.setattr("simulator.report.html.write_page", stop)
    done = simulate("--quiet", "--out", "r")
    assert done == Done(130, "", "interrupted; no partial output was kept\n")
    assert snapshot(work) == earlier
    shutil.rmtree(work / "r")
    assert simulate("--quiet", "--out", "r").code == 130
    assert snapshot(work) == {}


def test_more_memory_than_allowed_is_refused_before_the_simulation(tmp_path: Path) -> None:
    done = run_program("simulate", "--memory-limit", "1 B", "--out", tmp_path / "report", "--quiet")
    assert done.code == 2
    assert done.err.startswith("error: the simulation needs at least ")
    assert not (tmp_path / "report").exists()


def test_what_a_memory_limit_must_look_like(tmp_path: Path) -> None:
    done = run_program("simulate", "--memory-limit", "4", "--out", tmp_path / "report", "--quiet")
    assert (done.code, "error: --memory-limit: found '4'" in done.err) == (2, True)
