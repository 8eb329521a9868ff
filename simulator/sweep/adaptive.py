"""The mode ``optuna``: NSGA-II (Deb et al. 2002) proposes points, generation by generation, from those it has seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from simulator.config.sweep import SweepConfig
from simulator.config.sweep_axes import Axis, Range
from simulator.errors import ConfigError, SpikewattError
from simulator.sweep.objectives import Bound, is_number
from simulator.sweep.sampling import TRACE_AXIS, Values
from simulator.sweep.space import Point, Space

POPULATION = 24  # points of a generation; fixed, so that the points do not depend on the number of processes
EXCESS = "excess"

# Computes points and returns the flat result of each, None for one that failed.
Evaluate = Callable[[Sequence[Point]], list[dict[str, Any] | None]]


def search(space: Space, bounds: Sequence[Bound], evaluate: Evaluate) -> tuple[list[Point], int]:
    """Let NSGA-II choose the points of a sweep; returns (points, proposals whose values were wrong together).

    The same sweep file gives the same points: the seed and the results decide, so a second call proposes what the first
    did and finds it computed.

    Raises
    ------
    SpikewattError
        When the extra ``dse`` is not installed.
    """
    config, study = space.config, _study(space.config)
    found: dict[str, Point] = {}
    refused = asked = 0
    while asked < (config.samples or 1):
        trials, points = [], []
        for _ in range(min(POPULATION, (config.samples or 1) - asked)):
            asked += 1
            trial = _ask(study, config)
            try:
                points.append(space.point(_values(trial, config)))
                trials.append(trial)
            except ConfigError:
                refused += 1
                _tell(study, trial, None, config, bounds)
        for trial, result in zip(trials, evaluate(points), strict=True):
            _tell(study, trial, result, config, bounds)
        found |= {point.point_id: point for point in points}
    return list(found.values()), refused


def _study(config: SweepConfig) -> Any:
    """A study that minimizes every objective."""
    try:
        import optuna
    except ImportError:
        raise SpikewattError(
            f"sweep '{config.name}': mode optuna needs the extra dse: pip install 'spikewatt[dse]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints are marked experimental
        sampler = optuna.samplers.NSGAIISampler(
            population_size=POPULATION, seed=config.seed, constraints_func=lambda trial: trial.user_attrs[EXCESS]
        )
    return optuna.create_study(directions=["minimize"] * len(config.objectives), sampler=sampler)


def _ask(study: Any, config: SweepConfig) -> Any:
    """The next trial, with a value for each axis."""
    traces = {TRACE_AXIS: config.trace} if len(config.trace) > 1 else {}
    return study.ask({name: _distribution(axis) for name, axis in {**config.axes, **traces}.items()})


def _distribution(axis: Axis) -> Any:
    """An axis in the words of optuna; of a range, the number in the unit used inside."""
    from optuna import distributions

    if not isinstance(axis, Range):
        return distributions.CategoricalDistribution(axis)
    low, high = axis.ends
    if axis.whole:
        return distributions.IntDistribution(int(low), int(high), log=axis.scale == "log")
    return distributions.FloatDistribution(low, high, log=axis.scale == "log")


def _values(trial: Any, config: SweepConfig) -> Values:
    """The values of a trial as a sweep file would write them."""
    axes = config.axes
    return {
        name: axes[name].written(value) if name in axes and isinstance(axes[name], Range) else value  # type: ignore[union-attr]
        for name, value in trial.params.items()
    }


def _tell(study: Any, trial: Any, result: dict[str, Any] | None, config: SweepConfig, bounds: Sequence[Bound]) -> None:
    """Report the objectives of a trial, or that it failed."""
    from optuna.trial import TrialState

    costs = [] if result is None else [result.get(key) for key in config.objectives]
    if result is None or not all(map(is_number, costs)):
        trial.set_user_attr(EXCESS, [float("inf")] * len(bounds))
        study.tell(trial, state=TrialState.FAIL)
        return
    trial.set_user_attr(EXCESS, [bound.excess(result) for bound in bounds])
    study.tell(trial, costs)
