"""The rows of an Accelergy energy reference table (ERT), each with its place; rows that contradict others are refused.

The format is that of Accelergy 0.4: ``ERT: {version, tables: [{name, actions: [{name, arguments, energy}]}]}``. An
action may have several rows, one for each set of ``arguments``; a chip has one price for it, so these must agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from simulator.actions import ACTIONS, billed_components
from simulator.config.source_position import Place, Problem, in_order
from simulator.config.yaml_marks import ListNode, MapNode, Node, ScalarNode, plain, read_marked, shown_value
from simulator.errors import ConfigError

LEAK = "leak"
INCLUDED_IN = "included_in"  # our own key of a row: the action whose energy contains this one
LARGEST_PJ = 1e15  # 1 kJ
_INDEX = re.compile(r"\[[^\]]*\]")  # of `pe[0..3].synapse`: the instances of a component


@dataclass(frozen=True)
class ErtRow:
    """One row of one table.

    Attributes
    ----------
    place
        Where the row stands.
    table, action
        Names of the table and of the action, as written.
    arguments
        The arguments of the action, as text; empty when there are none.
    energy_pj
        Energy of one action.
    included_in
        The action whose energy contains this one (`simulator.energy.accelergy.ert_text` writes it), or None.
    """

    place: Place
    table: str
    action: str
    arguments: str
    energy_pj: float
    included_in: str | None

    @property
    def path(self) -> str:
        """Name of the table without the numbers of instances: ``system.pe.synapse``."""
        return _INDEX.sub("", self.table)

    @property
    def component(self) -> str:
        """Last part of the name of the table."""
        return self.path.rpartition(".")[2]

    @property
    def price(self) -> str:
        """``component.action``."""
        return f"{self.component}.{self.action}"

    def __str__(self) -> str:
        """``file:line:column: table.action``."""
        return f"{self.place}: {self.table}.{self.action}"


def read_ert_rows(path: Path) -> list[ErtRow]:
    """Every row of an ERT file, in its order.

    Raises
    ------
    ConfigError
        With every problem of the file, one line each: what is no ERT, energies that are no numbers of pJ, several rows
        of one price with different energies, and several components of one name.
    """
    tree, problems = read_marked(path, str(path))
    found = [*problems]
    rows = [row for table in _tables(tree) for row in _rows(table, found)]
    found += [*_contradictions(rows), *_namesakes(rows)]
    if found:
        raise ConfigError(in_order(found))
    return rows


def _tables(tree: Node) -> tuple[Node, ...]:
    """The tables of the file. Raises ConfigError when it is no ERT."""
    keys = tree.items if isinstance(tree, MapNode) else {}
    entry = keys.get("ERT")
    help_ = " (this is the summary, with averages; the table is in ERT.yaml)" if "ERT_summary" in keys else ""
    if entry is None or not isinstance(entry.node, MapNode) or "tables" not in entry.node.items:
        text = f"found no ERT with tables, expected an Accelergy energy reference table{help_}"
        raise ConfigError([str(Problem(tree.place, (), text))])
    tables = entry.node.items["tables"].node
    if not isinstance(tables, ListNode):
        text = f"found {shown_value(tables)}, expected a list of tables, as Accelergy 0.4 writes it"
        raise ConfigError([str(Problem(tables.place, ("ERT", "tables"), text))])
    return tables.items


def _rows(table: Node, problems: list[Problem]) -> Iterator[ErtRow]:
    """The rows of one table; what is wrong with it goes to ``problems``."""
    name = _text(table, "name", "table", problems)
    actions = _value(table, "actions")
    if name is None or actions is None or (isinstance(actions, ScalarNode) and actions.value is None):
        return  # a table without actions: a component that Accelergy knows only the area of
    if not isinstance(actions, ListNode):
        problems.append(Problem(actions.place, (), f"{name}: found {shown_value(actions)}, expected a list of actions"))
        return
    for action in actions.items:
        of_action = _text(action, "name", f"row of {name}", problems)
        if of_action is not None and isinstance(action, MapNode):
            yield from _row(name, of_action, action, problems)


def _row(table: str, action: str, node: MapNode, problems: list[Problem]) -> Iterator[ErtRow]:
    energy, included_in = _value(node, "energy"), _value(node, INCLUDED_IN)
    value = energy.value if isinstance(energy, ScalarNode) else None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and 0 <= value <= LARGEST_PJ:  # type: ignore[operator]
        contained = included_in.value if isinstance(included_in, ScalarNode) else None
        arguments = _arguments(_value(node, "arguments"))
        yield ErtRow(node.place, table, action, arguments, float(value), None if contained is None else str(contained))  # type: ignore[arg-type]
        return
    found = "no energy" if energy is None else f"energy {shown_value(energy)}"
    place = node.place if energy is None else energy.place
    problems.append(Problem(place, (), f"{table}.{action}: found {found}, expected a number of pJ from 0 to 1e15"))


def _value(node: Node, key: str) -> Node | None:
    entry = node.items.get(key) if isinstance(node, MapNode) else None
    return None if entry is None else entry.node


def _text(node: Node, key: str, what: str, problems: list[Problem]) -> str | None:
    """The text at ``key`` of a table or an action; None, and a problem, where there is none."""
    if not isinstance(node, MapNode):
        problems.append(Problem(node.place, (), f"found {shown_value(node)}, expected a mapping with `name`: a {what}"))
        return None
    value = _value(node, key)
    if isinstance(value, ScalarNode) and isinstance(value.value, str) and value.value:
        return value.value
    found = "missing" if value is None else f"found {shown_value(value)}"
    problems.append(Problem(node.place, (key,), f"{found}, expected the name of the {what}"))
    return None


def _arguments(node: Node | None) -> str:
    values = None if node is None else plain(node)
    return ", ".join(f"{key}={value}" for key, value in values.items()) if isinstance(values, dict) else ""


def _contradictions(rows: Iterable[ErtRow]) -> Iterator[Problem]:
    """Rows of one price with another energy than the first."""
    first: dict[str, ErtRow] = {}
    for row in rows:
        if row.price not in ACTIONS:
            continue
        before = first.setdefault(row.price, row)
        if (row.energy_pj, row.included_in) != (before.energy_pj, before.included_in):
            text = (
                f"{row.table}.{row.action}: found {_described(row)} after {_described(before)} in line"
                f" {before.place.line}, expected one row for each action (keep the row that the chip is to have)"
            )
            yield Problem(row.place, (), text)


def _described(row: ErtRow) -> str:
    return f"{row.energy_pj:g} pJ" + (f" for {row.arguments}" if row.arguments else "")


def _namesakes(rows: Iterable[ErtRow]) -> Iterator[Problem]:
    """Tables of different components that have one last name, which is one component here."""
    components = billed_components()
    first: dict[str, ErtRow] = {}
    reported: set[str] = set()
    for row in rows:
        before = first.setdefault(row.component, row)
        if row.component in components and row.path != before.path and row.path not in reported:
            reported.add(row.path)
            text = (
                f"found the table {row.table} after {before.table} in line {before.place.line},"
                f" expected one table for {row.component} (rename or remove the other)"
            )
            yield Problem(row.place, (), text)
