"""The axes of a sweep: lists of values, or a range to draw values from."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, PlainValidator, Tag, WithJsonSchema, model_validator

from simulator.config.field_types import Expected, Frozen, broken_rule
from simulator.errors import FieldValueError
from simulator.units import INSIDE, INTEGER, UNITS, parse_quantity, split_quantity

AxisValue = str | bool | int | float
LIST, RANGE = "<list>", "<range>"  # tags of the two kinds of axis, see `validate`


def _axis_value(value: object) -> AxisValue:
    """A text, a number, true or false, as it stands in the file."""
    if not isinstance(value, (str, int, float)):
        raise FieldValueError("another value", "text or a number")
    return value


def identity(value: object) -> tuple[bool, object]:
    """What tells a value from another one: Python holds true and 1 to be equal, a chip file does not."""
    return isinstance(value, bool), value


def value_text(value: AxisValue) -> str:
    """A value as a YAML file or ``--set`` writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


Value = Annotated[
    str | bool | int | float,
    PlainValidator(_axis_value),
    WithJsonSchema({"type": ["string", "boolean", "integer", "number"]}),
]
Values = Annotated[tuple[Value, ...], Field(min_length=1)]


class Range(Frozen):
    """All values between two ends, of which a sampling mode draws some.

    Ends with a unit give values with the unit used inside (``pJ``, ``ps``, ``B``); two whole ends give whole values.
    """

    low: Value
    high: Value
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.unit(self.low) != self.unit(self.high):
            raise broken_rule("high", f"found '{self.high}', expected the same kind of value as low: '{self.low}'")
        low, high = self.number(self.low), self.number(self.high)
        if not low < high:
            raise broken_rule("high", f"found '{self.high}', expected more than low: '{self.low}'")
        if self.scale == "log" and low <= 0:
            raise broken_rule("low", f"found '{self.low}', expected more than 0 because scale is log")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends as numbers, in the unit used inside where they have one."""
        return self.number(self.low), self.number(self.high)

    @property
    def whole(self) -> bool:
        """Whether values between are whole: between whole plain ends, or of a unit that is counted in whole ones."""
        dimension = _dimension(self.low)
        return dimension in INTEGER if dimension else all(isinstance(end, int) for end in (self.low, self.high))

    def unit(self, end: AxisValue) -> str:
        """Unit used inside for the dimension of ``end``; empty for a plain number."""
        dimension = _dimension(end)
        return INSIDE[dimension] if dimension else ""

    def number(self, end: AxisValue) -> float:
        """``end`` as a number, in the unit used inside."""
        dimension = _dimension(end)
        if dimension:
            return float(parse_quantity(end, dimension))
        if isinstance(end, str):
            raise broken_rule(
                "low" if end == self.low else "high", f"found text '{end}', expected a number or a quantity"
            )
        return float(end)

    def at(self, fraction: float) -> AxisValue:
        """The value at a ``fraction`` of the range from low to high, in [0, 1]; its text is the same everywhere."""
        low, high = self.ends
        if self.scale == "log":
            number = math.exp(math.log(low) + fraction * (math.log(high) - math.log(low)))
        else:
            number = low + fraction * (high - low)
        return self.written(min(max(number, low), high))

    def written(self, number: float) -> AxisValue:
        """``number`` as a value of the axis: rounded to whole ones or to six digits, with its unit."""
        rounded: int | float = round(number) if self.whole else float(f"{number:.6g}")
        unit = self.unit(self.low)
        return f"{rounded} {unit}" if unit else rounded


def _dimension(end: AxisValue) -> str | None:
    """Dimension of a quantity; None for a plain number or text that is no quantity."""
    unit = split_quantity(end)[1] if isinstance(end, str) else ""
    return next((name for name, units in UNITS.items() if unit in units), None) if unit else None


def _kind(axis: Any) -> str:
    """Which kind of axis ``axis`` means to be."""
    return RANGE if isinstance(axis, (dict, Range)) else LIST


Axis = Annotated[
    Annotated[Values, Tag(LIST)] | Annotated[Range, Tag(RANGE)],
    Discriminator(_kind),
    Expected("a list of values, or a mapping with the keys low, high"),
]
