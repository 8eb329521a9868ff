import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from factories import make_chip, make_run, make_trace
from rich.console import Console

from simulator.engine.service import service
from simulator.report.format import format_time
from simulator.report.stage_load import stage_load
from simulator.report.tables import phase_table
from simulator.report.terminal import WIDTH, make_console, print_frame, print_report, summary_lines
from simulator.report.verdict import verdict_lines
from simulator.simulation.simulation import simulate


@pytest.fixture(scope="module")
def run():
    return make_run()


def printed(run, **options):
    out = io.StringIO()
    print_report(run, make_console(out), **options)
    return out.getvalue()


def row(text, first):
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


def test_a_row_per_stage_by_hand(run):
    """mlp_in: 96 spikes x (32 + 32) neurons = 6144 accumulates; energy from the ledger's layers of both blocks."""
    by_owner = run.ledger.by_owner()
    names = ("residual_attn", "norm_mlp", "mlp_in", "gate", "up")
    energy_pj = sum(by_owner[f"blocks.{i}.{name}"] for i in range(2) for name in names)
    cells = row(printed(run), "mlp_in")
    assert cells[1:3] == ["96", "6.144k"]
    assert f"{energy_pj / 1000:.1f} nJ" == "184.9 nJ"
    assert " ".join(cells).endswith("184.9 nJ 32.8% 5.296 µs")


def test_stages_of_a_pipeline_have_the_time_of_their_busiest_core():
    """No row of its own for the pipeline, whose energy is that of its stages; the total is the elapsed time."""
    chip = make_chip(schedule__kind="pipelined", core__sram__capacity="64 KiB")
    at_once = simulate(chip, make_trace())
    text = printed(at_once)
    assert not [line for line in text.splitlines() if line.split()[:1] == ["pipeline"]]
    load = stage_load(at_once)
    slowest = load.loc[load["kind"] == "mlp_in", "time_ps"].max()
    assert " ".join(row(text, "mlp_in")).endswith(format_time(slowest))
    assert " ".join(row(text, "total")).endswith(format_time(at_once.result.total_ps))
    assert "works = the busiest core of the slowest stage of its kind" in " ".join(text.split())


def test_blocks_do_not_lengthen_the_table(run):
    many = make_run(make_trace(n_blocks=6))
    assert len(printed(many).splitlines()) == len(printed(run).splitlines())
    assert len(printed(many, verbose=True).splitlines()) > len(printed(run, verbose=True).splitlines()) + 70


def test_verbose_has_every_layer(run):
    text = printed(run, verbose=True)
    for layer in run.ledger.by_owner().index:
        assert row(text, layer)


def test_totals_and_identity(run):
    text = printed(run)
    assert "Σ layers = Σ components = total: 563.9 nJ" in text
    assert row(text, "total")[-5:] == ["563.9", "nJ", "100.0%", "21.56", "µs"]


def test_consumers_comparison_and_lines(run):
    text = printed(run)
    assert "static.power" in text
    assert text.count("dendrite.accumulate") == 4  # five consumers, one of them static power
    assert row(text, "45")[-3:] == ["2.902", "nJ", "48.6x"]
    assert "dense twin dense-int8-45nm" in text
    assert "time: 5.390 µs per token, 21.56 µs in total, 185.5k tokens/s; a token is in the chip for 5.390 µs" in text
    assert "busiest core 7 at 8.5%" in text
    assert "23 of 32 cores on 2 chips, 4.5 KiB of 128 KiB SRAM (3.5%)" in text


@pytest.mark.parametrize("options", [{}, {"verbose": True}, {"quiet": True}])
def test_every_warning_is_shown(run, options):
    text = printed(run, **options)
    for warning in run.all_warnings:
        assert f"warning: {warning}" in text


def test_quiet_is_one_line_and_the_warnings(run):
    lines = printed(run, quiet=True).splitlines()
    assert lines[0] == "toy-trace on toy, 4 tokens (prefill): 141.0 nJ per token, 5.390 µs per token"
    assert len(lines) == 1 + len(run.all_warnings)


def tables_of(text):
    """The lines of the tables; sentences are left whole in a pipe, whatever their length."""
    return text[text.index("Energy by ") : text.index("Σ layers")].splitlines()


def test_the_verdict_comes_first(run):
    title, *verdict = printed(run).splitlines()[:5]
    assert title == "toy-trace on toy, 4 tokens (prefill)"
    assert verdict == list(verdict_lines(run))
    assert [line.split()[0] for line in verdict] == [
        "141.0",
        "48.6x",
        "The",
        f"{run.ledger.assumed_share:.1%}",
    ]  # 563.9 nJ / 4


def test_a_pipe_gets_every_warning_on_one_line(run):
    lines = printed(run).splitlines()
    assert [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")] == list(run.all_warnings)


@pytest.mark.parametrize("options", [{}, {"verbose": True}])
def test_fits_its_width_and_cuts_nothing(run, options):
    text = printed(run, **options)
    assert max(map(len, tables_of(text))) <= WIDTH
    assert "…" not in text
    assert "\x1b" not in text  # a pipe gets no colour


def test_a_narrow_terminal_loses_columns_not_digits(run):
    out = io.StringIO()
    print_report(run, Console(file=out, width=72, force_terminal=False))
    text = out.getvalue()
    assert max(map(len, tables_of(text))) <= 72
    assert "…" not in text
    assert "network" not in text
    assert row(text, "total")[-5:] == ["563.9", "nJ", "100.0%", "21.56", "µs"]


def test_thousands_are_grouped_by_commas():
    out = io.StringIO()
    print_frame(pd.DataFrame({"packets": [3_944_336]}), "many", make_console(out))
    assert "3,944,336" in out.getvalue()


def test_no_color_on_a_terminal(run, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    print_report(run, make_console(coloured))
    monkeypatch.setenv("NO_COLOR", "1")
    print_report(run, make_console(plain))
    assert "\x1b[33m" in coloured.getvalue()  # yellow warnings
    assert "\x1b[33m" not in plain.getvalue()


def test_an_ascii_pipe_gets_ascii(run):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    print_report(dataclasses.replace(run, warnings=("größe",)), make_console(out))
    out.flush()
    text = raw.getvalue().decode("ascii")
    assert "sum of layers = sum of components = total: 563.9 nJ" in text
    assert "5.390 us per token" in text
    assert "warning: gr??e" in text


def test_names_are_not_markup(run):
    odd = dataclasses.replace(run, dense=dataclasses.replace(run.dense, name="[red]twin[/red]"), warnings=("[bold]x",))
    text = printed(odd)
    assert "dense twin [red]twin[/red]" in text
    assert "warning: [bold]x" in text


def test_grades_are_named_with_their_share(run):
    assert "prices: assumed 4.4%, pre-silicon 75.5%" in summary_lines(run)[1]


def test_prompt_and_generated_tokens_apart(run):
    assert "Prefill and decode" not in printed(run)
    trace = dataclasses.replace(make_trace(n_blocks=1), phases=np.array([0, 0, 0, 1], np.uint8))
    mixed = simulate(make_chip(), trace)
    text = printed(mixed)
    decode = phase_table(mixed).set_index("phase").loc["decode"]
    assert row(text, "prefill")[1] == "3"
    assert row(text, "decode")[1] == "1"
    assert " ".join(row(text, "decode")).endswith(format_time(decode["time_per_token_ps"]))
    found = service(mixed.result.tokens)
    assert f"first token after {format_time(found.first_token_ps)}, then one every" in text
