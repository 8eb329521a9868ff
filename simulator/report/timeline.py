"""A run as a timeline in Chrome's trace format, which Perfetto (https://ui.perfetto.dev) opens.

One track per core and one per group of links; a slice is the time in which a stage works on a token. What a core or a
group does within its stage is not resolved: a slice says that it takes part, and what it does on average.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.errors import OutputError
from simulator.outputs.output_file import TIMELINE, replaced_whole
from simulator.report.run import Run

SLICES_MAX = 200_000
PS_PER_US = 1_000_000
CORES, LINKS = 1, 2  # process numbers of the two groups of tracks
LINK_GROUPS = {
    "hop_x": "east-west links",
    "hop_y": "north-south links",
    "chip_hop": "chip links",
    "local": "core inputs",
}


def write_timeline(run: Run, path: Path) -> int:
    """Write the timeline of ``run`` as gzipped JSON; returns the slices left out because of `SLICES_MAX`.

    The file says the same under ``otherData``. The same run gives the same bytes.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    slices, left_out = _capped(run)
    about = {"chip": run.chip.name, "trace": run.trace.name, "slices": len(slices), "slices_left_out": left_out}
    record = {"displayTimeUnit": "ns", "otherData": about, "traceEvents": [*_tracks(run), *slices]}
    try:
        with replaced_whole(path, TIMELINE) as staged:
            staged.write_bytes(gzip.compress(json.dumps(record, separators=(",", ":")).encode(), mtime=0))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return left_out


def _capped(run: Run) -> tuple[list[dict[str, Any]], int]:
    """The first `SLICES_MAX` slices, and how many there are beyond them."""
    kept: list[dict[str, Any]] = []
    left_out = 0
    for piece in _slices(run):
        if len(kept) < SLICES_MAX:
            kept.append(piece)
        else:
            left_out += 1
    return kept, left_out


def _tracks(run: Run) -> Iterator[dict[str, Any]]:
    """Names of the tracks."""
    for process, name in ((CORES, "cores"), (LINKS, "links")):
        yield {"ph": "M", "pid": process, "name": "process_name", "args": {"name": name}}
    cores = run.result.cores
    for core, chip, owner in zip(cores["core"].tolist(), cores["chip"].tolist(), cores["owner"].tolist(), strict=True):
        name = f"core {core} of chip {chip}: {owner}"
        yield {"ph": "M", "pid": CORES, "tid": core, "name": "thread_name", "args": {"name": name}}
    for group, name in enumerate(LINK_GROUPS.values()):
        yield {"ph": "M", "pid": LINKS, "tid": group, "name": "thread_name", "args": {"name": name}}


def _slices(run: Run) -> Iterator[dict[str, Any]]:
    """A slice for each core and group of links of a stage, for each token that passes it."""
    members = {stage.stage_id: (stage.stage_id, *stage.layers) for stage in run.trace.stages}
    cores = {i: sorted({b.core for owner in m for b in run.placement.of(owner)}) for i, m in members.items()}
    flits = {stage_id: _flits(run, owners) for stage_id, owners in members.items()}
    for stage_id, token, start_ps, end_ps in run.result.spans.itertuples(index=False):
        span = {"ph": "X", "name": stage_id, "ts": start_ps / PS_PER_US, "dur": (end_ps - start_ps) / PS_PER_US}
        for core in cores[stage_id]:
            yield {**span, "pid": CORES, "tid": core, "args": {"token": token}}
        for group, sent in flits[stage_id].items():
            yield {**span, "pid": LINKS, "tid": group, "args": {"token": token, "flits_per_token": sent}}


def _flits(run: Run, owners: tuple[str, ...]) -> dict[int, float]:
    """Mean flits per token that a stage and its layers send over each group of links; groups without any are absent."""
    found: dict[int, float] = {}
    for row in run.result.action_counts:
        if row.owner in owners and row.component == "noc":
            group = list(LINK_GROUPS).index(row.action)
            found[group] = found.get(group, 0.0) + row.count / run.n_tokens
    return found
