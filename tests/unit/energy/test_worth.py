"""Codes and tiles of one trace compared with the dense twin of the chip."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.energy.worth import worth_lines, worth_table
from simulator.errors import SpikewattError
from simulator.trace.synthetic import synthetic_trace


def table_on(name: str) -> pd.DataFrame:
    trace = synthetic_trace("full", [64, 64], levels=3, tokens=4, head=False, ops=False)

    def load(more: Sequence[str]) -> ChipConfig:
        return load_chip(name, more)

    return worth_table(trace, load, [1, 2], lambda _: None)


def test_every_code_and_tile_beside_the_twin_of_its_tile():
    """All counts are 3 of 3: a nested train sends one packet for the three of the unary one, bitwise two."""
    table = table_on("sdllm-asic-45nm").set_index(["tile", "code"])
    assert list(table.index) == [
        (tile, code) for tile in (1, 2) for code in ("ternary", "nested", "bitwise", "graded", "dense")
    ]
    dynamic = table["dynamic_per_token_pj"]
    assert dynamic[1, "nested"] < dynamic[1, "bitwise"] < dynamic[1, "ternary"]
    assert table.loc[(slice(None), "dense"), "over_dense"].tolist() == [1, 1]
    for code in ("ternary", "nested", "bitwise", "graded", "dense"):
        assert dynamic[2, code] < dynamic[1, code]  # a row is fetched for two tokens


def test_a_code_that_the_chip_cannot_receive_has_no_row():
    codes = set(table_on("loihi-like")["code"])
    assert "graded" not in codes
    assert {"ternary", "nested", "bitwise", "dense"} <= codes


def test_the_verdict_and_what_flips_it():
    rows = [("ternary", 1, 1.4), ("graded", 1, 0.9), ("dense", 1, 1.0), ("ternary", 8, 1.6), ("graded", 8, 1.1)]
    lines = list(worth_lines(pd.DataFrame(rows, columns=["code", "tile", "over_dense"])))
    assert lines[0].startswith("tile 1: spiking is worth it: the best code, graded, takes 0.90")
    assert lines[1] == "tile 1: the code flips it: graded below the twin, the others above"
    assert lines[2].startswith("tile 8: spiking is not worth it")
    assert lines[3] == "the tile flips it"


def test_a_dense_chip_is_refused():
    with pytest.raises(SpikewattError, match="found replay: dense, expected a chip with replay: captured"):
        table_on("dense-int8-45nm")
