"""Why a run costs what it costs, in sentences: what binds, where, and what to try."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from simulator.report.format import format_ratio, format_share
from simulator.report.run import Run, once_per_run
from simulator.report.stage_load import charged_table, core_work, part_shares, pipelined, stage_load
from simulator.trace.trace import DECODE

OUTLIER = 1.3  # times the median of its kind
BUSY = 0.7  # of the time: above it the stage itself is what a pipeline waits for
SHOWN = 3


class Lever(NamedTuple):
    """A change to try, and the most that it can save of the time, as a share."""

    what: str
    saves: float

    def sentence(self) -> str:
        """The change and its bound."""
        return f"Try {self.what}: it saves at most {format_share(self.saves)} of the time."


def cause_sentences(run: Run) -> list[str]:
    """What takes the energy and the time, and what to try; at most three sentences."""
    said = [_energy_sentence(run), _time_sentence(run)]
    lever = best_lever(run)
    return said if lever is None else [*said, lever.sentence()]


def causes_dict(run: Run) -> dict[str, Any]:
    """The causes for programs: sentences, what binds, levers, outliers, and the charged energies by kind of stage.

    Energies in pJ and times in ps of the whole trace, shares in [0, 1] (`charged_table`).
    """
    part, share = binding_part(run)
    stands_out = outliers(run)
    return {
        "sentences": cause_sentences(run),
        "binding": {"part": part, "share": share},
        "levers": levers(run).to_dict("records"),
        "outliers": dict(zip(stands_out["stage"].tolist(), stands_out["ratio"].tolist(), strict=True)),
        "charged_by_stage": charged_table(run).set_index("stage").to_dict("index"),
    }


def _energy_sentence(run: Run) -> str:
    """The largest part of the energy, static power by what it waits for."""
    by_component = run.ledger.by_component()
    static = float(by_component.get("static", 0.0)) / (run.ledger.total_pj or 1.0)
    first = charged_table(run).iloc[0]
    if static < 0.5:
        counted = by_component.drop("static", errors="ignore")
        share = format_share(float(counted.max()) / (run.ledger.total_pj or 1.0))
        return f"The largest part of the energy is {counted.idxmax()}, {share}; static power is {format_share(static)}."
    chips = "the chip leaks" if run.result.n_chips == 1 else f"{run.result.n_chips} chips leak"
    says = f"Static power is {format_share(static)} of the energy: {chips}"
    charged = f"{first['stage']} holds {format_share(float(first['share']))} of the energy"
    if pipelined(run):
        return f"{says} all the time. With the static power of its cores, {charged}."
    return f"{says} while one stage works at a time. With the static power of its time, {charged}."


def _time_sentence(run: Run) -> str:
    """The stage that the time depends on, and which part of it binds."""
    load = stage_load(run)
    part, share = binding_part(run)
    binds = f"{format_share(share)} of the time is {part}"
    if not pipelined(run):
        kinds = load.groupby("kind", sort=False)["time_ps"].sum()
        name = kinds.idxmax()
        cores = load[load["kind"] == name]["cores"].max()
        on = "one core" if cores == 1 else f"{cores} cores"
        return (
            f"Stage {name} takes {format_share(kinds.max() / (run.result.total_ps or 1))} of the time on {on}; {binds}."
        )
    slow = load.iloc[int(load["time_ps"].argmax())]
    works = format_share(float(slow["time_ps"]) / (run.result.total_ps or 1))
    return (
        f"The slowest stage of the pipeline is {slow['stage']}: its core {slow['core']} works {works} of the time, and"
        f" the mean core {format_share(run.time_util_mean)}; {binds}."
    )


def binding_part(run: Run) -> tuple[str, float]:
    """Which of compute, network, transfer, vector and barrier takes most of the time, and its share."""
    shares = part_shares(run)
    name = max(shares, key=shares.__getitem__)
    return name, shares[name]


@once_per_run
def levers(run: Run) -> pd.DataFrame:
    """Changes to try, the one that can save most first: columns ``what, saves`` (bound, share of the time)."""
    found = [*_schedule_levers(run), *_part_levers(run)]
    table = pd.DataFrame(found, columns=["what", "saves"])
    return table.sort_values("saves", ascending=False, kind="stable", ignore_index=True)


def best_lever(run: Run) -> Lever | None:
    """The change that can save most, if any is worth a try."""
    found = levers(run)
    return None if found.empty or found["saves"][0] < 0.02 else Lever(str(found["what"][0]), float(found["saves"][0]))


def _schedule_levers(run: Run) -> list[Lever]:
    """More of the chip at work at once."""
    found, total = [], float(run.result.total_ps)
    prompts = int((run.trace.phases != DECODE).sum())
    if not total:
        return []
    if not pipelined(run) and prompts > 1:
        slowest = float(stage_load(run)["time_ps"].max())
        found.append(Lever("--schedule auto", (1 - slowest / total) * prompts / run.n_tokens))
    tried = any(warning.startswith("mapping auto") for warning in run.all_warnings)
    if run.mapping is None and not tried and pipelined(run):
        found.append(Lever("--mapping auto", 1 - run.time_util_mean))  # all cores busy all the time: the most it can do
    return found


def _part_levers(run: Run) -> list[Lever]:
    """Twice of what binds, and alternatives to the network and the barrier.

    Twice the units halve the time of the cores at most, and may spare all that packets wait for each other.
    """
    chip, load, shares = run.chip, stage_load(run), part_shares(run)
    twice = {
        "synapse": f"core.synapse.lanes={2 * chip.core.synapse.lanes}",
        "dendrite": f"core.synapse.lanes={2 * chip.core.synapse.lanes}",
        "vector": f"vector.lanes={2 * chip.vector.lanes}",
        "memory": f"memory.word={2 * chip.memory.word}bit",
    }
    unit = str(load["unit"].iloc[int(load["time_ps"].argmax())])  # of the slowest stage
    links = shares["network"] + shares["transfer"]
    found = [Lever(f"--set noc.flit_bits={2 * chip.noc.flit_bits}bit", links)]
    if unit in twice:
        halved = shares["vector"] / 2 if unit in ("vector", "memory") else shares["compute"] / 2 + shares["network"]
        resized = unit != "memory" and chip.chip.static_power is not None and not chip.chip.static_fixed
        kept = " --set chip.static_fixed=true" if resized else ""  # its one figure of static power knows one size
        found.append(Lever(f"--set {twice[unit]}{kept}", halved))
    if not chip.noc.multicast:
        found.append(Lever("--set noc.multicast=true", links))
    if chip.sync.kind == "barrier" and shares["barrier"] == max(shares.values()):
        found.append(Lever("--sync handshake", _waiting(run)))
    return found


def _waiting(run: Run) -> float:
    """Share of the time in which even the busiest core of the stage waits: all that can go when no barrier does."""
    busy = core_work(run).groupby("stage")["busy_ps"].max()
    works = float(busy.max() if pipelined(run) else busy.sum())
    return max(0.0, 1 - works / run.result.total_ps) if run.result.total_ps else 0.0


@once_per_run
def outliers(run: Run) -> pd.DataFrame:
    """Stages that take more than `OUTLIER` times the median of their kind over the blocks, the worst first.

    Columns: ``stage, kind, time_ps, ratio``. Kinds in fewer than three blocks have no median to speak of.
    """
    load = stage_load(run)
    load = load[load.groupby("kind")["stage"].transform("size") >= 3]
    median = load.groupby("kind")["time_ps"].transform("median")
    load = load.assign(ratio=load["time_ps"] / median.where(median > 0))
    found = load[load["ratio"] > OUTLIER].sort_values("ratio", ascending=False, kind="stable", ignore_index=True)
    return found[["stage", "kind", "time_ps", "ratio"]]


def outlier_sentence(run: Run) -> str:
    """The stages that stand out, in words; empty where none does."""
    found = outliers(run)
    if found.empty:
        return ""
    shown = zip(found["stage"][:SHOWN].tolist(), found["ratio"][:SHOWN].tolist(), strict=True)
    worst = [f"{stage} ({format_ratio(ratio)} the median of its kind)" for stage, ratio in shown]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"Slower than their like: {', '.join(worst)}{more}."
