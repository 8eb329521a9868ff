"""What `spikewatt rerun` says of a point of a sweep."""

from __future__ import annotations

from pathlib import Path

from simulator.report.report_folder import check_place
from simulator.simulation.answer import Answer
from simulator.sweep.rerun import rerun_point


def rerun_answer(name: str, root: Path, out: Path | None = None) -> Answer:
    """Whether a point computed again has the same bytes, and where it differs; the check fails then.

    ``out`` takes the full report of the point.

    Raises
    ------
    OutputError
        As `rerun_point`; or ``out`` holds what the program did not write.
    """
    if out is not None:
        check_place(out)
    found = rerun_point(name, root)
    # Loaded late: what only a full report needs.
    from simulator.report.html import write_page
    from simulator.report.report_files import write_report

    written = [] if out is None else [f"report: {write_report(found.run, out, writers=[write_page]) / 'report.html'}"]
    if found.same_bytes:
        return Answer((*written, f"{found.path}: the same bytes"))
    why = "" if found.same_code else " (computed by another version of the program)"
    lines = (f"{found.path}: differs{why}", *(f"  {line}" for line in found.differences))
    return Answer((*written, *lines), failed=True)
