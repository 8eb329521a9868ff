"""Write each script of reports/notebooks as a notebook with its outputs, for readers who do not run them.

    pip install -e ".[notebooks]"
    python benchmarks/notebooks.py [1_quickstart ...]

Cells run in order in a fresh kernel. Times, counters and random identities are left out, so the same results give the
same file. ``tests/test_notebooks.py`` holds text, cells and printed results of both forms together.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "reports" / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
TIMEOUT_S = 600


def executed(script: Path) -> Any:
    """The notebook of a script after a run in an empty folder."""
    notebook: Any = jupytext.read(script)
    notebook.metadata["kernelspec"] = KERNEL
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": folder}}).execute()
    return notebook


def plain(notebook: Any) -> Any:
    """The notebook without what differs from run to run."""
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell["outputs"] = [output for output in cell.outputs if output.get("name") != "stderr"]
            for data in (output["data"] for output in cell["outputs"] if "data" in output):
                if len(data) > 1:
                    data.pop("text/plain", None)  # the picture or table says it; this one holds addresses and paths
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the notebooks and keep their outputs.")
    parser.add_argument("names", nargs="*", help="scripts without .py; default: all")
    names = parser.parse_args().names or sorted(path.stem for path in FOLDER.glob("*.py"))
    for name in names:
        target = FOLDER / f"{name}.ipynb"
        notebook = plain(executed(FOLDER / f"{name}.py"))
        target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{target.name}: {target.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
