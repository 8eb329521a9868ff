"""Sourced numbers of a chip file: an energy, a time or a power and where it comes from; an action with both."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from simulator.config.field_types import EnergyPj, Frozen, Positive, PowerW, Text, TimePs, broken_rule

Grade = Literal["measured", "post-layout", "pre-silicon", "published-model", "scaled", "assumed"]


class Provenance(Frozen):
    """Where a number comes from (DESIGN rule 4)."""

    source: str = Field(description="key of the file's `sources` table")
    grade: Grade
    node_nm: Positive | None = Field(default=None, description="node it was found at, when not the chip's")
    voltage: Positive | None = Field(default=None, description="supply it was found at, when not the chip's")
    note: str | None = None


class Price(Provenance):
    """Energy of one action in pJ; or the action whose published energy already contains it."""

    value: EnergyPj | None = None
    low: EnergyPj | None = None
    high: EnergyPj | None = None
    included_in: str | None = Field(default=None, description="component.action whose energy contains this one")
    model: Text | None = Field(default=None, description="the description a value was made from; not for files")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self)
        return self


class Delay(Provenance):
    """Time of one action in ps."""

    value: TimePs
    low: TimePs | None = None
    high: TimePs | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self)
        return self


class StaticPower(Provenance):
    """Power drawn whether or not anything happens, in W."""

    value: PowerW
    low: PowerW | None = None
    high: PowerW | None = None
    model: Text | None = Field(default=None, description="the description a value was made from; not for files")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_bounds(self)
        return self


def _check_bounds(record: Price | Delay | StaticPower) -> None:
    """``low <= value <= high``, where given; a number that another one contains has none."""
    value, low, high = record.value, record.low, record.high
    for name, bound in (("low", low), ("high", high)):
        if bound is not None and isinstance(record, Price) and record.included_in is not None:
            raise broken_rule(name, f"found a bound `{name}`, expected none together with `included_in`")
    if value is not None and low is not None and low > value:
        raise broken_rule("low", "found a bound above `value`, expected low <= value")
    if value is not None and high is not None and high < value:
        raise broken_rule("high", "found a bound below `value`, expected value <= high")


class Action(Frozen):
    """An elementary act with its energy and the time it keeps its stage busy."""

    energy: Price
    latency: Delay
