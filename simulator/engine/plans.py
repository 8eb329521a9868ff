"""The plans of a simulation, each made once: of every stage, and of the stages that share the network in a round."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from simulator.engine.plan import StagePlan, plan_stages
from simulator.mapping.mapped import Mapped
from simulator.trace.trace_program import Stage


class Plans:
    """Plans of a mapped trace. Of stages together only the last plan is kept, for the next round may have the same."""

    def __init__(self, mapped: Mapped) -> None:
        self._mapped, self._lock = mapped, Lock()
        self._of_stage: dict[str, StagePlan] = {}
        self._together: tuple[tuple[str, ...], StagePlan] | None = None

    def of_stage(self, stage: Stage) -> StagePlan:
        """The plan of a stage by itself."""
        with self._lock:
            if stage.stage_id not in self._of_stage:
                self._of_stage[stage.stage_id] = plan_stages([stage], self._mapped)
            return self._of_stage[stage.stage_id]

    def of_stages(self, stages: Sequence[Stage]) -> StagePlan:
        """The plan of stages at work together."""
        if len(stages) == 1:
            return self.of_stage(stages[0])
        names = tuple(stage.stage_id for stage in stages)
        with self._lock:
            if self._together is None or self._together[0] != names:
                self._together = names, plan_stages(stages, self._mapped)
            return self._together[1]
