"""`extends`: a chip file that says only in what it differs from another one."""

from __future__ import annotations

import os
from pathlib import Path

from simulator.config.overrides import without_other_static
from simulator.config.source_position import Place, Problem
from simulator.config.static_size import POWER, node_at, resized_by_file
from simulator.config.yaml_marks import MapNode, Node, ScalarNode, read_marked, shown_value
from simulator.errors import ConfigError, did_you_mean

KEY = "extends"
_EXPECTED = "the name of a shipped chip or a path to a .yaml file"
_OWN = "name"  # two chips of one name would look the same in reports


def shipped_chips(directory: Path) -> dict[str, Path]:
    """Name -> file of the chips in ``directory``, sorted."""
    return {path.stem: path for path in sorted(directory.glob("*.yaml"))}


def is_path(chip: str) -> bool:
    """Whether ``chip`` is meant as a path rather than as the name of a shipped chip."""
    return chip.endswith((".yaml", ".yml")) or os.sep in chip or "/" in chip


def shown_path(path: Path) -> str:
    """``path`` relative to the working directory when it lies below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(path)


def read_chip_tree(path: Path, shown: str, directory: Path) -> tuple[Node, tuple[Problem, ...]]:
    """The tree of the chip file ``path``, with all it extends merged in; every value keeps its own place.

    Raises
    ------
    ConfigError
        When one of the files cannot be read, or when they extend each other in a circle.
    """
    return _read(path, shown, directory, ())


def _read(path: Path, shown: str, directory: Path, above: tuple[Path, ...]) -> tuple[Node, tuple[Problem, ...]]:
    """Read ``path``, which the files ``above`` extend."""
    node, problems = read_marked(path, shown)
    if not isinstance(node, MapNode) or KEY not in node.items:
        return node, problems
    above = (*above, path.resolve())
    base_path, base_shown = _base(node, path, shown, directory, above)
    base, base_problems = _read(base_path, base_shown, directory, above)
    own = MapNode(node.place, {key: entry for key, entry in node.items.items() if key != KEY})
    problems = (*problems, *base_problems)
    if not isinstance(base, MapNode):
        return base, problems
    if _OWN not in own.items:
        text = f"missing, expected a name other than '{base_path.stem}'"
        problems = (*problems, Problem(node.place, (_OWN,), text))
    inherited = MapNode(base.place, {key: entry for key, entry in base.items.items() if key != _OWN})
    for stated in (".".join(POWER), "static"):
        if node_at(own, stated.split(".")) is not None:
            inherited = without_other_static(inherited, stated)
    merged = merge(inherited, own)
    return merged, (*problems, *resized_by_file(base, own, merged))


def _base(node: MapNode, path: Path, shown: str, directory: Path, above: tuple[Path, ...]) -> tuple[Path, str]:
    """The file that `extends` names, and what to call it."""
    named = node.items[KEY].node
    if not isinstance(named, ScalarNode) or not isinstance(named.value, str):
        place = named.place if isinstance(named, ScalarNode) and named.text else node.items[KEY].place
        raise _refused(place, f"found {shown_value(named)}, expected {_EXPECTED}")
    try:
        base, base_shown = find_chip(named.value, path.parent, Path(shown).parent, directory)
    except LookupError as error:
        raise _refused(named.place, str(error)) from None
    if base.resolve() in above:
        circle = " -> ".join(file.name for file in (*above[above.index(base.resolve()) :], base))
        raise _refused(named.place, f"found '{named.value}', expected no cycle ({circle})")
    return base, base_shown


def find_chip(named: str, folder: Path, shown_folder: Path, directory: Path) -> tuple[Path, str]:
    """The chip file that another file names, and what to call it.

    Parameters
    ----------
    named
        A shipped chip, or a path relative to the directory of the file that names it.
    folder, shown_folder
        That directory, and what to call it.
    directory
        Where the shipped chips are.

    Raises
    ------
    LookupError
        With ``found ..., expected ...`` when there is no such chip.
    """
    if is_path(named):
        path, shown = folder / named, os.path.normpath(shown_folder / named)
        if not path.is_file():
            raise LookupError(f"found '{named}', expected {_EXPECTED}; there is no file {shown}")
        return path, shown
    shipped = shipped_chips(directory)
    if named not in shipped:
        guess = did_you_mean(named, shipped)
        raise LookupError(f"unknown chip '{named}', expected one of {', '.join(shipped)} or a .yaml file{guess}")
    return shipped[named], shown_path(shipped[named])


def _refused(place: Place, text: str) -> ConfigError:
    return ConfigError([str(Problem(place, (KEY,), text))])


def merge(base: Node, over: Node) -> Node:
    """``over`` on top of ``base``: mappings merge, the rest is replaced.

    A mapping that states a `value`, an `included_in` or the `model` of a price is replaced as a whole: source, grade
    and bounds belong to the number, and those of the old number do not apply to the new one. The `model` of the
    network is no such thing.
    """
    if not isinstance(base, MapNode) or not isinstance(over, MapNode):
        return over
    if {"value", "included_in"} & set(over.items) or ("model" in over.items and "flit_bits" not in base.items):
        return over
    items = dict(base.items)
    for key, entry in over.items.items():
        items[key] = entry._replace(node=merge(base.items[key].node, entry.node)) if key in base.items else entry
    return MapNode(over.place, items)
