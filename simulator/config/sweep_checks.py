"""What is wrong with the chips of a sweep file, and with each value of each axis when it is set on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from simulator.config.chip import ChipConfig
from simulator.config.chip_files import chip_from_tree
from simulator.config.chip_inheritance import find_chip, read_chip_tree
from simulator.config.chip_rules import broken_chip_rules
from simulator.config.described_prices import expand
from simulator.config.overrides import Override, apply_override
from simulator.config.source_position import Problem
from simulator.config.static_size import FIXED, POWER, allowed, resized
from simulator.config.sweep_axes import identity
from simulator.config.validate import Path as Keys
from simulator.config.validate import check, node_at
from simulator.config.yaml_marks import Entry, ListNode, MapNode, Node, Scalar, ScalarNode

MOST_CHECKS = 1000  # values set on chips, one at a time: 2 ms each
CHIP_AXIS = "chip"  # the axis of whole chips; every other one is the path of a value inside a chip


def is_capture_axis(key: str) -> bool:
    """Whether an axis is one of the encoder: `preset`, or `encoding.` before the path of a value in a preset."""
    return key == "preset" or key.startswith("encoding.")


def chip_problems(root: Node, file: Path, directory: Path) -> list[Problem]:
    """What is wrong with the names of the base chips, and with each value of each axis when set on each of them."""
    problems: list[Problem] = []
    chips: list[Node] = []
    axes = node_at(root, ("axes",))
    named = list(_named_chips(root))
    if (problem := _too_many(axes, len(named))) is not None:
        return [problem]
    for path, node in named:
        try:
            where, shown = find_chip(str(node.value), file.parent, file.parent, directory)
        except LookupError as error:
            problems.append(Problem(node.place, path, str(error)))
            continue
        chip, marks = read_chip_tree(where, shown, directory)
        chip_from_tree(chip, marks, ())
        chips.append(chip)
    if isinstance(axes, MapNode):
        problems += [problem for chip in chips for problem in _axis_problems(axes, chip)]
    return problems


def _too_many(axes: Node | None, n_chips: int) -> Problem | None:
    """What to say where there are more values to check than a file is given time for."""
    if not isinstance(axes, MapNode):
        return None
    n_values = sum(len(_tried(entry.node)) for key, entry in axes.items.items() if key != CHIP_AXIS)
    if n_chips + n_values * n_chips <= MOST_CHECKS:
        return None
    found = f"found {n_values} values on {n_chips} chips" if n_chips > 1 else f"found {n_values} different values"
    text = f"{found}, expected at most {MOST_CHECKS} in all (mode sobol draws any number from a range)"
    return Problem(axes.place, ("axes",), text)


def _named_chips(root: Node) -> Iterator[tuple[Keys, ScalarNode]]:
    """Every base chip of the file that is a text, with its path."""
    base, more = node_at(root, ("base",)), node_at(root, ("axes", CHIP_AXIS))
    if isinstance(base, ScalarNode) and isinstance(base.value, str):
        yield ("base",), base
    for i, item in enumerate(more.items if isinstance(more, ListNode) else ()):
        if isinstance(item, ScalarNode) and isinstance(item.value, str):
            yield ("axes", CHIP_AXIS, i), item


def _axis_problems(axes: MapNode, chip: Node) -> Iterator[Problem]:
    """What is wrong with each value of ``axes`` when it is set on the valid ``chip``."""
    scales = allowed(chip) or bool({".".join(POWER), ".".join(FIXED)} & set(axes.items))
    for key, entry in axes.items.items():
        path = tuple(key.split("."))
        if not all(path):
            yield Problem(entry.place, ("axes", key), "found an empty part, expected a path such as core.sram.capacity")
        elif key != CHIP_AXIS and not is_capture_axis(key):
            for value in _tried(entry.node):
                yield from _set_problems(chip, Override(path, value, entry.place), scales)


def _tried(axis: Node) -> list[ScalarNode]:
    """The values of a list, each once, or the ends of a range, that can be set at all; other code reports the rest."""
    items = axis.items if isinstance(axis, ListNode) else ()
    entries: list[Entry | None] = [axis.items.get(end) for end in ("low", "high")] if isinstance(axis, MapNode) else []
    values = (*items, *(entry.node for entry in entries if entry is not None))
    found: dict[tuple[bool, object], ScalarNode] = {}
    for value in values:
        if isinstance(value, ScalarNode) and _is_tried(value.value):
            found.setdefault(identity(value.value), value)
    return list(found.values())


def _is_tried(value: Scalar) -> bool:
    """Whether to set a value at all; of the others it is already said that no axis can hold them."""
    return value is not None and (isinstance(value, str) or math.isfinite(value))


def _set_problems(chip: Node, override: Override, scales: bool) -> list[Problem]:
    """What is wrong with the valid ``chip`` once ``override`` is applied; one that ``scales`` may have any size."""
    changed = apply_override(chip, override)
    fixed = () if scales else resized(chip, changed, [override])
    tree, described = expand(changed)
    return [*described, *check(ChipConfig, tree, broken_chip_rules)[1], *fixed]
