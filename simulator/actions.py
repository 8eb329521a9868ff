"""Every component and action that a chip is billed for: one row each, and the only place that lists their names.

Chip files, traces, the engine, the ledger and all reports read `COMPONENTS` and `ACTIONS`. They read them when they are
used and keep no copy, so a row added here is counted, priced and printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

INK = "#1a1a1a"


class Look(NamedTuple):
    """How the figures draw a component: its colour, its hatching, and the colour of hatching and outline."""

    color: str
    hatch: str
    edge: str = "white"


@dataclass(frozen=True)
class Component:
    """A part of the chip that actions belong to.

    Attributes
    ----------
    look
        Its fill in the figures (Okabe and Ito 2008 plus greys); neighbours in a stack differ in hatching too.
    step
        Step of the bridge that pays for its actions (`simulator.report.bridge.STEPS`).
    layer_step
        The step when a linear layer owns the action; None for the same.
    counted
        What one count of its actions is.
    column
        Its column of energy on the terminal, shared by those of the same name; None for none.
    unit
        Whether it is a unit of each core, whose busy and idle time is reported.
    of_ops
        Whether the ops of a trace may name its actions.
    chip_row
        Name of its row in figures when the chip as a whole pays for it; None for the name of the component.
    summary
        Row of the tables of a paper that its actions belong to, one of `SUMMARY_ROWS`.
    """

    look: Look
    step: str
    layer_step: str | None = None
    counted: str = "operation"
    column: str | None = None
    unit: bool = False
    of_ops: bool = False
    chip_row: str | None = None
    summary: str = "compute"


@dataclass(frozen=True)
class Action:
    """A countable event of the hardware.

    Attributes
    ----------
    component, action
        Its name in the ledger, in two parts.
    path
        Keys of the chip file that lead to its price.
    step
        Step of the bridge that pays for it; None for that of its component.
    summary
        Row of the tables of a paper; None for that of its component.
    """

    component: str
    action: str
    path: tuple[str, ...]
    step: str | None = None
    summary: str | None = None

    @property
    def place(self) -> str:
        """``path`` as the messages write it: ``core.synapse.synop.energy``."""
        return ".".join(self.path)


# Rows of the tables of a paper, in their order, and the component whose look they take.
SUMMARY_ROWS = {
    "compute": "synapse",
    "memory": "memory",
    "network": "noc",
    "non-spiking": "vector",
    "static": "static",
}

# In the order of the figures, which is that of the pipeline of a core.
COMPONENTS: dict[str, Component] = {
    "axon_in": Component(Look("#56B4E9", "", INK), "routing", column="synapse", unit=True, summary="network"),
    "synapse": Component(Look("#0072B2", "//"), "membrane", column="synapse", unit=True),
    "dendrite": Component(Look("#009E73", ""), "membrane", column="synapse", unit=True),
    "soma": Component(Look("#E69F00", "\\\\", INK), "neurons", "membrane", column="soma", unit=True),
    "axon_out": Component(Look("#F0E442", "..", INK), "routing", column="network", unit=True, summary="network"),
    "noc": Component(Look("#D55E00", "xx"), "routing", counted="flit", column="network", summary="network"),
    "vector": Component(
        Look("#CC79A7", "", INK), "vector", column="vector", unit=True, of_ops=True, summary="non-spiking"
    ),
    "memory": Component(
        Look("#000000", "--"), "memory", counted="bit", column="vector", unit=True, of_ops=True, summary="memory"
    ),
    "sram": Component(Look("#4d4d4d", "||"), "memory", counted="word", column="vector", unit=True, summary="memory"),
    "dram": Component(Look("#8b4513", "oo"), "memory", "links", counted="bit", summary="memory"),
    "sync": Component(Look("#6e6e6e", "++"), "static", chip_row="barriers", summary="static"),
    "static": Component(
        Look("#c8c8c8", "//", INK), "static", counted="chip-ps", chip_row="static power", summary="static"
    ),
}

_ROWS = (
    Action("axon_in", "lookup", ("core", "axon_in", "lookup", "energy")),
    Action("synapse", "word_read", ("core", "synapse", "word_read", "energy"), "weight_fetch", "memory"),
    Action("synapse", "synop", ("core", "synapse", "synop", "energy")),
    Action("dendrite", "accumulate", ("core", "dendrite", "accumulate", "energy"), "accumulate"),
    Action("dendrite", "multiply_accumulate", ("core", "dendrite", "multiply_accumulate", "energy"), "accumulate"),
    Action("dendrite", "reduce", ("core", "dendrite", "reduce", "energy")),
    Action("dendrite", "accumulator_read", ("core", "dendrite", "accumulator_read", "energy"), summary="memory"),
    Action("dendrite", "accumulator_write", ("core", "dendrite", "accumulator_write", "energy"), summary="memory"),
    Action("soma", "update", ("core", "soma", "update", "energy")),
    Action("soma", "update_idle", ("core", "soma", "update_idle", "energy")),
    Action("soma", "fire", ("core", "soma", "fire", "energy")),
    Action("axon_out", "packet", ("core", "axon_out", "packet", "energy")),
    Action("noc", "hop_x", ("noc", "hop_x")),
    Action("noc", "hop_y", ("noc", "hop_y")),
    Action("noc", "local", ("noc", "local")),
    Action("noc", "chip_hop", ("noc", "chip_link", "hop"), "links"),
    Action("vector", "add", ("vector", "add", "energy")),
    Action("vector", "mul", ("vector", "mul", "energy")),
    Action("vector", "mac", ("vector", "mac", "energy")),
    Action("vector", "compare", ("vector", "compare", "energy")),
    Action("vector", "exp", ("vector", "exp", "energy")),
    Action("vector", "div", ("vector", "div", "energy")),
    Action("memory", "read", ("memory", "read")),
    Action("memory", "write", ("memory", "write")),
    Action("dram", "read", ("dram", "read")),
    Action("dram", "write", ("dram", "write")),
    Action("sram", "read", ("core", "sram", "read", "energy")),
    Action("sram", "write", ("core", "sram", "write", "energy")),
    Action("sync", "barrier", ("sync", "barrier", "energy")),
    # In W and counted in chip-picoseconds: 1 W x 1 ps = 1 pJ, like all the others. `power` is one figure for the whole
    # chip, the others are its parts.
    Action("static", "power", ("chip", "static_power")),
    Action("static", "core", ("static", "core")),
    Action("static", "lanes", ("static", "lanes")),
    Action("static", "sram", ("static", "sram")),
    Action("static", "accumulators", ("static", "accumulators")),
    Action("static", "vector", ("static", "vector")),
    Action("static", "memory", ("static", "memory")),
    Action("static", "router", ("static", "router")),
    Action("static", "dram", ("static", "dram")),
    Action("static", "base", ("static", "base")),
)
STATIC = "static"  # the component whose prices are powers
# component.action of the ledger -> its row, in the order of the columns of a report
ACTIONS: dict[str, Action] = {f"{row.component}.{row.action}": row for row in _ROWS}


def billed_components() -> tuple[str, ...]:
    """Components in the order in which `ACTIONS` names them first."""
    return tuple(dict.fromkeys(row.component for row in ACTIONS.values()))


def static_actions() -> tuple[str, ...]:
    """``component.action`` of everything that draws power whether or not anything happens."""
    return tuple(name for name, row in ACTIONS.items() if row.component == STATIC)


def is_power(name: str) -> bool:
    """Whether the price of ``component.action`` is a power in W, counted in chip-ps."""
    return name.partition(".")[0] == STATIC


def op_actions() -> tuple[str, ...]:
    """``component.action`` that the ops of a trace may name: work of the vector unit and bits it moves."""
    return tuple(name for name, row in ACTIONS.items() if COMPONENTS[row.component].of_ops)


def core_units() -> tuple[str, ...]:
    """Units of each core, in the order of its pipeline."""
    return tuple(name for name, component in COMPONENTS.items() if component.unit)


def terminal_columns() -> dict[str, tuple[str, ...]]:
    """Column of energy on the terminal -> the components that it adds up."""
    named = [(component.column, name) for name, component in COMPONENTS.items()]
    columns = dict.fromkeys(column for column, _ in named if column is not None)
    return {column: tuple(name for of, name in named if of == column) for column in columns}


def bridge_step(component: str, action: str, of_layer: bool) -> str:
    """Key of the step of the bridge that pays for an action; a component without a row is a step of its own.

    ``of_layer`` says that a linear layer owns the action. Its neurons hold its sums and its DRAM traffic is weights;
    those of a stage or op encode, and move a cache or table.
    """
    row, part = ACTIONS.get(f"{component}.{action}"), COMPONENTS.get(component)
    if row is not None and row.step is not None:
        return row.step
    if part is None:
        return component
    return part.layer_step or part.step if of_layer else part.step


def summary_row(name: str) -> str:
    """Row of the tables of a paper (`SUMMARY_ROWS`) of ``component.action``; what is not known is compute."""
    row, part = ACTIONS.get(name), COMPONENTS.get(name.partition(".")[0])
    if row is not None and row.summary is not None:
        return row.summary
    return "compute" if part is None else part.summary


def record_at(chip: object, path: Sequence[str]) -> object:
    """What stands at ``path`` of a chip; None when an optional part on the path (``noc.chip_link``) is absent."""
    for key in path:
        chip = getattr(chip, key)
        if chip is None:
            return None
    return chip
