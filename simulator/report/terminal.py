"""The summary of a run on the terminal: at most 100 columns, plain text when it is not a terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import IO, Any, Literal

import pandas as pd
from rich.box import ASCII2, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulator.actions import terminal_columns
from simulator.engine.timing import PIPELINE
from simulator.outputs.shown_text import one_line
from simulator.report.cells import as_cells
from simulator.report.compare import Finished, energy_causes, energy_difference, headline, time_causes
from simulator.report.format import (
    format_bytes,
    format_chips,
    format_count,
    format_energy,
    format_power,
    format_ratio,
    format_share,
    format_time,
)
from simulator.report.run import Run
from simulator.report.stage_load import charged_table, pipelined
from simulator.report.static_table import static_line
from simulator.report.steady_figures import steady_energy_pj
from simulator.report.storage_table import storage_line
from simulator.report.tables import (
    comparison_table,
    consumer_table,
    owner_table,
    phase_table,
    stage_table,
    waits_finding,
)
from simulator.report.time_band import time_band
from simulator.report.verdict import verdict_lines

WIDTH = 100
PIPE_WIDTH = 200  # of a plain table in a pipe, where a name cut in two is no name
TOP = 5
DIFFERENCES = 15  # rows of a comparison
NARROW = 90  # columns below which these are left out
_NOT_ASCII = str.maketrans({"Σ": "sum of", "µ": "u"})


def make_console(file: IO[str] | None = None) -> Console:
    """Console on ``file`` (stdout when None): colour only on a terminal without NO_COLOR, never wider than `WIDTH`."""
    console = Console(file=file if file is not None else sys.stdout, highlight=False, soft_wrap=False, emoji=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    return console


def print_report(run: Run, console: Console, *, verbose: bool = False, quiet: bool = False) -> None:
    """Print the summary of ``run``, tables by stage and then lines.

    ``verbose`` gives one row per layer of the ledger instead of one per stage summed over the blocks. ``quiet`` gives
    one line and the warnings: an assumption is never hidden.
    """
    if quiet:
        once = f"{_title(run)}: {_energy_words(run)}, {format_time(run.time_per_token_ps)} per token"
        _say(console, "; ".join([once, *steady_line(run)]))
    else:
        _say(console, _title(run), style="bold")
        for line in verdict_lines(run):
            _say(console, line)
        console.print(_layers(run, console) if verbose else _stages(run, console))
        console.print(_consumers(run, console))
        if run.trace.phase == "mixed":
            console.print(_phases(run, console))
        console.print(_comparison(run, console))
        for line in summary_lines(run):
            _say(console, line)
    for warning in run.all_warnings:
        _say(console, f"warning: {warning}", style="yellow")


def summary_lines(run: Run) -> list[str]:
    """Energy identity, ranges, time and utilization, one line each."""
    result = run.result
    shares = ", ".join(f"{grade} {format_share(share)}" for grade, share in run.ledger.grade_shares().items())
    return [
        run.ledger.conservation_line(format_energy),
        f"energy: {_energy_words(run)}, mean power {format_power(run.mean_power_w)}; prices: {shares}",
        band_line(run),
        time_band_line(run),
        f"time: {format_time(run.time_per_token_ps)} per token, {format_time(result.total_ps)} in total,"
        f" {format_count(run.tokens_per_s)} tokens/s; a token is in the chip for"
        f" {format_time(run.latency_per_token_ps)}",
        *steady_line(run),
        f"time utilization (busy / elapsed): mean {format_share(run.time_util_mean)}, busiest core {run.busiest_core}"
        f" at {format_share(run.time_util_busiest)}",
        f"space: {len(result.cores)} of {result.cores_total} cores on {format_chips(result.n_chips)},"
        f" {format_bytes(run.sram_used_bytes)} of {format_bytes(run.sram_total_bytes)} SRAM"
        f" ({format_share(run.space_util)})",
        storage_line(run),
        static_line(run),
    ]


def steady_line(run: Run) -> list[str]:
    """What one more token takes while a pipeline is full; nothing where tokens follow one another."""
    if not run.result.steady.pipelined:
        return []
    energy, time = steady_energy_pj(run), run.result.steady.time_per_token_ps
    return [f"steady: {format_energy(energy)} and {format_time(time)} per token while the pipeline is full"]


def band_line(run: Run) -> str:
    """The energy and the time of one token under the ranges of the chip file, and how much of them has none."""
    found = run.uncertainty
    low, high = (format_energy(found.total[f"{q}_pj"] / run.n_tokens) for q in ("low", "high"))
    ranged = f"{format_share(found.ranged_share)} of the energy has a known price range"
    return f"range: {low} to {high} per token over the published ranges of the prices; {ranged}"


def time_band_line(run: Run) -> str:
    """The time of one token with all times of the chip file at their low and at their high ends."""
    low, high = (format_time(time) for time in time_band(run))
    return f"range of the time: {low} to {high} per token over the published ranges of the times (closed form)"


def _title(run: Run) -> str:
    return f"{run.trace.name} on {run.chip.name}, {run.n_tokens} tokens ({run.trace.phase})"


def _energy_words(run: Run) -> str:
    return f"{format_energy(run.energy_per_token_pj)} per token"


def _stages(run: Run, console: Console) -> Table:
    """One row per stage, summed over the blocks; barriers and static power in rows of their own."""
    rows, at_once = stage_table(run), pipelined(run)
    if at_once:  # the row of the pipeline has no energy, and its stages no time of their own
        busy = charged_table(run).set_index("stage")["time_ps"]
        rows = rows[rows["stage"] != PIPELINE]
        rows = rows.assign(time_ps=rows["stage"].map(busy))
    parts = _part_columns(console)
    numbers = ["spikes", "ACs", *parts, "energy", "share", "works" if at_once else "time"]
    table = _table(console, "Energy by stage, all blocks", ["stage"], numbers)
    works = "works = the busiest core of the slowest stage of its kind, in total: the elapsed time" if at_once else None
    table.caption = ", ".join(filter(None, [_legend(parts), works])) or None
    for row in _records(rows, stage="total", time_ps=run.result.total_ps):
        counts = [_count(row["spikes"]), _count(row["ac_ops"])]
        _add(console, table, row["stage"], *counts, *_parts(row, parts), *_energy_and_share(row), _time(row["time_ps"]))
    return table


def _layers(run: Run, console: Console) -> Table:
    """One row per layer of the ledger."""
    rows = owner_table(run).rename(columns={"n_dendrite.accumulate": "ac_ops"})
    rows["share"] = rows["energy_pj"] / run.ledger.total_pj if run.ledger.total_pj else 0.0
    parts = _part_columns(console)
    table = _table(console, "Energy by layer", ["layer"], ["ACs", *parts, "energy", "share"])
    table.caption = _legend(parts)
    for row in _records(rows, owner="total"):
        _add(console, table, row["owner"], _count(row["ac_ops"]), *_parts(row, parts), *_energy_and_share(row))
    return table


def _consumers(run: Run, console: Console) -> Table:
    """The largest entries of the ledger, summed over the blocks."""
    table = _table(console, f"Largest consumers, top {TOP}", ["stage", "layer", "action"], ["count", "energy", "share"])
    for row in consumer_table(run).head(TOP).to_dict("records"):
        action = f"{row['component']}.{row['action']}"
        count = format_time(row["count"]) if row["component"] == "static" else format_count(row["count"])
        _add(console, table, row["stage"], row["kind"], action, count, *_energy_and_share(row))
    return table


def _phases(run: Run, console: Console) -> Table:
    """Prompt and generated tokens apart, and what a user waits for."""
    numbers = ["tokens", "energy", "share", "per token", "time", "per token"]
    table = _table(console, "Prefill and decode", ["phase"], numbers)
    for row in phase_table(run).to_dict("records"):
        energies = *_energy_and_share(row), format_energy(row["energy_per_token_pj"])
        times = _time(row["time_ps"]), _time(row["time_per_token_ps"])
        _add(console, table, row["phase"], _count(row["tokens"]), *energies, *times)
    table.caption = waits_finding(run) or None
    return table


def _comparison(run: Run, console: Console) -> Table:
    """The chip compared with the op counts and the dense twin."""
    table = _table(console, "Per token: chip, 45 nm op count, dense twin", ["model"], ["energy", "chip is", "time"])
    for row in comparison_table(run).to_dict("records"):
        numbers = format_energy(row["energy_per_token_pj"]), format_ratio(row["chip_over"])
        _add(console, table, row["model"], *numbers, _time(row["time_per_token_ps"]))
    return table


def print_comparison(before: Finished, after: Finished, console: Console) -> None:
    """Print what differs between two reports and why: a headline, energy by layer and component, causes in words."""
    _say(console, headline(before, after), style="bold")
    for title, causes in (("energy", energy_causes(before, after)), ("time", time_causes(before, after))):
        _say(console, f"largest causes, {title}:" if causes else f"{title}: no difference")
        for i, cause in enumerate(causes, start=1):
            _say(console, f"  {i}. {cause}")
    differences = _signed(energy_difference(before, after))
    if len(differences):
        print_frame(differences, "energy per token, by layer and component", console)


def _signed(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that differ, the largest difference first."""
    rows = frame[frame["difference_pj"] != 0]
    return rows.loc[rows["difference_pj"].abs().sort_values(ascending=False, kind="stable").index[:DIFFERENCES]]


def print_frame(frame: pd.DataFrame, title: str, console: Console) -> None:
    """Print a tidy frame under its title; the unit of a column is read from the ending of its name."""
    cells = as_cells(frame)
    table = _table(console, title, [], [])
    for name, numeric in zip(cells.headings, cells.numeric, strict=True):
        table.add_column(
            Text(_printable(console, name)), justify="right" if numeric else "left", no_wrap=numeric, overflow="fold"
        )
    for row in cells.rows:
        _add(console, table, *row)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)


def _table(console: Console, title: str, words: list[str], numbers: list[str]) -> Table:
    """An empty table; its frame is ASCII where the output cannot show another."""
    shown = _printable(console, title)
    fits = len(shown) <= console.width  # then on one line, also where the table is narrower
    table = Table(
        title=Text(shown, no_wrap=fits, overflow="ignore" if fits else "fold"),
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        caption_style="dim",
        box=ASCII2 if console.options.ascii_only else SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name in words:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _add(console: Console, table: Table, *cells: str) -> None:
    table.add_row(*(Text(_printable(console, cell)) for cell in cells))


def _part_columns(console: Console) -> Mapping[str, tuple[str, ...]]:
    """Columns of energy by part that the width has room for."""
    if console.width < NARROW:
        return {}
    return {column: tuple(f"{name}_pj" for name in names) for column, names in terminal_columns().items()}


def _legend(columns: Mapping[str, tuple[str, ...]]) -> str | None:
    """What a column of energy adds up, for those of several components; None without columns."""
    sums = {column: " + ".join(name.removesuffix("_pj") for name in names) for column, names in columns.items()}
    return ", ".join(f"{column} = {names}" for column, names in sums.items() if " + " in names) or None


def _parts(row: Mapping[Any, Any], columns: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Energies of the parts of one row, empty where there is none (a component may have no column at all)."""
    sums = (sum(row[name] for name in names if name in row) for names in columns.values())
    return [format_energy(pj) if pj else "" for pj in sums]


def _energy_and_share(row: Mapping[Any, Any]) -> tuple[str, str]:
    return format_energy(row["energy_pj"]), format_share(row["share"])


def _count(n: int) -> str:
    return format_count(n) if n else ""


def _time(ps: float) -> str:
    return "" if math.isnan(ps) else format_time(ps)


def _records(rows: pd.DataFrame, **total: object) -> list[Mapping[Any, Any]]:
    """The rows, then one with the sum of each numeric column and the fields of ``total``."""
    return [*rows.to_dict("records"), {**rows.select_dtypes("number").sum(), **total}]


def _say(console: Console, line: str, style: Literal["bold", "yellow"] | None = None) -> None:
    # A pipe gets whole lines: a warning must not lose its tail to grep.
    console.print(_printable(console, line), style=style, markup=False, soft_wrap=not console.is_terminal)


def _printable(console: Console, text: str) -> str:
    """``text`` as the encoding of the output can show it; control characters as escapes, markup as it is."""
    grouped = text.replace("\u202f", ",")  # a narrow space between thousands, which terminals show as they like
    shown = one_line(grouped.translate(_NOT_ASCII) if console.options.ascii_only else grouped)
    return shown.encode(console.encoding, "replace").decode(console.encoding)
