"""A measurement on silicon as data: what was published, and what is replayed for it; one YAML file each.

The files lie in ``simulator/energy/silicon``. No price of a chip file is fitted to the case that it is tested on; a
part that was used for fitting says so by its role.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.config.field_types import Count, Frozen, Positive, Text, broken_rule
from simulator.config.validate import validate
from simulator.config.yaml_marks import read_marked
from simulator.shipped import shipped_silicon
from simulator.trace.codes import Code
from simulator.units import UNITS

What = Literal["dynamic energy", "energy", "static power", "power", "time", "cores", "chips", "price"]
Role = Literal["independent", "held out", "derived", "lower bound", "fitted"]
DIMENSION: dict[What, str] = {
    "dynamic energy": "energy",
    "energy": "energy",
    "price": "energy",
    "static power": "power",
    "power": "power",
    "time": "time",
}
Error = Annotated[float, Field(strict=False)]


class Setting(Frozen):
    """A value set on the chip file, and why."""

    path: Text
    value: str = Field(coerce_numbers_to_str=True)
    why: Text


class Events(Frozen):
    """The published events as a synthetic trace of linear layers (`simulator.energy.silicon_trace`)."""

    pattern: Literal["full", "poisson", "once"] = "full"
    layers: tuple[tuple[Count, Count], ...] = Field(min_length=1, description="[inputs, outputs] of each layer")
    repeat: Count = Field(default=1, description="how often the layers follow one another")
    code: Code
    levels: Count
    tokens: Count = 1
    mean_count: float = Field(default=1.0, ge=0, description="of the pattern poisson")
    spikes: Count | None = Field(default=None, description="of the pattern once: inputs that spike, each once")
    weight_bits: Count = 8
    seed: int = Field(default=0, ge=0)


class Density(Frozen):
    """Share of the weights that are not zero, on a chip that skips the others."""

    value: Positive
    low: Positive
    high: Positive
    why: Text


class Part(Frozen):
    """One published number of a case.

    ``recorded`` is the error in per cent that was found when the table was last recorded.
    """

    what: What
    of: Text = Field(description="the quantity in words")
    measured: Positive
    unit: Text
    times: Positive = Field(default=1.0, description="equal parts of the machine that one replay stands for")
    without: tuple[Text, ...] = Field(default=(), description="rows of the ledger left out, '<component> <owner>'")
    price: Text | None = Field(default=None, description="component.action, for what: price")
    role: Role = "independent"
    target: Positive | None = Field(default=None, description="largest allowed error, per cent")
    recorded: Error

    @model_validator(mode="after")
    def _units(self) -> Self:
        dimension = DIMENSION.get(self.what)
        units = UNITS[dimension] if dimension else {"cores": 1, "chips": 1}
        if self.unit not in units:
            raise broken_rule("unit", f"found '{self.unit}', expected one of {', '.join(units)}")
        if (self.what == "price") != (self.price is not None):
            raise broken_rule("price", "expected `price` with what: price, and with nothing else")
        return self


class Point(Frozen):
    """One operating point: its settings and events besides those of the case, and what was published of it."""

    name: Text
    settings: tuple[Setting, ...] = ()
    events: dict[str, object] = Field(default={}, description="fields of `events` that differ here")
    on_request: bool = Field(default=False, description="replayed only with --whole-chip, because it takes minutes")
    parts: dict[str, Part] = Field(min_length=1)
    notes: tuple[Text, ...] = Field(default=(), description="with {names} of facts and of parts")


class SiliconCase(Frozen):
    """A measured workload.

    ``given`` holds published numbers and readings of them by name; ``facts`` are formulas over these, over
    ``measured.PART``, ``simulated.PART``, ``error.PART`` (a fraction), ``count.COMPONENT_ACTION``,
    ``energy.COMPONENT_ACTION`` (pJ), ``price.COMPONENT_ACTION`` and ``share.PART`` (of the time: compute, network,
    transfer, vector, barrier) of a point. Notes show any of them.
    """

    name: Text
    source: Text
    grade: Text = Field(description="how the published number was obtained")
    chip: Text
    given: dict[str, float] = Field(default={})
    settings: tuple[Setting, ...] = ()
    events: Events | None = Field(default=None, description="absent where prices alone are compared")
    stages_on_chip: Count | None = Field(default=None, description="number of stages that begin on a chip of their own")
    spread: int | None = Field(default=None, ge=0, description="seed to put the cores at random routers of the mesh")
    density: Density | None = None
    facts: dict[str, Text] = Field(default={})
    points: tuple[Point, ...] = Field(min_length=1)
    notes: tuple[Text, ...] = ()


def load_silicon_case(path: Path) -> SiliconCase:
    """Read one case; raises ConfigError with every problem at its line."""
    root, problems = read_marked(path, path.name)
    return validate(SiliconCase, root, problems, lambda values: ())


def silicon_cases() -> tuple[SiliconCase, ...]:
    """All shipped cases, in the order of their files."""
    return tuple(load_silicon_case(path) for path in shipped_silicon().values())
