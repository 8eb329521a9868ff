"""Questions about the mapping of a trace on a chip: whether it fits, what it costs, what would be better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from simulator.choices import NetworkModel, SyncKind
from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.mapper.mapping_file import MAPPING, save_mapping
from simulator.mapper.objective import Objective
from simulator.mapping.alike import group_alike
from simulator.mapping.fit import fit, storage_summary
from simulator.outputs.output_file import check_writable_file
from simulator.report.fit_verdict import fit_verdict, many_chips
from simulator.report.format import format_energy, format_ratio
from simulator.report.progress import ProgressLine
from simulator.simulation.answer import Answer, Titled, one_table
from simulator.trace.batches import batched, copies_line
from simulator.trace.trace import Trace
from simulator.trace.trace_files import load_trace


def _loaded(chip: str, overrides: Sequence[str], trace: str) -> tuple[Trace, ChipConfig, tuple[str, ...]]:
    """A trace with as many texts as fill the batches of a chip, as `simulate` takes it; the chip; what is copied."""
    captured, chip_config = load_trace(trace), load_chip(chip, overrides)
    batch = chip_config.schedule.batch
    return batched(captured, batch), chip_config, copies_line(captured, batch)


def fit_of_trace(chip: str, overrides: Sequence[str], trace: str) -> Answer:
    """The largest block of each owner, what is in memory besides weights, and the cores in use."""
    captured, chip_config, copies = _loaded(chip, overrides, trace)
    found = fit(captured, chip_config)
    rows = group_alike(found.rows, "owner")
    return Answer(
        (
            f"{captured.name} on {chip_config.name}: {fit_verdict(found, rows)}",
            Titled(rows, "the largest block of each owner, equal blocks in one row; util = used / limit"),
            Titled(storage_summary(found.storage), "in memory besides weights: all stages, and the most on one core"),
        ),
        warnings=(*many_chips(found.n_chips), *copies),
    )


def mapping_costs(
    chip: str, overrides: Sequence[str], trace: str, compare: bool, simulate: bool, progress: ProgressLine
) -> Answer:
    """What the chip's own mapping costs, or every strategy with every placement (``compare``)."""
    captured, chip_config, copies = _loaded(chip, overrides, trace)
    # Loaded late: a refusal of the inputs needs no kernels.
    from simulator.report.mappings import compare_mappings, own_mapping

    network: NetworkModel = "cycle" if simulate else "ideal"
    tabulate = compare_mappings if compare else own_mapping
    time = "simulated time" if simulate else "time (lower bound)"
    table = tabulate(captured, chip_config, network, progress)
    found = one_table(table, f"{captured.name} on {chip_config.name}, whole trace; {time}")._replace(warnings=copies)
    if not compare:
        return found
    best = table.iloc[int(table["energy_pj"].to_numpy().argmin())]
    shared = "shared" if best["shared"] else "separate"
    line = (
        f"least energy: {best['strategy']}, {best['placement']}, {shared} cores, {format_energy(best['energy_pj'])}"
        f" for the whole trace, {format_ratio(best['energy_pj'] / table['energy_pj'].max())} of the largest"
    )
    options = f"mapping.strategy={best['strategy']} --set mapping.placement={best['placement']}"
    ask = f"simulate --mapping chip --set {options} --set mapping.share_cores={str(best['shared']).lower()}"
    following = (f"next: spikewatt {ask}", "next: spikewatt optimize, which chooses the widths of layers too")
    return found._replace(parts=(*found.parts, line), next_lines=following)


def best_mapping(
    chip: str,
    overrides: Sequence[str],
    trace: str,
    objective: Objective,
    max_chips: int | None,
    check: bool,
    save: Path | None,
    progress: Callable[[str], None],
) -> Answer:
    """The mapping with the least ``objective`` and what each of its choices is worth; written to ``save``."""
    captured, chip_config, copies = _loaded(chip, overrides, trace)
    if save is not None:
        check_writable_file(save, MAPPING)
    # Loaded late: a refusal of the inputs needs no kernels.
    from simulator.mapper.optimize import optimize
    from simulator.report.mapping_search import front_table, json_of, mapping_lines, summary_lines, without_table

    found = optimize(chip_config, captured, objective, max_chips, check, progress)
    title = f"{captured.name} on {chip_config.name}"
    parts: list[Titled | str] = [*summary_lines(found), *mapping_lines(found.mapping)]
    if not found.refused:
        parts.insert(0, Titled(front_table(found), f"{title}: energy against time against chips, before placement"))
    if found.without:
        parts.append(Titled(without_table(found), f"{title}: cost without each of its choices"))
    if save is not None:
        save_mapping(found.mapping, save)
        parts.append(f"mapping: {save}")
    return Answer(tuple(parts), json_of(found), warnings=copies)


def sync_comparison(chip: str, overrides: Sequence[str], trace: str, progress: Callable[[str], None]) -> Answer:
    """Time, packets and energy of a trace under barriers and under handshakes."""
    chips = [load_chip(chip, overrides, varied=[f"sync.kind={kind}"]) for kind in get_args(SyncKind)]
    captured = batched(load_trace(trace), chips[0].schedule.batch)
    # Loaded late: a refusal of the inputs needs no kernels.
    from simulator.report.syncs import compare_syncs

    table = compare_syncs(captured, chips, progress)
    return one_table(table, f"{captured.name} on {chips[0].name}; time and energy per token")
