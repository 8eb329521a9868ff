"""The Pareto front: the points that no other point beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F64


def pareto_mask(costs: F64, tolerance: float = 0.0) -> NDArray[np.bool_]:
    """Which points no other point dominates.

    A point dominates another when it is nowhere above it and somewhere below. Equal points do not dominate each other:
    both stay. A point with a NaN is never on the front and dominates nothing.

    Parameters
    ----------
    costs
        float64 [points, objectives], each to be minimized.
    tolerance
        Share of the smaller of two costs: a difference up to it counts as none. A point then dominates only those of a
        larger `_weight`, so that no points dominate each other in a circle and one is always left.

    Returns
    -------
    ndarray
        bool [points].
    """
    known = np.logical_not(np.isnan(costs).any(axis=1))
    others = costs[known]
    front: NDArray[np.bool_] = np.zeros(len(costs), dtype=np.bool_)
    weights = _weight(others) if tolerance > 0 else np.zeros(len(others))
    for i, weight in zip(np.flatnonzero(known), weights, strict=True):
        below, above = others < costs[i], others > costs[i]
        if tolerance > 0:
            alike = (others == costs[i]) | (
                np.abs(others - costs[i]) <= tolerance * np.minimum(np.abs(others), np.abs(costs[i]))
            )
            below, above = below & ~alike, above & ~alike
        beats = ~above.any(axis=1) & below.any(axis=1)
        front[i] = not (beats & ((weights < weight) | (tolerance <= 0))).any()
    return front


def _weight(costs: F64) -> F64:
    """Sum of the logarithms of the costs of each point; of an objective that is not always above 0, of shares of it."""
    positive = (costs > 0).all(axis=0)
    scale = np.abs(costs).max(axis=0, initial=0.0, where=np.isfinite(costs))
    logs = np.log(np.where(positive, costs, 1.0))
    shares = np.where(positive, 0.0, costs) / np.where(scale > 0, scale, 1.0)
    weight: F64 = (logs + shares).sum(axis=1)
    return weight
