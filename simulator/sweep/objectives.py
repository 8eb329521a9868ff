"""Objectives: dotted keys of ``result.json`` with a number to minimize, checked before the first long simulation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from simulator.config.chip import ChipConfig
from simulator.config.sweep import SweepConfig
from simulator.energy.prices import PRICE_PATHS
from simulator.errors import CapacityError, ConfigError, UncostedError, did_you_mean
from simulator.report.result_json import leaves, result_dict
from simulator.report.simulation import simulate
from simulator.trace.trace import Trace

MACHINE = "elapsed."  # seconds of this machine: no property of a chip


def flatten(result: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value of every leaf of ``result``, in its order, without what is this machine's."""
    flat = {".".join(path): value for path, value in leaves(result)}
    return {key: value for key, value in flat.items() if not key.startswith(MACHINE)}


def is_number(value: object) -> bool:
    """Whether ``value`` is a number of JSON; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_objectives(config: SweepConfig, flat: Mapping[str, Any] | None, trace: Trace) -> None:
    """Compare the objectives with the flat keys of a result; without one nothing long will run, nothing is checked.

    Raises
    ------
    ConfigError
        Every objective that is no number of a result.
    """
    if flat is None:
        return
    numbers = {key: None for key, value in flat.items() if value is None or is_number(value)}
    numbers |= dict.fromkeys(_possible(trace))
    problems = [_problem(key, flat, list(numbers)) for key in config.objectives if key not in numbers]
    if problems:
        raise ConfigError(f"sweep '{config.name}': objectives: {problem}" for problem in problems)


def _problem(key: str, flat: Mapping[str, Any], numbers: list[str]) -> str:
    """What ``key`` is instead of a number."""
    if key in flat:
        return f"found '{key}', which is no number, wanted one such as energy.per_token_pj"
    inside = next((name for name in numbers if name.startswith(f"{key}.")), None)
    if inside is not None:
        return f"found '{key}', which holds several numbers, wanted one such as {inside}"
    return f"found unknown result key '{key}', wanted one such as energy.per_token_pj{did_you_mean(key, numbers)}"


def _possible(trace: Trace) -> Iterator[str]:
    """Keys that a result has only where the work was done, and one token may not do it."""
    for component in dict.fromkeys(name.partition(".")[0] for name in PRICE_PATHS):
        yield f"energy.by_component.{component}"
    for name in PRICE_PATHS:
        yield f"counts.by_action.{name}"
    for part in (*trace.layer, *trace.op, *(stage.stage_id for stage in trace.stages)):
        yield f"energy.by_layer.{part}"


def probe(chips: Iterable[ChipConfig], trace: Trace) -> dict[str, Any] | None:
    """Flat keys of the result of the last token alone on the first chip that takes it; None when none does."""
    token = replace(
        trace, positions=trace.positions[-1:], load_counts=lambda stream: trace.counts(stream)[-1:], content_hash=""
    )
    for chip in chips:
        try:
            return flatten(result_dict(simulate(chip, token)))
        except (CapacityError, UncostedError):
            continue  # it will be told at its point
    return None
