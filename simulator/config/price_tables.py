"""Published energies of memories, read from the CSV files next to this module: CACTI 7 for SRAM, papers for DRAM."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from simulator.config.works import WORK, works

SRAM_FILE = Path(__file__).with_name("cacti7_sram.csv")
DRAM_FILE = Path(__file__).with_name("dram_interfaces.csv")


class Macro(NamedTuple):
    """One 64-bit SRAM: pJ per read, area in mm2, leakage in mW, each at the capacities of `KIB`."""

    read_pj: tuple[float, ...]
    area_mm2: tuple[float, ...]
    leakage_mw: tuple[float, ...]


class Dram(NamedTuple):
    """Energy of one bit over the interface of a DRAM, in pJ, with its citation."""

    bit_pj: float
    low_pj: float | None
    high_pj: float | None
    grade: str
    key: str
    citation: str


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _sram(rows: list[dict[str, str]]) -> dict[tuple[int, str], Macro]:
    """(node in nm, cell) -> its memories, in the order of the file."""
    keys = dict.fromkeys((row["node_nm"], row["cell"]) for row in rows)
    of_key = {key: [row for row in rows if (row["node_nm"], row["cell"]) == key] for key in keys}
    return {
        (int(node), cell): Macro(*(tuple(float(row[column]) for row in some) for column in Macro._fields))
        for (node, cell), some in of_key.items()
    }


def _dram(row: dict[str, str]) -> Dram:
    low, high = (float(row[bound]) if row[bound] else None for bound in ("low_pj", "high_pj"))
    return Dram(
        float(row["bit_pj"]),
        low,
        high,
        row["grade"],
        row["key"],
        row["citation"].replace(WORK, works()[row["key"]].citation),
    )


SRAM = _sram(_rows(SRAM_FILE))
KIB = tuple(dict.fromkeys(float(row["kib"]) for row in _rows(SRAM_FILE)))
DRAM = {row["kind"]: _dram(row) for row in _rows(DRAM_FILE)}
