"""Constraints of a sweep: ``area.total < 100 mm2`` as a key of the result, a comparison and a number."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simulator.units import UNITS, parse_quantity, split_quantity, with_article

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# ending of a result key -> dimension of its number
ENDINGS = {"_pj": "energy", "_ps": "time", "_w": "power", "_mm2": "area", "_bytes": "size", "_bits": "width"}
EXPECTED = "expected a result key, one of <, <=, >, >= and a number or quantity, such as 'latency.per_token < 1 ms'"
_CONSTRAINT = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*(<=|>=|<|>)\s*(.+?)\s*")


@dataclass(frozen=True)
class Constraint:
    """One bound on a number of the result.

    Attributes
    ----------
    text
        As written.
    key
        Dotted key; the ending that names its unit may be left out (`full_key`).
    sign
        ``<``, ``<=``, ``>`` or ``>=``.
    bound
        In the unit used inside.
    dimension
        Of the bound; None for a plain number.
    """

    text: str
    key: str
    sign: str
    bound: float
    dimension: str | None

    def full_key(self, known: Iterable[str]) -> str | None:
        """The result key meant: as written, or with the ending of the bound's unit; None when there is none."""
        names = set(known)
        endings = [ending for ending, dimension in ENDINGS.items() if dimension == self.dimension]
        return next((name for name in (self.key, *(self.key + ending for ending in endings)) if name in names), None)

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps the bound."""
        return COMPARE[self.sign](value, self.bound)

    def excess(self, value: float) -> float:
        """How far ``value`` is beyond the bound; at most 0 where it is not."""
        return value - self.bound if self.sign.startswith("<") else self.bound - value


def parse_constraint(text: str) -> Constraint:
    """Read one constraint.

    Raises
    ------
    ValueError
        With ``found ..., expected ...``.
    """
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        raise ValueError(f"found '{text}', {EXPECTED}")
    key, sign, amount = match.groups()
    ending = next((e for e in ENDINGS if key.endswith(e)), None)
    number, unit = split_quantity(amount)
    if number and not unit:
        return Constraint(text, key, sign, float(number), None if ending is None else ENDINGS[ending])
    dimension = next((name for name, units in UNITS.items() if unit in units), None)
    if dimension is None:
        raise ValueError(f"found '{amount}' in '{text}', {EXPECTED}")
    if ending is not None and ENDINGS[ending] != dimension:
        raise ValueError(
            f"found {with_article(dimension)} '{amount}' for {key}, expected {with_article(ENDINGS[ending])}"
        )
    return Constraint(text, key, sign, float(parse_quantity(amount, dimension)), dimension)
