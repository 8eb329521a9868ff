"""Energy and time of a generated token against the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factories import make_trace
from typer.testing import CliRunner

from simulator.cli.app import app
from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.energy.batch_curve import batch_lines, batch_table, generated
from simulator.errors import CapacityError
from simulator.report.figures.batch_chart import draw_batches
from simulator.trace.trace import DECODE, Trace


def loader(name: str, *changes: str):
    def load(more: Sequence[str]) -> ChipConfig:
        return load_chip(name, [*changes, *more])

    return load


@pytest.fixture(scope="module")
def decoded() -> Trace:
    return generated(make_trace(n_blocks=1, n_tokens=3), 3)[0]


@pytest.fixture(scope="module")
def table(decoded) -> pd.DataFrame:
    return batch_table(decoded, loader("sdllm-asic-45nm"), [1, 2, 3], lambda _: None)


def test_generated_tokens_of_the_first_text_or_the_last_ones_of_its_prompt():
    """Two texts of 3 tokens; of the first, tokens 1 and 2 are generated, or none."""
    trace = replace(make_trace(n_tokens=6), positions=np.array([0, 1, 2, 0, 1, 2]))
    mixed = replace(trace, phases=np.array([0, 1, 1, 0, 1, 1], np.uint8))
    found, words = generated(mixed, 5)
    assert (found.positions.tolist(), words) == ([1, 2], "2 generated tokens")
    of_prompt, words = generated(trace, 2)
    assert (of_prompt.positions.tolist(), of_prompt.phases.tolist()) == ([1, 2], [DECODE, DECODE])
    assert words == "the last 2 tokens of the prompt, taken as generated"


def test_a_pipeline_gains_time_and_a_tile_gains_fetches(table):
    """One text takes the same under both schedules. Copies replay the same tokens, so fetches alone differ."""
    rows = table.set_index(["schedule", "batch"])
    assert rows.loc[("pipelined", 1), "energy_per_token_pj"] == pytest.approx(
        rows.loc[("together", 1), "energy_per_token_pj"]
    )
    assert rows.loc["pipelined", "time_per_token_ps"].is_monotonic_decreasing
    assert rows.loc["together", "dynamic_per_token_pj"].is_monotonic_decreasing
    assert rows.loc["together", "tile"].tolist() == [1, 2, 3]


def test_caches_grow_by_a_text_each(table):
    """3 positions of 128 bits for each text."""
    for _, rows in table.groupby("schedule"):
        assert rows["kv_cache_bytes"].tolist() == [48, 96, 144]


def test_a_batch_whose_caches_do_not_fit_has_no_row(decoded):
    """A position of a text takes a word of 64 bytes on each home core; 300,000 of them fit on none."""
    said: list[str] = []
    small = loader("sdllm-asic-45nm", "mapping.kv_cache=sram")
    found = batch_table(decoded, small, [1, 100_000], said.append)
    assert found["batch"].tolist() == [1, 1]
    assert any("batch 100000: " in line and "KV cache" in line for line in said)
    with pytest.raises(CapacityError, match="KV cache"):
        batch_table(decoded, small, [100_000], lambda _: None)


def test_lines_name_the_best_batch_of_each_schedule():
    names = ("schedule", "batch", "energy_per_token_pj", "time_per_token_ps")
    rows = [("pipelined", 1, 8.0, 10.0), ("pipelined", 2, 4.0, 6.0), ("pipelined", 4, 6.0, 5.0)]
    assert list(batch_lines(pd.DataFrame(rows, columns=list(names)))) == [
        "pipelined: a token takes the least energy in a batch of 2 (0.50 of that in a batch of 1) and the least time in"
        " a batch of 4 (0.50)"
    ]


def test_the_figure_has_a_line_for_each_schedule_in_both_panels(table):
    _, panels = draw_batches(table)
    for ax, key in zip(panels, ("energy_per_token_pj", "time_per_token_ps"), strict=True):
        lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 3]
        assert [line.get_xdata().tolist() for line in lines] == [[1, 2, 3], [1, 2, 3]]
        expected = table[key].to_numpy() * 1e-12
        assert np.concatenate([line.get_ydata() for line in lines]) == pytest.approx(expected)
        assert ax.get_ylim()[0] == 0


def test_a_figure_of_an_unknown_ending_is_refused_before_anything_is_simulated(tmp_path):
    found = CliRunner().invoke(app, ["batch", "--out", str(tmp_path / "curve.bmp")])
    assert found.exit_code != 0
    assert "found the ending '.bmp', expected one of .svg, .png, .pdf" in str(found.exception)
