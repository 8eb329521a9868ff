"""Chip files by name or path: load one, list the shipped ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulator.config.chip import ChipConfig, Memory, SramArea
from simulator.config.chip_core import Sram
from simulator.config.chip_inheritance import KEY, find_chip, is_path, read_chip_tree, shipped_chips
from simulator.config.chip_rules import STORED, broken_chip_rules
from simulator.config.described_prices import expand
from simulator.config.overrides import Override, apply_override, parse_overrides, with_varied
from simulator.config.price_models import sram_area_mm2
from simulator.config.source_position import Problem, in_order
from simulator.config.static_size import resized
from simulator.config.validate import key_place, validate
from simulator.config.yaml_marks import Node
from simulator.errors import ConfigError
from simulator.shipped import shipped_folder

DENSE_CHIP = "dense-int8-45nm"


def chips_directory() -> Path:
    """The shipped chip files."""
    return shipped_folder("chip_configs")


def load_chip(
    name_or_path: str, overrides: Sequence[str] = (), directory: Path | None = None, varied: Sequence[str] = ()
) -> ChipConfig:
    """Load a chip.

    Parameters
    ----------
    name_or_path
        Name of a shipped chip, or path of a chip file; a path ends in ``.yaml`` or has a slash.
    overrides
        ``path=value`` texts, as given to ``--set``: ``core.sram.capacity=256 KiB``.
    directory
        Where the shipped chips are, when not at `chips_directory`.
    varied
        Further overrides, which a command makes by itself: it tries its chip under several of them.

    Raises
    ------
    ConfigError
        With every problem of the file and of the overrides, one line each; also an override of a path in ``varied``.
    """
    tree, problems = chip_tree(name_or_path, directory)
    return chip_from_tree(tree, problems, parse_overrides(with_varied(overrides, varied)))


def chip_tree(name_or_path: str, directory: Path | None = None) -> tuple[Node, tuple[Problem, ...]]:
    """The marked tree of a chip, not yet validated, and what is wrong with its YAML."""
    directory = directory or chips_directory()
    if is_path(name_or_path):
        return read_chip_tree(Path(name_or_path), name_or_path, directory)
    try:
        path, shown = find_chip(name_or_path, Path(), Path(), directory)
    except LookupError as error:
        raise ConfigError([str(error)]) from None
    return read_chip_tree(path, shown, directory)


def chip_from_tree(tree: Node, problems: Sequence[Problem], overrides: Sequence[Override]) -> ChipConfig:
    """Validate a tree with overrides on top."""
    changed = tree
    for override in overrides:
        changed = apply_override(changed, override)
    fixed = resized(tree, changed, overrides)
    tree, described = expand(changed)
    chip = validate(ChipConfig, tree, (*problems, *described, *fixed), broken_chip_rules, more_keys=(KEY,))
    _check_area(chip, tree)
    return chip


def _check_area(chip: ChipConfig, tree: Node) -> None:
    """Raise ConfigError where the area of a memory is beyond the table that it follows."""
    memories: dict[str, Sram | Memory] = {"sram": chip.core.sram, "memory": chip.memory}
    problems = []
    for name, memory in memories.items():
        cells: SramArea | None = getattr(chip.area, name, None)
        if cells is not None:
            try:
                sram_area_mm2(memory.capacity or 0, memory.word, cells.node, cells.cell)
            except ValueError as error:
                problems.append(Problem(key_place(tree, ("area", name)), ("area", name), str(error)))
    if problems:
        raise ConfigError(in_order(problems))


def dense_twin_of(chip: ChipConfig, directory: Path | None = None) -> str:
    """Name of the shipped dense chip to compare ``chip`` with: that of its own node, else `DENSE_CHIP` in 45 nm."""
    at_its_node = f"dense-int8-{chip.technology.node_nm:g}nm"
    return at_its_node if at_its_node in shipped_chips(directory or chips_directory()) else DENSE_CHIP


def load_dense_twin(chip: ChipConfig, directory: Path | None = None) -> ChipConfig:
    """The shipped dense twin of ``chip``, with KV cache, embedding and head in the memories that ``chip`` names.

    Raises
    ------
    ConfigError
        When the dense chip lacks such a memory.
    """
    places = {f"mapping.{name}": getattr(chip.mapping, name) for name in STORED}
    moved = [f"{path}={place}" for path, place in places.items() if place != "memory"]
    if moved and chip.memory.capacity is not None:
        moved.append(f"memory.capacity={chip.memory.capacity} B")
    return load_chip(dense_twin_of(chip, directory), moved, directory)


def list_chips(directory: Path | None = None) -> list[tuple[str, str]]:
    """(name, summary) of every shipped chip, by name."""
    directory = directory or chips_directory()
    chips = (load_chip(str(path), directory=directory) for path in shipped_chips(directory).values())
    return [(chip.name, chip.summary) for chip in chips]
