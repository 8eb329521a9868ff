"""A chip file from an Accelergy energy reference table (ERT): which rows are prices here, and which are not.

Y. N. Wu, J. S. Emer and V. Sze, Accelergy: An Architecture-Level Energy Estimation Methodology for Accelerator Designs,
ICCAD 2019. Energies are in pJ, as there. No row is dropped without a note, and no note is lost: they stand in the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from simulator.actions import ACTIONS, STATIC, billed_components, is_power
from simulator.config.chip import ChipConfig
from simulator.config.chip_files import chip_from_tree, chip_tree, load_chip
from simulator.config.chip_inheritance import KEY, is_path, merge
from simulator.config.yaml_marks import MapNode, parse_marked
from simulator.energy.accelergy import leak_per_cycle_pj
from simulator.energy.ert_rows import INCLUDED_IN, LEAK, ErtRow, read_ert_rows
from simulator.energy.prices import UnitPrice, chip_prices
from simulator.errors import ConfigError, did_you_mean

DUMMY_PJ = 1.0  # what the `dummy` estimator of Accelergy 0.4 returns for every action but leak
SAME = 1e-9  # relative difference of two numbers that are the same but for rounding


@dataclass(frozen=True)
class ErtImport:
    """A chip file made from an ERT.

    Attributes
    ----------
    text
        The chip file; its first lines are the notes, as comments.
    notes
        One line for each row that is no price here or looks like a placeholder, and one on the prices that stay.
    """

    text: str
    notes: tuple[str, ...]


def import_ert(path: Path, base: str, name: str) -> ErtImport:
    """A chip file that extends ``base`` with the prices of the ERT file ``path``.

    The last part of a table's name is the component, ``pe[0..3].synapse`` being ``synapse``; its actions are those of
    `ACTIONS`. Prices are graded published-model. The row ``leak`` is energy per cycle, not a power, and stays out.
    A row of 0 pJ is taken for a placeholder unless it says ``included_in``, as `ert_text` writes it.

    Parameters
    ----------
    path
        The ERT, of the format that Accelergy 0.4 writes.
    base
        Name of a shipped chip, or path of a chip file.
    name
        Name of the new chip.

    Raises
    ------
    ConfigError
        When the file is no ERT, when two rows give one price two values, when no row is a price, or when the new chip
        would not be valid; and for a base that is none.
    """
    chip = load_chip(base)
    if name == chip.name:
        raise ConfigError([f"--name {name}: found the name of the base chip, expected another one"])
    found = _PricesOfTable(chip, read_ert_rows(path))
    if not found.prices:
        raise ConfigError([f"{path}: found no row of an action known here, expected one such as {next(iter(ACTIONS))}"])
    notes = tuple(_on_one_line(note) for note in (*found.notes, *_stay(chip, found.covered)))
    record = {KEY: os.path.abspath(base) if is_path(base) else base, "name": name}
    text = _dumped(record | _overlay(chip, found.prices, path))
    _check(text, base, name)
    return ErtImport("".join(f"# {note}\n" for note in notes) + text, notes)


class _PricesOfTable:
    """Which rows become prices of a chip, and a note on each of the others."""

    def __init__(self, chip: ChipConfig, rows: Sequence[ErtRow]) -> None:
        self.base = chip_prices(chip)
        self.leak_pj = leak_per_cycle_pj(chip)
        self.prices: dict[str, ErtRow] = {}
        self.covered: set[str] = set()  # prices of the base that the table confirms or replaces
        self.notes = [*_unknown_tables(rows)]
        for row in rows:
            if row.component in _COMPONENTS:
                self.notes += filter(None, [self._take(row)])

    def _take(self, row: ErtRow) -> str | None:
        """Keep the row where it is a price of the chip; else, or where it is doubtful, a note."""
        known, base = row.price, self.base.get(row.price)
        if row.action == LEAK:
            return self._leak(row)
        if known not in ACTIONS or is_power(known):
            guess = did_you_mean(row.action.lower(), _actions_of(row.component))
            return f"{row}: no action of {row.component} here, not imported{guess}"
        if base is None:
            return f"{row}: the base chip has no such action, not imported"
        if row.included_in is not None:
            return self._contained(row, base)
        if row.energy_pj == 0 and base.included_in is None:
            return f"{row}: 0 pJ, assumed to be a placeholder and not imported; {_priced(base)} stays"
        if row.energy_pj == 0:
            return f"{row}: 0 pJ, not imported; the energy stays included in {base.included_in}"
        if known in self.prices:
            return f"{row}: the same energy as in line {self.prices[known].place.line}, imported once"
        self.prices[known] = row
        self.covered.add(known)
        if row.energy_pj == DUMMY_PJ:
            return f"{row}: 1 pJ, as the dummy estimator of Accelergy writes; imported, check it"
        return None

    def _contained(self, row: ErtRow, base: UnitPrice) -> str | None:
        """A row whose energy another row contains."""
        if row.included_in not in self.base:
            return f"{row}: included in {row.included_in}, which the base chip does not have; not imported"
        self.covered.add(row.price)
        if row.included_in != base.included_in:
            self.prices[row.price] = row
        return None

    def _leak(self, row: ErtRow) -> str | None:
        """Leakage per cycle: nothing to say where the static power of the base is the same."""
        if row.component == STATIC and abs(row.energy_pj - self.leak_pj) <= SAME * self.leak_pj:
            self.covered |= {name for name in self.base if is_power(name)}
            return None
        return f"{row}: energy per cycle, not a power: not imported; the static power of the base chip stays"


_COMPONENTS = set(billed_components())


def _actions_of(component: str) -> list[str]:
    return [name.partition(".")[2] for name in ACTIONS if name.startswith(f"{component}.")]


def _unknown_tables(rows: Sequence[ErtRow]) -> Iterator[str]:
    """A note on each table whose component is unknown here."""
    others = (row for row in rows if row.component not in _COMPONENTS)
    for table, of_table in groupby(others, key=lambda row: row.table):
        of_this = list(of_table)
        guess = did_you_mean(of_this[0].component.lower(), _COMPONENTS)
        actions = ", ".join(row.action for row in of_this)
        yield f"{of_this[0].place}: {table}: no component of that name here, not imported: {actions}{guess}"


def _priced(price: UnitPrice) -> str:
    return f"{price.name} {price.pj_per_count:g} pJ"


def _stay(chip: ChipConfig, covered: Iterable[str]) -> Iterator[str]:
    """One line on the prices of the base that the table says nothing about."""
    stay = [price for name, price in chip_prices(chip).items() if name not in covered]
    if stay:
        words = [f"{p.name} included in {p.included_in}" if p.included_in else _amount(p) for p in stay]
        yield f"{len(stay)} of {len(chip_prices(chip))} prices stay as in {chip.name}: {', '.join(words)}"


def _amount(price: UnitPrice) -> str:
    return f"{price.name} {price.pj_per_count:g} W" if is_power(price.name) else _priced(price)


def _overlay(chip: ChipConfig, prices: Mapping[str, ErtRow], path: Path) -> dict[str, Any]:
    """What the new file says: a summary, a source and the prices at their paths."""
    name = _on_one_line(path.name)
    source = next(key for key in _source_keys() if key not in chip.sources)  # an older import keeps its own
    record: dict[str, Any] = {
        "summary": f"{chip.name} with energies of {name}",
        "sources": {source: f"Accelergy energy reference table {name}, imported"},
    }
    for price, row in prices.items():
        at = record
        *above, last = ACTIONS[price].path
        for key in above:
            at = at.setdefault(key, {})
        energy = {"value": f"{row.energy_pj!r} pJ"} if row.included_in is None else {INCLUDED_IN: row.included_in}
        at[last] = {**energy, "source": source, "grade": "published-model"}
    return record


def _source_keys() -> Iterator[str]:
    yield "ert"
    number = 1
    while number := number + 1:
        yield f"ert{number}"


def _check(text: str, base: str, name: str) -> None:
    """Read the new chip as `load_chip` will. Raises ConfigError."""
    tree, problems = chip_tree(base)
    own, own_problems = parse_marked(text, f"{name}.yaml")
    if not isinstance(own, MapNode):
        raise TypeError("a chip file is a mapping")
    overlay = MapNode(own.place, {key: entry for key, entry in own.items.items() if key != KEY})
    chip_from_tree(merge(tree, overlay), (*problems, *own_problems), ())


def _on_one_line(text: str) -> str:
    """The text with every character that could end a comment written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _dumped(record: dict[str, Any]) -> str:
    return str(yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=120))
