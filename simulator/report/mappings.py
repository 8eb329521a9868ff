"""What each mapping of a trace on a chip costs: cores, memory, traffic, and energy and time from a simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pandas as pd

from simulator.choices import NetworkModel
from simulator.config.chip import ChipConfig, Mapping
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapping.mapped import Mapped
from simulator.mapping.place import map_trace
from simulator.mapping.placements import PLACEMENTS
from simulator.mapping.strategies import STRATEGIES
from simulator.trace.trace import Trace

Key = tuple[object, ...]


def all_mappings(chip: ChipConfig) -> Iterator[Mapping]:
    """Every strategy with every placement, each block alone on its core and then cores shared; seed as in the chip."""
    for share, strategy, placement in product((False, True), STRATEGIES, PLACEMENTS):
        fields = {"strategy": strategy, "placement": placement, "share_cores": share}
        yield chip.mapping.model_copy(update=fields)


def compare_mappings(
    trace: Trace,
    chip: ChipConfig,
    network: NetworkModel = "ideal",
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Map and simulate ``trace`` on ``chip`` under every mapping; those with the same placement are simulated once.

    Parameters
    ----------
    trace, chip
        What is mapped, and on what; the chip's own mapping is one of the rows.
    network
        Model of the network. Counts and dynamic energy do not depend on it; under ``ideal`` time is a lower bound.
    progress
        Called with (what, mappings done, mappings).

    Returns
    -------
    pandas.DataFrame
        One row per mapping: ``strategy, placement, shared, cores, chips, sram_bytes, sram_util`` (of the cores in use),
        ``packets, flit_hops`` (flits x links), ``energy_pj`` and ``time_ps`` of the whole trace.

    Raises
    ------
    CapacityError
        When a mapping does not fit the chip.
    """
    return _table(trace, chip, list(all_mappings(chip)), network, progress)


def own_mapping(
    trace: Trace,
    chip: ChipConfig,
    network: NetworkModel = "ideal",
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """The row of the chip's own mapping, see `compare_mappings`."""
    return _table(trace, chip, [chip.mapping], network, progress)


def _table(
    trace: Trace,
    chip: ChipConfig,
    mappings: list[Mapping],
    network: NetworkModel,
    progress: Callable[[str, int, int], None] | None,
) -> pd.DataFrame:
    """One row per mapping; of equal placements one is simulated."""
    found: dict[Key, dict[str, object]] = {}
    rows = []
    for done, mapping in enumerate(mappings, start=1):
        placed = _under(chip, mapping, network)
        mapped = map_trace(trace, placed)
        key = (mapped.placement.blocks, mapped.placement.core_router.tobytes())
        if key not in found:
            found[key] = _costs(mapped)
        label = {"strategy": mapping.strategy, "placement": mapping.placement, "shared": mapping.share_cores}
        rows.append(label | found[key])
        if progress is not None:
            progress(f"{mapping.strategy}, {mapping.placement}", done, len(mappings))
    return pd.DataFrame(rows)


def _under(chip: ChipConfig, mapping: Mapping, network: NetworkModel) -> ChipConfig:
    """The chip with one mapping; `auto` processes tokens one at a time: some mappings share cores between stages."""
    kind = "sequential" if chip.schedule.kind == "auto" else chip.schedule.kind
    schedule = chip.schedule.model_copy(update={"kind": kind})
    noc = chip.noc.model_copy(update={"model": network})
    return chip.model_copy(update={"mapping": mapping, "noc": noc, "schedule": schedule})


def _costs(mapped: Mapped) -> dict[str, object]:
    chip, placement, result = mapped.chip, mapped.placement, replay(mapped)
    cores = len({block.core for block in placement.blocks})
    sram = sum(block.sram_bytes for block in placement.blocks)
    return {
        "cores": cores,
        "chips": placement.n_chips,
        "sram_bytes": sram,
        "sram_util": sram / (cores * chip.core.sram.capacity),
        "packets": result.packets,
        "flit_hops": int(result.links["flits"].sum()),
        "energy_pj": build_ledger(result, chip, allow_uncosted=True).total_pj,
        "time_ps": result.total_ps,
    }
