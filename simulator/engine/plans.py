"""The plans of a simulation, each made once: of every stage, of the stages of a round, and of the values they send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple

from simulator.engine.kernels.value_transfer import ValuePackets
from simulator.engine.made import Made
from simulator.engine.network.network import CarriedValues
from simulator.engine.plan import StagePlan, plan_stages
from simulator.engine.transfer import (
    Transfer,
    TransferPlan,
    plan_transfer,
    reductions,
    transfers_before_ops,
    value_barriers,
)
from simulator.mapping.mapped import Mapped
from simulator.trace.trace_program import Stage


class ValueStep(NamedTuple):
    """A transfer step, its packets, and how an idle network carries them."""

    transfer: Transfer
    plan: TransferPlan
    carried: CarriedValues


class Plans:
    """Plans of a mapped trace. Of stages together only the last plan is kept, for the next round may have it too."""

    def __init__(self, mapped: Mapped) -> None:
        self._mapped, self._lock = mapped, Lock()
        self._of_stage: Made[str, StagePlan] = Made()
        self._barriers: dict[str, tuple[bool, bool]] = {}
        self._together: Made[tuple[str, ...], StagePlan] = Made(most=1)
        self._values: Made[tuple[str, ...], tuple[ValueStep, ...]] = Made(most=1)

    def values(self, stages: Sequence[Stage], carry: Callable[[ValuePackets], CarriedValues]) -> tuple[ValueStep, ...]:
        """The transfer steps of stages at work together, carried through an idle network by ``carry``."""

        def make() -> tuple[ValueStep, ...]:
            steps = transfers_before_ops(stages, self._mapped) + reductions(stages, self._mapped)
            plans = [(step, plan_transfer(step, self._mapped)) for step in steps]
            return tuple(ValueStep(step, plan, carry(plan.packets)) for step, plan in plans)

        return self._values.get(_names(stages), make)

    def value_barriers(self, stages: Sequence[Stage]) -> int:
        """Barriers that end the collect and the reduction of stages at work together."""
        with self._lock:
            for stage in stages:
                if stage.stage_id not in self._barriers:
                    self._barriers[stage.stage_id] = value_barriers(stage, self._mapped)
            return sum(map(any, zip(*(self._barriers[stage.stage_id] for stage in stages), strict=True)))

    def of_stage(self, stage: Stage) -> StagePlan:
        """The plan of a stage by itself."""
        return self._of_stage.get(stage.stage_id, lambda: plan_stages([stage], self._mapped))

    def of_stages(self, stages: Sequence[Stage]) -> StagePlan:
        """The plan of stages at work together."""
        if len(stages) == 1:
            return self.of_stage(stages[0])
        return self._together.get(_names(stages), lambda: plan_stages(stages, self._mapped))


def _names(stages: Sequence[Stage]) -> tuple[str, ...]:
    return tuple(stage.stage_id for stage in stages)
