"""Rotary position: the angular frequency of each pair of values, with the scalings by which models lengthen it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from simulator.arrays import F64
from simulator.model.numbers import is_positive, shown

RopeType = Literal["default", "linear", "dynamic", "llama3", "yarn", "divisors"]
# Parameters that each type needs, and those that it may have (names as in transformers).
REQUIRED: dict[RopeType, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
    "yarn": ("factor",),
}
ORIGINAL = "original_max_position_embeddings"
OPTIONAL: dict[RopeType, tuple[str, ...]] = {
    "llama3": (ORIGINAL,),
    "yarn": (ORIGINAL, "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"),
}
# Keys of the object that are no parameters of a scaling.
OTHER_KEYS = ("rope_type", "type", "rope_theta", "partial_rotary_factor")


@dataclass(frozen=True)
class RopeScaling:
    """How the frequencies ``theta**(-2j / hd)`` of a model are changed.

    Attributes
    ----------
    rope_type
        ``default``: not at all. ``linear``: divided by ``factor`` (Chen et al. 2023). ``llama3``: wavelengths longer
        than ``original_max_position_embeddings / low_freq_factor`` divided by ``factor``, those shorter than the same
        with ``high_freq_factor`` kept, between them linear in the frequency (Llama 3.1). ``yarn``: frequencies of more
        than ``beta_fast`` turns in the original context kept, those of less than ``beta_slow`` divided by ``factor``,
        between them linear in the index of the pair (Peng et al. 2023). ``dynamic``: a larger theta for texts longer
        than ``max_position_embeddings``; none is passed here, so it is ``default``. ``divisors``: each frequency
        divided by its own number (GGUF files of Llama 3.1 and later).
    factor, low_freq_factor, high_freq_factor, original_max_position_embeddings, beta_fast, beta_slow
        Parameters; those that the type does not have are 1.
    truncate
        Whether yarn rounds the ends of its range to whole pairs.
    attention_factor
        Factor on cosines and sines.
    divisors
        One for each pair.
    """

    rope_type: RopeType = "default"
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 1.0
    original_max_position_embeddings: float = 1.0
    beta_fast: float = 1.0
    beta_slow: float = 1.0
    truncate: bool = True
    attention_factor: float = 1.0
    divisors: tuple[float, ...] = ()


UNSCALED = RopeScaling()


def inverse_frequencies(head_dim: int, theta: float, scaling: RopeScaling) -> F64:
    """Radians per position, float64 [head_dim / 2]."""
    frequencies: F64 = theta ** -(np.arange(0, head_dim, 2) / head_dim)
    if scaling.rope_type == "linear":
        return frequencies / scaling.factor
    if scaling.rope_type == "divisors":
        return frequencies / np.array(scaling.divisors, np.float64)
    if scaling.rope_type in ("llama3", "yarn"):
        kept = (
            _kept_llama3(frequencies, scaling)
            if scaling.rope_type == "llama3"
            else _kept_yarn(theta, head_dim, scaling)
        )
        return kept * frequencies + (1 - kept) * frequencies / scaling.factor
    return frequencies


def _kept_llama3(frequencies: F64, scaling: RopeScaling) -> F64:
    """Share of each frequency that is kept, float64 [head_dim / 2]."""
    turns = scaling.original_max_position_embeddings * frequencies / (2 * math.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    return np.asarray(np.clip((turns - low) / (high - low), 0, 1))


def _kept_yarn(theta: float, head_dim: int, scaling: RopeScaling) -> F64:
    """The same (Peng et al. 2023, equations 17 to 23, with the ends of the range as transformers rounds them)."""

    def pair_of(turns: float) -> float:
        context = scaling.original_max_position_embeddings
        return head_dim * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low, high = pair_of(scaling.beta_fast), pair_of(scaling.beta_slow)
    if scaling.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    high += 0.001 if low == high else 0  # as transformers avoids the division by zero
    return np.asarray(1 - np.clip((np.arange(head_dim // 2) - low) / (high - low), 0, 1))


def parse_rope(
    field: str, stated: object, context: float, top_original: object = None
) -> tuple[RopeScaling, list[str], list[str]]:
    """The scaling that a config's ``rope_scaling`` or ``rope_parameters`` states, its problems and warnings.

    Parameters
    ----------
    field
        Which of the two, for the messages.
    stated
        Its value.
    context
        ``max_position_embeddings``: the original context where none is stated.
    top_original
        ``original_max_position_embeddings`` of the config itself, which some publishers put there.
    """
    if stated is None:
        return UNSCALED, [], []
    if isinstance(stated, RopeScaling):
        return stated, [], []
    if not isinstance(stated, dict):
        return UNSCALED, [f"{field}: {shown(stated)}, expected an object with rope_type"], []
    types = [stated[key] for key in ("rope_type", "type") if stated.get(key) is not None]
    rope_type = types[0] if types else "default"
    if any(other != rope_type for other in types) or not isinstance(rope_type, str) or rope_type not in REQUIRED:
        return UNSCALED, [f"{field}: {shown(stated)} is not supported, expected rope_type {' or '.join(REQUIRED)}"], []
    kind: RopeType = rope_type
    numbers, problems = _parameters(field, kind, stated)
    warnings: list[str] = []
    if ORIGINAL in OPTIONAL.get(kind, ()):
        numbers[ORIGINAL] = _original(field, numbers.get(ORIGINAL), top_original, context, problems, warnings)
    scaling = _scaling(kind, numbers, stated.get("truncate") is not False)
    return scaling, problems + ([] if problems else _out_of_order(field, scaling)), warnings


def _parameters(field: str, kind: RopeType, stated: dict[str, Any]) -> tuple[dict[str, float], list[str]]:
    """The numbers that the type has, and what is wrong with the object."""
    needed, possible = REQUIRED[kind], OPTIONAL.get(kind, ())
    extra = {k: v for k, v in stated.items() if k not in (*needed, *possible, *OTHER_KEYS) and v is not None}
    problems = [f"{field}: {shown(extra)} is not supported for rope_type {kind}"] if extra else []
    if stated.get("partial_rotary_factor") not in (None, 1):
        problems.append(
            f"{field}.partial_rotary_factor: {shown(stated['partial_rotary_factor'])} is not supported, expected 1"
        )
    if stated.get("truncate") not in (None, True, False):
        problems.append(f"{field}.truncate: {shown(stated['truncate'])}, expected true or false")
    numbers: dict[str, float] = {}
    for name in (*needed, *possible):
        value = stated.get(name)
        if name == "truncate" or (value is None and name in possible):
            continue
        if is_positive(value):
            numbers[name] = float(value)
        else:
            numbers[name] = 1.0
            problems.append(f"{field}.{name}: {shown(value)}, expected a positive number")
    return numbers, problems


def _original(
    field: str, nested: float | None, top: object, context: float, problems: list[str], warnings: list[str]
) -> float:
    """Context of the model before it was lengthened; ``max_position_embeddings`` where it is not stated."""
    if top is not None and not is_positive(top):
        problems.append(f"{ORIGINAL}: {shown(top)}, expected a positive number")
        return 1.0
    values: list[float] = [value for value in (nested, top) if value is not None]
    if len(values) == 2 and values[0] != values[1]:
        problems.append(f"{ORIGINAL}: {shown(top)}, but {field} states {nested!r}; remove one of them")
    if not values:
        warnings.append(f"{field}: no {ORIGINAL}, assumed max_position_embeddings = {context:g}")
    return float(values[0]) if values else float(context)


def _scaling(kind: RopeType, numbers: dict[str, float], truncate: bool) -> RopeScaling:
    scaling = RopeScaling(kind)
    if kind == "yarn":
        mscale, over_all = (numbers.pop(name, 0.0) for name in ("mscale", "mscale_all_dim"))
        factor = numbers["factor"]
        both = _mscale(factor, mscale) / _mscale(factor, over_all) if mscale and over_all else _mscale(factor, 1)
        scaling = replace(scaling, truncate=truncate, beta_fast=32.0, beta_slow=1.0, attention_factor=both)
    return replace(scaling, **numbers)  # type: ignore[arg-type]  # numbers holds none of the other types


def _mscale(factor: float, weight: float) -> float:
    """Temperature of attention (Peng et al. 2023, equation 22): ``0.1 * weight * ln(factor) + 1``."""
    return 0.1 * weight * math.log(factor) + 1 if factor > 1 else 1.0


def _out_of_order(field: str, scaling: RopeScaling) -> list[str]:
    """Ends of a range that do not stand in their order."""
    low, high = {
        "llama3": ("low_freq_factor", "high_freq_factor"),
        "yarn": ("beta_slow", "beta_fast"),
    }.get(scaling.rope_type, ("factor", "factor"))
    a, b = getattr(scaling, low), getattr(scaling, high)
    return [] if low == high or a < b else [f"{field}.{low}: {a}, expected less than {high} {b}"]
