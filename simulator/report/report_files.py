"""The files of a report, written next to their place and moved into it when all are complete."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from simulator.errors import OutputError
from simulator.mapping.fit import storage_frame
from simulator.outputs.csv_text import csv_text
from simulator.outputs.output_folder import replaced_folder
from simulator.report.analytic import analytic_table
from simulator.report.report_folder import MANIFEST, REPORT_FOLDER
from simulator.report.result_json import result_text
from simulator.report.run import Run
from simulator.report.run_manifest import manifest_dict
from simulator.report.stage_load import charged_table
from simulator.report.tables import assumption_table, owner_table

CHIP_FILE = "chip.json"

Writer = Callable[[Run, Path], object]  # adds files of its own (figures, html) to the folder it is given


def write_report(run: Run, out_dir: Path | str, *, writers: Sequence[Writer] = (), force: bool = False) -> Path:
    """Write the report of ``run`` as the folder ``out_dir`` and return its path.

    ``result.json``; ``chip.json`` (the chip as resolved); ``owners.csv`` (`owner_table`);
    ``charged.csv`` (energy by kind of stage with its static power, `charged_table`); ``components.csv`` (the
    ledger: layer x component x action); ``assumptions.csv`` (each price used); ``bands.csv``, ``tornado.csv`` (what the
    ranges of the prices do); ``stages.csv``, ``tokens.csv``, ``cores.csv``, ``units.csv``, ``links.csv``;
    ``storage.csv`` (what is in memory besides weights); ``breakeven.csv`` where it was asked for; what ``writers``
    add; last ``manifest.json``, whose presence says that the report is complete.

    Everything is written to a hidden folder next to ``out_dir``, which then takes its place in one step. An earlier
    report there is replaced only then, and of it only the files that its manifest lists: other files stay. A failure,
    Ctrl-C or a kill in between leaves it as it was. ``force`` replaces a folder of anything else as a whole.

    Raises
    ------
    OutputError
        ``out_dir`` cannot be written, or holds something that is not a report.
    """
    try:
        with replaced_folder(Path(out_dir), REPORT_FOLDER, force) as folder:
            _write_files(run, folder)
            for writer in writers:
                writer(run, folder)
            _write_text(folder / MANIFEST, json.dumps(manifest_dict(run, _names(folder)), indent=2) + "\n")
    except OSError as error:
        raise OutputError(f"{out_dir}: cannot write the report: {error.strerror or error}") from error
    return Path(out_dir).resolve()


def _write_files(run: Run, folder: Path) -> None:
    """Everything but the manifest and what other writers add."""
    _write_text(folder / "result.json", result_text(run))
    _write_text(folder / CHIP_FILE, json.dumps(run.chip.model_dump(mode="json"), indent=2, allow_nan=False) + "\n")
    tables: dict[str, pd.DataFrame] = {
        "owners": owner_table(run),
        "charged": charged_table(run),
        "components": run.ledger.rows,
        "assumptions": assumption_table(run),
        "analytic": analytic_table(run),
        "bands": run.uncertainty.bands(),
        "tornado": run.uncertainty.tornado(),
        "stages": run.result.stages,
        "tokens": run.result.tokens,
        "cores": run.result.cores,
        "units": run.result.units,
        "links": run.result.links,
        "storage": storage_frame(run.mapped),
    }
    if run.bisection is not None:
        tables["breakeven"] = run.bisection.layers
    for name, table in tables.items():
        _write_text(folder / f"{name}.csv", csv_text(table))


def _names(folder: Path) -> list[str]:
    """Relative paths of all files below ``folder``, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
