"""Flits of packets whose network is not simulated: routes are fixed, so they follow from who sends to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from simulator.arrays import Ints
from simulator.engine.network.link_flits import multicast_flits, unicast_flits
from simulator.engine.network.links import N_PORTS
from simulator.engine.schedule import Batch, StageTask
from simulator.engine.setting import Setting
from simulator.engine.spike_steps import flows_of, packets_sent
from simulator.engine.transfer import reductions, transfers_before_ops
from simulator.mapping.packet_format import value_packets
from simulator.trace.trace_program import Stage


def flits_left_out(batches: Iterable[Batch], setting: Setting) -> Ints:
    """Flits on each output of all packets in rounds whose network is not simulated, int64 [routers * 5]."""
    found = np.zeros(setting.placement.mesh_x * setting.placement.mesh_y * N_PORTS, np.int64)
    for task in _left_out(batches):
        found += _values(task, setting)
        if task.stage.stream is not None:
            found += _spikes(task.stage, task.tokens, setting)
    return found


def _left_out(batches: Iterable[Batch]) -> Iterator[StageTask]:
    """Every stage with the tokens that are not simulated."""
    stages: dict[str, Stage] = {}
    tokens: dict[str, list[Ints]] = {}
    for batch in batches:
        for place, stage in enumerate(batch.stages):
            stages[stage.stage_id] = stage
            tokens.setdefault(stage.stage_id, []).append(batch.tokens[batch.carried == 0, place])
    for stage_id, stage in stages.items():
        if len(of_stage := np.concatenate(tokens[stage_id])):
            yield StageTask(stage, of_stage)


def _values(task: StageTask, setting: Setting) -> Ints:
    """Flits of the values that travel to and from a stage."""
    router, grid = setting.placement.core_router, setting.placement.grid
    transfers = transfers_before_ops([task.stage], setting.mapped) + reductions([task.stage], setting.mapped)
    found = np.zeros(grid.x * grid.y * N_PORTS, np.int64)
    for transfer in transfers:
        for edges in transfer.parts:
            packets = value_packets(edges.values, transfer.kind, setting.chip)
            flits = packets * transfer.flits * transfer.rounds * len(task.tokens)
            found += unicast_flits(router[edges.from_core], router[edges.to_core], flits, grid)
    return found


def _spikes(stage: Stage, tokens: Ints, setting: Setting) -> Ints:
    """Flits of the spikes and markers of a stage."""
    assert stage.stream is not None
    plan, chip, encoding = setting.plans.of_stage(stage), setting.chip, setting.trace.encoding
    sent = packets_sent(setting.trace.spike_counts(stage.stream)[tokens], plan, encoding, chip)
    marks, grid = setting.markers(plan) * len(tokens), setting.placement.grid
    if plan.routes.multicast:
        return multicast_flits(sent.flits + marks, plan.routes, grid)
    flows = flows_of(sent.flits + marks, plan)
    home, target = np.nonzero(flows)
    return unicast_flits(plan.home_router[home], plan.target_router[target], flows[home, target], grid)
