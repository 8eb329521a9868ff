"""Cells that a spreadsheet would take for a formula are text in the CSV files, and are read back as they were."""

from __future__ import annotations

import io

import pandas as pd

from simulator.outputs.csv_text import csv_text, unquoted


def test_texts_that_look_like_a_formula_are_quoted_and_numbers_are_not():
    frame = pd.DataFrame({"layer": ["=1+1", "@x", "-9", "a=b"], "pj": [-1.5, 2, 3, 4], "@axis": [None, "+1", True, -2]})
    expected = "layer,pj,'@axis\n'=1+1,-1.5,\n'@x,2.0,'+1\n'-9,3.0,True\na=b,4.0,-2\n"
    assert csv_text(frame) == expected


def test_a_quoted_cell_is_read_back():
    texts = ["=HYPERLINK(1)", "'=kept", "'plain", "", "x"]
    read = pd.read_csv(io.StringIO(csv_text(pd.DataFrame({"a": texts}))), keep_default_na=False)["a"]
    assert read.map(unquoted).tolist() == texts


def test_control_characters_are_escapes():
    """A table is often read in a terminal first."""
    frame = pd.DataFrame({"a": ["x\x1b[2J", "two\nlines", "µ\u00a0m", "\t=1"]})
    assert csv_text(frame) == "a\nx\\x1b[2J\ntwo\\nlines\nµ\u00a0m\n'\\t=1\n"
