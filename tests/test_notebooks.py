"""The notebooks run from top to bottom, in one process that compiles the kernels once."""

import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "reports" / "notebooks").glob("*.py"))


def test_there_are_seven():
    assert [path.name[:2] for path in NOTEBOOKS] == ["1_", "2_", "3_", "4_", "5_", "6_", "7_"]


def read_script(path):
    """(kind, text) of each cell of a script in the form py:percent."""
    parts = re.split(r"^# %%( \[markdown\])?\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    for marked, text in zip(parts[::2], parts[1::2], strict=True):
        lines = text.strip().splitlines()
        yield ("markdown", [re.sub("^# ?", "", line) for line in lines]) if marked else ("code", lines)


def read_notebook(path):
    """The cells of a notebook."""
    return json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_any_folder(path, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path))
    printed = capsys.readouterr().out
    assert printed
    streams = [o for cell in read_notebook(path) for o in cell.get("outputs", ()) if o["output_type"] == "stream"]
    assert "".join("".join(o["text"]) for o in streams) == printed  # else: python benchmarks/notebooks.py
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_a_pair_with_text_before_each_code(path):
    text = path.read_text(encoding="utf-8")
    assert "formats: ipynb,py:percent" in text
    assert text.count("# %% [markdown]") >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_with_outputs_has_the_cells_of_the_script_and_ran_without_an_error(path):
    cells = read_notebook(path)
    assert [(c["cell_type"], "".join(c["source"]).splitlines()) for c in cells] == list(read_script(path))
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", ())]
    assert [data for data in shown if "image/png" in data or "<svg" in "".join(data.get("text/html", ""))]  # a picture
    kinds = [output["output_type"] for cell in cells for output in cell.get("outputs", ())]
    assert "error" not in kinds
    assert any(kind == "execute_result" for kind in kinds)
    rich = [output["data"] for cell in cells for output in cell.get("outputs", ()) if len(output.get("data", ())) > 1]
    assert not [data for data in rich if "text/plain" in data]  # the form of Python names paths of a machine
    assert any("Break this chip" in "".join(cell["source"]) for cell in cells)
