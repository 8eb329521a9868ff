"""Questions to finished reports: where their energy comes from, and what has drifted since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.report.drift import drift_report, drifts, write_golden
from simulator.report.explain import explain_lines, explain_table, price_places
from simulator.report.format import format_energy
from simulator.simulation.answer import Answer, json_rows


def explained(folder: Path, layer: str = "*", action: str = "*", top: int = 10, chip: str | None = None) -> Answer:
    """The largest rows of the ledger that match, with their prices and sources, and the sum of all that match.

    Parameters
    ----------
    folder
        A finished report.
    layer, action
        Patterns as in a shell, of owners and of ``component.action``.
    top
        Rows to show.
    chip
        Chip file of the report, where it is not a shipped one.

    Raises
    ------
    SpikewattError
        The folder is no report, or nothing matches.
    """
    table = explain_table(folder, layer, action)
    shown = table.head(top)
    places = price_places(folder, shown["path"].dropna(), chip)
    ends = " to ".join(format_energy(float(table[f"{end}_pj"].sum())) for end in ("low", "high"))
    energy = format_energy(float(table["energy_pj"].sum()))
    last = f"{len(shown)} of {len(table)} rows shown. All rows: {energy} ({ends} over the price ranges)"
    record = [{**row, "place": places.get(str(row["path"]))} for row in json_rows(shown)]
    return Answer((*explain_lines(shown, places), last), record)


def drifted(stored: dict[str, Any], fresh: dict[str, Any], share: float, golden: Path, *, update: bool) -> Answer:
    """What changed in a result by more than ``share``, with causes; the check fails where something did.

    With ``update`` the new result replaces the stored one in the file ``golden``, and the check holds.
    """
    found = drifts(stored, fresh, share)
    text = drift_report(stored, fresh, found, share, str(golden)).removesuffix("\n")
    if not (found and update):
        return Answer((text,), failed=bool(found))
    write_golden(golden, fresh)
    return Answer((text, f"\n{golden}: stored the new result"))
