"""Which values a sweep tries: every combination of its lists, or samples that cover lists and ranges evenly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from simulator.config.sweep import SweepConfig
from simulator.config.sweep_axes import Axis, AxisValue, Range, identity

TRACE_AXIS = "trace"  # the axis that several traces make; no path of a chip

Values = dict[str, AxisValue]


def combinations(config: SweepConfig) -> Iterator[Values]:
    """Axis -> value of each point, each once, in order; every trace in turn when there are several.

    grid: the last axis changes fastest. zip: all axes side by side. sobol: the scrambled sequence of Sobol (1967) as
    Owen (1998) scrambles it. lhs: a Latin hypercube (McKay et al. 1979). Both follow the seed of the sweep. The points
    of optuna follow from one another and are not made here.
    """
    rows = _drawn(config) if config.mode in ("sobol", "lhs") else _listed(config)
    seen = set()
    for row in rows:
        for trace in config.trace or ("",):
            values = dict(zip(config.axes, row, strict=True)) | trace_value(config, trace)
            if (key := tuple(map(identity, values.values()))) not in seen:
                seen.add(key)
                yield values


def trace_value(config: SweepConfig, trace: str) -> Values:
    """The trace as a value of a point, where there are several to tell apart."""
    return {TRACE_AXIS: trace} if len(config.trace) > 1 else {}


def value_at(axis: Axis, fraction: float) -> AxisValue:
    """The value at a ``fraction`` in [0, 1) of an axis; the values of a list take equal parts."""
    return axis.at(fraction) if isinstance(axis, Range) else axis[min(int(fraction * len(axis)), len(axis) - 1)]


def _listed(config: SweepConfig) -> Iterator[tuple[AxisValue, ...]]:
    """Values of lists alone, combined or side by side."""
    lists = [axis for axis in config.axes.values() if not isinstance(axis, Range)]
    return zip(*lists, strict=True) if config.mode == "zip" else product(*lists)


def _drawn(config: SweepConfig) -> Iterator[tuple[AxisValue, ...]]:
    """Values of lists and ranges at the samples of the mode."""
    for sample in _samples(config):
        yield tuple(value_at(axis, fraction) for axis, fraction in zip(config.axes.values(), sample, strict=True))


def _samples(config: SweepConfig) -> NDArray[np.float64]:
    """float64 [samples, axes] in [0, 1). Of Sobol's sequence the first ones of the next power of two."""
    from scipy.stats import qmc  # a third of the start of a process, which most sweeps do not need

    n, dimensions = config.samples or 1, len(config.axes)
    generator = np.random.default_rng(config.seed)
    if config.mode == "lhs":
        return np.asarray(qmc.LatinHypercube(dimensions, seed=generator).random(n))
    return np.asarray(qmc.Sobol(dimensions, seed=generator).random_base2(math.ceil(math.log2(n))))[:n]
