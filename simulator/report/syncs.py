"""What it costs to keep timesteps apart, by barriers and by handshakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from simulator.config.chip import ChipConfig
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.engine.result import CHIP
from simulator.mapping.place import map_trace
from simulator.trace.trace import Trace


def compare_syncs(
    trace: Trace, chips: Iterable[ChipConfig], progress: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """Simulate ``trace`` on chips that differ in ``sync.kind``.

    Returns
    -------
    pandas.DataFrame
        One row per chip: ``sync``; ``time_ps`` per token and its parts ``compute_ps, network_ps, transfer_ps,
        vector_ps, barrier_ps``; ``barriers``, ``markers`` and ``packets`` (markers among them) of the whole trace;
        ``energy_pj`` and ``dynamic_pj`` (without static power) per token.

    Raises
    ------
    CapacityError
        When the trace does not fit a chip.
    """
    rows = []
    for chip in chips:
        if progress is not None:
            progress(f"{trace.name} on {chip.name}, sync {chip.sync.kind}")
        rows.append(_row(trace, chip))
    return pd.DataFrame(rows)


def _row(trace: Trace, chip: ChipConfig) -> dict[str, object]:
    result = replay(map_trace(trace, chip))
    ledger, tokens = build_ledger(result, chip, allow_uncosted=True), trace.n_tokens
    static_pj = ledger.rows.loc[ledger.rows["component"] == "static", "energy_pj"].sum()
    parts = result.stages.drop(columns=["stage", "total_ps"]).sum() // tokens
    barriers = sum(r.count for r in result.action_counts if (r.owner, r.component) == (CHIP, "sync"))
    return {
        "sync": chip.sync.kind,
        "time_ps": result.total_ps // tokens,
        **{str(part): int(ps) for part, ps in parts.items()},
        "barriers": barriers,
        "markers": result.markers,
        "packets": result.packets,
        "energy_pj": ledger.total_pj / tokens,
        "dynamic_pj": (ledger.total_pj - static_pj) / tokens,
    }
