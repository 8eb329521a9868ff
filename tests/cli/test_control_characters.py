"""Texts of a downloaded chip steer neither a terminal nor a page, whichever command shows them."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import run_program

EVIL = "\x1b]0;title\x07\x1b[2J\r\x9b1m\u202e [/red] <script>alert(1)</script> second\nreport: all fine"
CHIP = """
extends: loihi-like
name: evil
summary: {0}
sources: {{{0}: {0}}}
core: {{synapse: {{synop: {{energy: {{value: 30 pJ, source: {0}, grade: assumed, note: {0}}}}}}}}}
"""
COMMANDS = (
    ("validate", "evil.yaml"),
    ("explain", "report"),
    ("explain", "report", "--json"),
    ("compare", "report", "other", "--out", "compare.html"),
    ("report", "report", "other"),
    ("band", "report"),
    ("paper", "report", "--out", "paper"),
    ("check", "report/result.json", "--report", "other"),
    ("fit", "--chip", "evil.yaml", "--trace", "tiny.npz"),
    ("map", "--chip", "evil.yaml", "--trace", "tiny.npz"),
    ("optimize", "--chip", "evil.yaml", "--trace", "tiny.npz", "--no-check"),
    ("breakeven", "--chip", "evil.yaml", "--trace", "tiny.npz"),
    ("export-ert", "--chip", "evil.yaml"),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A chip full of control characters, and two reports of it."""
    folder, before = tmp_path_factory.mktemp("evil"), Path.cwd()
    os.chdir(folder)
    Path("evil.yaml").write_text(CHIP.format(json.dumps(EVIL)))
    assert run_program("synthesize", "--sizes", "4,4", "--tokens", "1", "--out", "tiny.npz").code == 0
    for name, *options in (("report", "--latex"), ("other", "--set", "core.synapse.synop.energy=1 pJ")):
        done = run_program(
            "simulate", "--chip", "evil.yaml", "--trace", "tiny.npz", "--no-dense-twin", "--out", name, *options
        )
        assert done.code == 0, done.err
        assert steering(done.out + done.err) == set()
    yield folder
    os.chdir(before)


def steering(text: str) -> set[str]:
    """Characters that steer a terminal, but for line feeds."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - {"\n"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_shows_them_as_escapes(command: tuple[str, ...], inputs: Path) -> None:
    done = run_program(*command)
    assert done.code in (0, 1), done.err
    assert steering(done.out + done.err) == set()
    assert "\nreport: all fine" not in done.out + done.err


def test_files_hold_them_as_escapes(inputs: Path) -> None:
    run_program("compare", "report", "other", "--out", "compare.html")
    files = [path for path in inputs.rglob("*") if path.suffix in (".csv", ".html", ".svg", ".tex", ".bib", ".json")]
    assert {path.suffix for path in files} >= {".csv", ".html", ".svg", ".tex", ".json"}
    for path in files:
        text = path.read_text("utf-8")
        assert steering(text) == set(), path
        assert "<script>alert" not in text or path.suffix in (".csv", ".json", ".tex", ".bib"), path
