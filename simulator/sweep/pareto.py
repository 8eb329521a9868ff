"""The Pareto front: the points that no other point beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pareto_mask(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points no other point dominates.

    A point dominates another when it is nowhere above it and somewhere below. Equal points do not dominate each other:
    both stay. A point with a NaN is never on the front and dominates nothing.

    Parameters
    ----------
    costs
        float64 [points, objectives], each to be minimized.

    Returns
    -------
    ndarray
        bool [points].
    """
    known = np.logical_not(np.isnan(costs).any(axis=1))
    others = costs[known]
    front: NDArray[np.bool_] = np.zeros(len(costs), dtype=np.bool_)
    for i in np.flatnonzero(known):
        nowhere_above = (others <= costs[i]).all(axis=1)
        somewhere_below = (others < costs[i]).any(axis=1)
        front[i] = not (nowhere_above & somewhere_below).any()
    return front
