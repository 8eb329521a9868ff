"""The table of a sweep in the formats that other programs read: CSV, SQLite and, with the extra, Parquet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from simulator.errors import OutputError
from simulator.outputs.csv_text import csv_text
from simulator.outputs.output_file import PARQUET as PARQUET_FILE
from simulator.outputs.output_file import SQLITE as SQLITE_FILE
from simulator.outputs.output_file import replaced_whole
from simulator.sweep.store import commit

CSV, SQLITE, PARQUET = "points.csv", "points.sqlite", "points.parquet"
TABLE = "points"  # name of the table inside the SQLite file


def save_tables(frame: pd.DataFrame, folder: Path) -> tuple[Path, ...]:
    """Write ``points.csv``, ``points.sqlite`` (one table ``points``) and ``points.parquet`` where pyarrow is installed.

    Each file is there whole or not at all. CSV and Parquet of the same points are the same bytes.

    Raises
    ------
    OutputError
        When a file cannot be written.
    """
    commit(folder / CSV, csv_text(frame))
    written = [folder / CSV, folder / SQLITE]
    try:
        with replaced_whole(folder / SQLITE, SQLITE_FILE) as staged, closing(sqlite3.connect(staged)) as database:
            frame.to_sql(TABLE, database, index=False)
            database.commit()
        if find_spec("pyarrow") is not None:
            with replaced_whole(folder / PARQUET, PARQUET_FILE) as staged:
                _one_type_each(frame).to_parquet(staged, index=False)
            written.append(folder / PARQUET)
    except (OSError, sqlite3.Error) as error:
        raise OutputError(f"{folder}: cannot write the tables of the sweep: {error}") from error
    return tuple(written)


def _one_type_each(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of texts and numbers mixed, as an axis may be, as texts: Parquet has one type per column."""
    mixed = [name for name in frame.columns if frame[name].dtype == object and frame[name].map(type).nunique() > 1]
    return frame.astype(dict.fromkeys(mixed, str))
