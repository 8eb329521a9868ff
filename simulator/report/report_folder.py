"""The folder of a report: its marker, and whether one can be written somewhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from simulator.outputs.output_folder import FolderKind, check_folder

SCHEMA = "spikewatt/manifest"
MANIFEST = "manifest.json"
REPORT_FOLDER = FolderKind("report", MANIFEST, SCHEMA)


def check_place(out_dir: Path | str, force: bool = False, inputs: Iterable[Path | None] = ()) -> None:
    """Raise OutputError where no report can be written: no permission, a file, or a folder of something else.

    Also where one of the ``inputs`` of the same command would be replaced or removed.
    """
    check_folder(Path(out_dir), REPORT_FOLDER, force, inputs)
