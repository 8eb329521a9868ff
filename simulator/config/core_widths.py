"""Widths as a file writes them: ``auto``, a number of cores, or a table of names to these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from simulator.config.field_types import SLIP, Expected, broken_rule

Cores = int | Literal["auto"]
EXPECTED = "auto, a whole number of at least 1, or a mapping of names to these"
EXPECTED_ONE = "auto or a whole number of at least 1"
_ONE: dict[str, Any] = {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": SLIP}]}


def _widths(value: object) -> object:
    """``value`` itself where it is a width or a table of widths."""
    for name, width in value.items() if isinstance(value, Mapping) else [("", value)]:
        if not _is_width(width):
            raise broken_rule("", f"found {_shown(width)}{f' for {name}' if name else ''}, expected {EXPECTED}")
    return value


def _width(value: object) -> object:
    """``value`` itself where it is a width."""
    if not _is_width(value):
        raise broken_rule("", f"found {_shown(value)}, expected {EXPECTED_ONE}")
    return value


def _is_width(value: object) -> bool:
    return value == "auto" or (type(value) is int and 1 <= value <= SLIP)


def _shown(value: object) -> str:
    """A value as the file says it."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    words = {bool: str(value).lower(), str: f"text {value!r}", type(None): "nothing"}
    return words.get(type(value), str(value))


CoreWidths = Annotated[
    Cores | dict[str, Cores],
    BeforeValidator(_widths),
    Expected(EXPECTED),
    WithJsonSchema({"anyOf": [*_ONE["anyOf"], {"type": "object", "additionalProperties": _ONE}]}),
]
CoreWidth = Annotated[Cores, BeforeValidator(_width), Expected(EXPECTED_ONE), WithJsonSchema(_ONE)]
