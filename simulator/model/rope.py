"""Rotary position: the angular frequency of each pair of values, with the scalings by which models lengthen it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RopeType = Literal["default", "linear", "dynamic", "llama3"]
# What each type of scaling states, all of it and nothing else (names as in transformers).
PARAMETERS: dict[RopeType, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}


@dataclass(frozen=True)
class RopeScaling:
    """How the frequencies ``theta**(-2j / hd)`` of a model are changed.

    Attributes
    ----------
    rope_type
        ``default``: not at all. ``linear``: divided by ``factor`` (Chen et al. 2023). ``llama3``: wavelengths longer
        than ``original_max_position_embeddings / low_freq_factor`` divided by ``factor``, those shorter than the same
        with ``high_freq_factor`` kept, between them linear in the frequency (Llama 3.1). ``dynamic``: a larger theta
        for texts longer than ``max_position_embeddings``; none is passed here, so it is ``default``.
    factor, low_freq_factor, high_freq_factor, original_max_position_embeddings
        Parameters; those that the type does not have are 1.
    """

    rope_type: RopeType = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 1.0
    original_max_position_embeddings: float = 1.0


UNSCALED = RopeScaling()


def inverse_frequencies(head_dim: int, theta: float, scaling: RopeScaling) -> NDArray[np.float64]:
    """Radians per position, float64 [head_dim / 2]."""
    frequencies: NDArray[np.float64] = theta ** -(np.arange(0, head_dim, 2) / head_dim)
    if scaling.rope_type == "linear":
        return frequencies / scaling.factor
    if scaling.rope_type == "llama3":
        turns = scaling.original_max_position_embeddings * frequencies / (2 * math.pi)
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        kept = np.clip((turns - low) / (high - low), 0, 1)
        return kept * frequencies + (1 - kept) * frequencies / scaling.factor
    return frequencies


def parse_rope(field: str, stated: object) -> tuple[RopeScaling, list[str]]:
    """The scaling that a config's ``rope_scaling`` or ``rope_parameters`` states, and what is wrong with it."""
    if stated is None:
        return UNSCALED, []
    if not isinstance(stated, dict):
        return UNSCALED, [f"{field}: {stated!r}, expected an object with rope_type"]
    types = [stated[key] for key in ("rope_type", "type") if stated.get(key) is not None]
    rope_type = types[0] if types else "default"
    if any(other != rope_type for other in types) or rope_type not in PARAMETERS:
        return UNSCALED, [f"{field}: {stated!r} is not supported, expected rope_type {' or '.join(PARAMETERS)}"]
    return _parameters(field, rope_type, stated)


def _parameters(field: str, rope_type: RopeType, stated: dict[str, Any]) -> tuple[RopeScaling, list[str]]:
    wanted = PARAMETERS[rope_type]
    extra = {
        key: value
        for key, value in stated.items()
        if key not in (*wanted, "rope_type", "type", "rope_theta") and value is not None
    }
    problems = [f"{field}: {extra!r} is not supported for rope_type {rope_type}"] if extra else []
    numbers: dict[str, float] = {}
    for name in wanted:
        value = stated.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
            numbers[name] = float(value)
        else:
            problems.append(f"{field}.{name}: {value!r}, expected a positive number")
    scaling = RopeScaling(rope_type, **numbers)
    if rope_type == "llama3" and not problems and scaling.low_freq_factor >= scaling.high_freq_factor:
        problems.append(
            f"{field}.low_freq_factor: {scaling.low_freq_factor}, expected less than high_freq_factor"
            f" {scaling.high_freq_factor}"
        )
    return scaling, problems
