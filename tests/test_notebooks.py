"""The notebooks run from top to bottom, in one process that compiles the kernels once."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "reports" / "notebooks").glob("*.py"))


def test_there_are_six():
    assert [path.name[:2] for path in NOTEBOOKS] == ["1_", "2_", "3_", "4_", "5_", "6_"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_any_folder(path, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path))
    assert capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_a_pair_with_text_before_each_code(path):
    text = path.read_text(encoding="utf-8")
    assert "formats: ipynb,py:percent" in text
    assert text.count("# %% [markdown]") >= 3
