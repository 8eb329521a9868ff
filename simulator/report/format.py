"""Quantities for people: four significant digits and the unit that keeps the number between 1 and 1000."""

from __future__ import annotations

import math
from collections.abc import Sequence

DIGITS = 4
UNKNOWN = "n/a"

# exponent of ten relative to the unit used inside (pJ, ps, W, 1) -> symbol, smallest first
_ENERGY = ((-3, "fJ"), (0, "pJ"), (3, "nJ"), (6, "µJ"), (9, "mJ"), (12, "J"), (15, "kJ"))
_TIME = ((0, "ps"), (3, "ns"), (6, "µs"), (9, "ms"), (12, "s"))
_POWER = ((-9, "nW"), (-6, "µW"), (-3, "mW"), (0, "W"), (3, "kW"))
_COUNT = ((0, ""), (3, "k"), (6, "M"), (9, "G"), (12, "T"))
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


def format_energy(pj: float) -> str:
    """Energy given in pJ: ``1.234 mJ``."""
    return _engineering(pj, _ENERGY, " ")


def format_chips(n: object) -> str:
    """A number of chips: ``1 chip``, ``10 chips``."""
    return "1 chip" if n == 1 else f"{n} chips"


def format_time(ps: float) -> str:
    """Time given in ps: ``5.678 µs``."""
    return _engineering(ps, _TIME, " ")


def format_power(watt: float) -> str:
    """Power given in W: ``74.00 mW``."""
    return _engineering(watt, _POWER, " ")


def format_count(n: float) -> str:
    """A count: whole below 1000, then ``12.34k``, ``1.234M``."""
    if float(n).is_integer() and abs(n) < 1000:
        return str(int(n))
    return _engineering(n, _COUNT, "")


def format_share(share: float) -> str:
    """A share in [0, 1] as per cent: ``12.3%``; one above nothing that rounds to nothing is ``<0.1%``."""
    if math.isnan(share):
        return UNKNOWN
    return "<0.1%" if 0 < share < 0.0005 else f"{100 * share:.1f}%"


def format_ratio(ratio: float) -> str:
    """How many times: ``3.79x``, ``0.0123x``."""
    return f"{_significant(ratio, 3)}x" if math.isfinite(ratio) else UNKNOWN


def format_change(what: str, before: float, after: float) -> str:
    """What happened to a number: ``price 40 % lower``, and beyond a factor of two ``2.00x the price``."""
    ratio = after / before if before else math.nan
    if not 0.5 < ratio < 2:
        return f"{format_ratio(ratio)} the {what}"
    return f"{what} {100 * abs(ratio - 1):.3g} % {'higher' if ratio > 1 else 'lower'}"


def format_bytes(n: float) -> str:
    """A size in bytes with binary prefixes: ``128 KiB``, ``1.5 MiB``."""
    power = min(max(math.frexp(n)[1] - 1, 0) // 10, len(_BINARY) - 1) if n > 0 else 0
    return f"{n / 1024**power:.{DIGITS}g} {_BINARY[power]}"


def format_quantity(value: float, dimension: str) -> str:
    """A quantity of a chip file (`simulator.units`) in the unit used inside: ``23.60 pJ``, ``128 KiB``, ``32 bit``."""
    written = {"energy": format_energy, "time": format_time, "power": format_power, "size": format_bytes}
    units = {"length": "nm", "width": "bit", "area": "mm²"}
    return written[dimension](value) if dimension in written else f"{value:.{DIGITS}g} {units[dimension]}"


def _engineering(value: float, units: Sequence[tuple[int, str]], gap: str) -> str:
    """``value`` with `DIGITS` significant digits in the largest unit that leaves at least 1 before the point."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return f"0{gap}{dict(units)[0]}"
    rounded = float(f"{value:.{DIGITS - 1}e}")  # 999.96 becomes 1000, and with it the next unit
    exponent, symbol = max((u for u in units if abs(rounded) >= _ten(u[0])), default=units[0])
    return f"{_significant(rounded / _ten(exponent), DIGITS)}{gap}{symbol}"


def _ten(exponent: int) -> float:
    """Ten to a power, the nearest float."""
    return float(f"1e{exponent}")


def _significant(value: float, digits: int) -> str:
    """``value`` with ``digits`` significant digits, without an exponent where it is of ordinary size."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if not -4 <= magnitude < 7:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(digits - 1 - magnitude, 0)}f}"
