"""The kinds of value a configuration file holds: quantities with a unit, counts, plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, core_schema

from simulator.errors import FieldValueError
from simulator.outputs.names import NAME, name_fault
from simulator.units import EXAMPLE, INSIDE, UNITS, parse_quantity, with_article


@dataclass(frozen=True)
class Quantity:
    """Marks a field that is written as a number with its unit.

    Attributes
    ----------
    dimension
        See `simulator.units.parse_quantity`.
    least
        Smallest value allowed, in the unit used inside.
    most
        Largest value allowed, as text; it keeps sums of times and sizes within 64 bits, and sums of energies finite.
    above
        Whether the smallest value itself is refused.
    """

    dimension: str
    least: int = 0
    most: str | None = None
    above: bool = False

    @property
    def expected(self) -> str:
        """``an energy such as '23.6 pJ'``."""
        return f"{with_article(self.dimension)} such as '{EXAMPLE[self.dimension]}'"

    def read(self, text: object) -> float | int:
        """The quantity in the unit used inside; FieldValueError with ``found ..., expected ...`` otherwise."""
        value = parse_quantity(text, self.dimension)
        if value < self.least or (self.above and value == self.least):
            bound = f"{'more than' if self.above else 'at least'} {self.least} {INSIDE[self.dimension]}"
        elif self.most is not None and value > parse_quantity(self.most, self.dimension):
            bound = f"at most {self.most}"
        else:
            return value
        raise FieldValueError(f"'{text}'", f"{with_article(self.dimension)} of {bound}")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Pydantic's entry point: `read` first, then the plain type."""
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """In a file it is text, whatever it is inside."""
        units = "|".join(sorted(UNITS[self.dimension]))
        return {
            "type": "string",
            "pattern": rf"^\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{{1,3}})?\s*({units})\s*$",
            "examples": [EXAMPLE[self.dimension]],
        }


@dataclass(frozen=True)
class Expected:
    """Says what a field takes where its type does not: the end of an error line."""

    expected: str


EnergyPj = Annotated[float, Quantity("energy", most="1000 J")]
TimePs = Annotated[int, Quantity("time", most="1 s")]
PowerW = Annotated[float, Quantity("power", most="1000000 W")]
LengthNm = Annotated[float, Quantity("length", most="1000 mm", above=True)]
AreaMm2 = Annotated[float, Quantity("area", most="1000000 mm2")]
SizeBytes = Annotated[int, Quantity("size", least=1, most="1 TiB")]
WidthBits = Annotated[int, Quantity("width", least=1, most="1000000 bit")]
HeaderBits = Annotated[int, Quantity("width", least=0, most="1000000 bit")]
SLIP = 1_000_000_000  # a larger number is a slip of the pen
Count = Annotated[int, Field(ge=1, le=SLIP, strict=True)]
Depth = Annotated[int, Field(ge=1, le=255, strict=True)]  # of a FIFO, whose places are counted in a byte
Places = Annotated[int, Field(ge=1, le=1 << 16, strict=True)]
Cycles = Annotated[int, Field(ge=0, le=SLIP, strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Text = Annotated[str, Field(min_length=1)]


def _named(name: str) -> str:
    """``name`` itself; the error line says what a name is."""
    if fault := name_fault(name):
        raise broken_rule("", fault)
    return name


# A part of the paths that the program writes.
Name = Annotated[str, AfterValidator(_named), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})]


RULES_APART = "rules apart"  # context of a validation whose caller checks the rules between distant fields itself


class Frozen(BaseModel):
    """Base of all records read from YAML: unknown keys refused, values never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def broken_rule(at: str, text: str) -> PydanticCustomError:
    """The error of a rule between fields: ``text`` is ``found ..., expected ...``, ``at`` its field."""
    return PydanticCustomError("rule", "{text}", {"text": text, "at": at})
