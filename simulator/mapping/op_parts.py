"""Ops with cores of their own: their stage becomes several, each with home cores of its own, that pass their values on.

The values of a stage travel from part to part as a residual does (`Stage.carries`). The last part keeps the id of the
stage, with its stream and layers; the one before it is named after its first op: ``head.at_norm_final``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from simulator.errors import ConfigError
from simulator.mapping.name_table import last_part
from simulator.mapping.widths import Widths
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

OF_CACHE = ("kv_cache", "qk", "pv")  # kinds of ops that work on the cache of their home cores
Run = tuple[int | None, tuple[str, ...]]  # cores of their own, ops


def split_ops(trace: Trace, widths: Widths) -> tuple[Trace, Widths]:
    """``trace`` with a stage for each run of ops that `Widths.op_cores` gives the same cores; the widths of its stages.

    Raises
    ------
    ConfigError
        When a KV cache would be on other cores than the products that read it, or an op takes more cores than its
        stage has values.
    """
    if not widths.op_cores:
        return trace, widths
    stages: list[Stage] = []
    homes = dict(widths.homes)
    for stage in trace.stages:
        parts = list(_parts(stage, trace, widths.op_cores))
        stages += [part for part, _ in parts]
        named = any(part.stage_id in widths.homes for part, _ in parts[:-1])
        for part, n in parts if len(parts) > 1 and not named else ():
            homes.pop(part.stage_id, None)
            width = widths.homes.get(stage.stage_id) if n is None else n
            homes |= {} if width is None else {part.stage_id: width}
        if len(parts) == 1 and parts[0][1] is not None:
            homes[stage.stage_id] = parts[0][1]
    return replace(trace, stages=tuple(stages)), replace(widths, homes=homes)


def part_names(stage: Stage) -> list[str]:
    """Ids that a part of a stage may have, besides that of the stage."""
    return [_part_name(stage, op_id) for op_id in stage.ops]


def _part_name(stage: Stage, op_id: str) -> str:
    return f"{stage.stage_id}.at_{last_part(op_id)}"


def _parts(stage: Stage, trace: Trace, op_cores: Mapping[str, int]) -> Iterator[tuple[Stage, int | None]]:
    """The parts of a stage, each with the cores of its ops; None where the home cores of the stage do these."""
    runs: list[Run] = [(n, tuple(ops)) for n, ops in groupby(stage.ops, op_cores.get)]
    _check(stage, runs, trace)
    if not runs or (stage.stream is not None and runs[-1][0] is not None):
        runs.append((None, ()))
    sources, carries = stage.sources, stage.carries
    for n, ops in runs[:-1]:
        part = Stage(_part_name(stage, ops[0]), stage.width, ops, None, (), sources, carries)
        sources, carries = (), (part.stage_id,)
        yield part, n
    n, ops = runs[-1]
    yield replace(stage, ops=ops, sources=sources, carries=carries), n


def _check(stage: Stage, runs: list[Run], trace: Trace) -> None:
    """Refuse what cannot be."""
    for n, ops in runs:
        if n is not None and n > stage.width:
            raise ConfigError([f"{ops[0]}: found {n} cores of its own, expected at most {stage.width}, one per value"])
    apart = [ops for _, ops in runs if any(trace.op_by_id[i].kind in OF_CACHE for i in ops)]
    if len(apart) > 1:
        raise ConfigError(
            [
                f"{apart[1][0]}: found cores of its own, expected those of {apart[0][-1]}: the KV cache and the"
                " products that read it are on the same cores"
            ]
        )
