"""Objectives and constraints: dotted keys of ``result.json`` with a number, checked before a long simulation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.actions import ACTIONS, billed_components
from simulator.config.chip import ChipConfig
from simulator.config.constraints import Constraint, parse_constraint
from simulator.config.sweep import SweepConfig
from simulator.errors import CapacityError, ConfigError, UncostedError, did_you_mean
from simulator.report.result_json import leaves, result_dict
from simulator.trace.trace import Trace

MACHINE = "elapsed"  # seconds of this machine: no property of a chip
SUCH_AS = "expected one such as energy.per_token_pj"
USUAL = (
    "energy.per_token_pj",
    "latency.per_token_ps",
    "latency.ttft_ps",
    "latency.tpot_ps",
    "steady.energy_per_token_pj",
    "steady.time_per_token_ps",
    "area.total_mm2",
    "utilization.chips",
)


@dataclass(frozen=True)
class Bound:
    """A constraint on a key that results have."""

    key: str
    constraint: Constraint

    @property
    def text(self) -> str:
        """The constraint as written."""
        return self.constraint.text

    def holds(self, result: Mapping[str, Any]) -> bool:
        """Whether a flat result keeps the bound; one without the number does not."""
        value = result.get(self.key)
        return is_number(value) and self.constraint.holds(float(value))  # type: ignore[arg-type]

    def excess(self, result: Mapping[str, Any]) -> float:
        """How far a flat result is beyond the bound, at most 0 where it keeps it; infinite without the number."""
        value = result.get(self.key)
        return self.constraint.excess(float(value)) if is_number(value) else float("inf")  # type: ignore[arg-type]


def flatten(result: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value of every leaf of ``result``, in its order, without what is this machine's."""
    return {".".join(path): value for path, value in leaves(result) if path[0] != MACHINE}


def is_number(value: object) -> bool:
    """Whether ``value`` is a number of JSON; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def checked_bounds(config: SweepConfig, flat: Mapping[str, Any] | None, traces: Iterable[Trace]) -> tuple[Bound, ...]:
    """Check objectives and constraints against the flat keys of a result; returns the bounds.

    Without a result nothing long will run, and keys are taken as they are written.

    Raises
    ------
    ConfigError
        Every objective and constraint that is on no number of a result, each with its place.
    """
    constraints = [parse_constraint(text) for text in config.constraints]
    if flat is None:
        return tuple(Bound(constraint.key, constraint) for constraint in constraints)
    numbers = {key: None for key, value in flat.items() if value is None or is_number(value)}
    for trace in traces:
        numbers |= dict.fromkeys(_possible(trace))
    problems = [
        f"{config.place(f'objectives.{i}')}: objectives: {_problem(key, flat, list(numbers))}"
        for i, key in enumerate(config.objectives)
        if key not in numbers
    ]
    keys = [constraint.full_key(numbers) for constraint in constraints]
    problems += [
        f"{config.place(f'constraints.{i}')}: constraints: {_problem(constraints[i].key, flat, list(numbers))}"
        for i, key in enumerate(keys)
        if key is None
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(Bound(str(key), constraint) for key, constraint in zip(keys, constraints, strict=True))


def _problem(key: str, flat: Mapping[str, Any], numbers: list[str]) -> str:
    """What ``key`` is instead of a number, and which numbers are usual."""
    usual = f"the usual ones are {', '.join(name for name in USUAL if name in numbers)}"
    if key in flat:
        return f"found '{key}', which is not a number, {SUCH_AS}; {usual}"
    inside = next((name for name in (*USUAL, *numbers) if name in numbers and name.startswith(f"{key}.")), None)
    if inside is not None:
        return f"found '{key}', which holds several numbers, expected one such as {inside}; {usual}"
    return f"unknown result key '{key}', {SUCH_AS}{did_you_mean(key, numbers)}; {usual}"


def _possible(trace: Trace) -> Iterator[str]:
    """Keys that a result has only where the work was done, and one token may not do it."""
    for component in billed_components():
        yield f"energy.by_component.{component}"
    for name in ACTIONS:
        yield f"counts.by_action.{name}"
    for part in (*trace.layer_by_id, *trace.op_by_id, *(stage.stage_id for stage in trace.stages)):
        yield f"energy.by_owner.{part}"


def probe(chips: Iterable[ChipConfig], trace: Trace) -> dict[str, Any] | None:
    """Flat keys of the result of the last token alone on the first chip that takes it; None when none does."""
    from simulator.simulation.simulation import simulate  # loaded late: kernels, which no refusal needs

    token = trace.take(slice(-1, None))
    for chip in chips:
        try:
            return flatten(result_dict(simulate(chip, token, mapping="chip"), bands=False))
        except (CapacityError, UncostedError):
            continue  # it will be reported at its point
    return None
