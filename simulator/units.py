"""Quantities with units, as a chip file writes them: ``23.6 pJ``, ``3.5 ns``, ``128 KiB``.

Inside the program an energy is float pJ, a time int ps, a size int bytes, a width int bits, a power float W, a length
float nm and an area float mm2.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache

from simulator.errors import FieldValueError, did_you_mean

SI = {"f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9}


def _scaled(symbol: str, prefixes: str, base_exponent: int) -> dict[str, Fraction]:
    """Factors to the base unit, exact, for ``symbol`` under each of the SI ``prefixes`` (``-`` for no prefix)."""
    names = ["" if p == "-" else p for p in prefixes]
    return {p + symbol: Fraction(10) ** (SI[p] - base_exponent) for p in names}


# dimension -> unit -> exact factor to the unit used inside
UNITS: dict[str, dict[str, Fraction]] = {
    "energy": _scaled("J", "fpnuµm-", -12),
    "time": _scaled("s", "fpnuµm-", -12),
    "power": _scaled("W", "npuµm-", 0),
    "size": {"B": Fraction(1), "byte": Fraction(1), "bytes": Fraction(1)}
    | {f"{p}iB": Fraction(1024) ** (i + 1) for i, p in enumerate("KMGT")}
    | {f"{p}B": Fraction(1000) ** (i + 1) for i, p in enumerate("kMGT")},
    "length": _scaled("m", "nuµm", -9),
    "width": {"bit": Fraction(1), "bits": Fraction(1), "B": Fraction(8), "byte": Fraction(8), "bytes": Fraction(8)},
    "area": {"um2": Fraction(1, 10**6), "µm2": Fraction(1, 10**6), "mm2": Fraction(1), "cm2": Fraction(100)},
}
EXAMPLE = {
    "energy": "23.6 pJ",
    "time": "3.5 ns",
    "power": "74 mW",
    "size": "128 KiB",
    "length": "45 nm",
    "area": "0.4 mm2",
    "width": "64 bit",
}
INSIDE = {"length": "nm", "area": "mm2", "energy": "pJ", "time": "ps", "power": "W", "size": "B", "width": "bit"}
PS_PER_S = 1_000_000_000_000
INTEGER = {"time", "size", "width"}

_QUANTITY = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*([A-Za-zµ]*2?)\s*")
_LONGEST = 64  # characters; longer ones would only serve to make exact arithmetic slow


def with_article(dimension: str) -> str:
    """``an energy``, ``a time``."""
    return f"an {dimension}" if dimension[0] in "aeiou" else f"a {dimension}"


def parse_quantity(text: object, dimension: str) -> float | int:
    """Read ``text`` as a quantity of ``dimension`` and convert it to the unit used inside.

    Parameters
    ----------
    text
        What the file holds: ``"23.6 pJ"``. Anything else is refused, a bare number too: a number without its unit is
        the mistake this function exists for.
    dimension
        One of ``energy`` (to pJ), ``time`` (to ps), ``power`` (to W), ``size`` (to bytes), ``length`` (to nm), ``area``
        (to mm2), ``width`` (to bits).

    Raises
    ------
    FieldValueError
        With ``found ..., expected ...`` in the words of the error lines of the configuration.
    """
    expected = f"{with_article(dimension)} such as '{EXAMPLE[dimension]}'"
    if isinstance(text, (int, float)) and not isinstance(text, bool) and math.isfinite(text):
        raise FieldValueError(f"{text}", expected, "without a unit")
    if not isinstance(text, str):
        raise FieldValueError(f"{text!r}", expected)
    return _parse(text, dimension, expected)


@lru_cache(maxsize=4096)  # the points of a sweep say the same again and again
def _parse(text: str, dimension: str, expected: str) -> float | int:
    text = text.replace("\u03bc", "µ")  # the Greek letter looks like the micro sign
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise FieldValueError(f"'{text}'", expected)
    number, unit = match.groups()
    if not unit:
        raise FieldValueError(f"'{text}'", expected, "without a unit")
    if unit not in UNITS[dimension]:
        raise _wrong_unit(text, unit, dimension, expected)
    return _inside(Fraction(number) * UNITS[dimension][unit], dimension, text)


def split_quantity(text: str) -> tuple[str, str]:
    """Number and unit of ``text`` as they are written, the unit not checked; both empty when it is no quantity."""
    match = _QUANTITY.fullmatch(text.replace("\u03bc", "µ")) if len(text) <= _LONGEST else None
    return (match[1], match[2]) if match else ("", "")


def _wrong_unit(text: str, unit: str, dimension: str, expected: str) -> FieldValueError:
    """What to say of a unit that does not measure ``dimension``: it may be one of another, or misspelt."""
    other = [name for name, units in UNITS.items() if unit in units]
    if other:
        return FieldValueError(f"'{text}', which is {with_article(other[0])}", expected)
    plain = unit.lower().replace("i", "")
    alike = [known for known in UNITS[dimension] if known.lower().replace("i", "") == plain]
    if alike:
        hint = f" (did you mean {' or '.join(repr(known) for known in alike)}?)"
    else:
        hint = did_you_mean(unit, UNITS[dimension])
    return FieldValueError(f"unknown unit '{unit}' in '{text}'", expected + hint)


def _inside(exact: Fraction, dimension: str, text: str) -> float | int:
    """The exact value as the type used inside; a time, size or width must come out whole."""
    if dimension in INTEGER:
        if exact.denominator != 1:
            raise FieldValueError(f"'{text}'", f"a whole multiple of 1 {INSIDE[dimension]}")
        return int(exact)
    try:
        return float(exact)
    except OverflowError:
        raise FieldValueError(f"'{text}'", f"{with_article(dimension)} that a computer can hold") from None
