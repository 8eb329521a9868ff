"""The mapping file: widths of a program as YAML that a person can edit, read strictly.

Keys of ``homes`` and ``layers`` are ids of the trace, or patterns as of a shell (``blocks.*.q``); an id goes before a
pattern, a pattern before those that follow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field

from simulator.config.field_types import Count, Frozen
from simulator.config.source_position import Problem, in_order
from simulator.config.validate import Path as Keys
from simulator.config.validate import key_place, validate
from simulator.config.yaml_marks import Node, read_marked
from simulator.errors import ConfigError, did_you_mean
from simulator.mapper.search import Objective
from simulator.mapping.capacity import Cut
from simulator.mapping.widths import Widths
from simulator.outputs.output_file import FileKind, replaced_whole
from simulator.trace.trace import Trace

Width = TypeVar("Width")
ScheduleKind = Literal["auto", "sequential", "pipelined"]
HEADER = "# Mapping of spikewatt: homes of stages, cuts of layers. Load it with: spikewatt simulate --mapping FILE\n"
MAPPING = FileKind("a mapping file", lambda head, tail: head.startswith(b"# Mapping of spikewatt"))


class LayerCut(Frozen):
    """Blocks of a layer along its inputs and outputs."""

    row_parts: Count = Field(default=1, description="blocks along the inputs; partial sums travel when more than one")
    col_parts: Count = Field(description="blocks along the outputs")


class MappingFile(Frozen):
    """Widths of a program, and what they were chosen for."""

    objective: Objective = Field(default="energy", description="what the mapper minimized")
    schedule: ScheduleKind | None = Field(
        default=None, description="schedule that the widths were chosen for; without it that of the chip file"
    )
    homes: dict[str, Count] = Field(default={}, description="stage, or pattern of stages -> home cores")
    layers: dict[str, LayerCut] = Field(default={}, description="layer, or pattern of layers -> its cut")

    def widths(self, trace: Trace) -> Widths:
        """The widths of the stages and layers of ``trace``; what no key names follows the chip file."""
        homes = {stage.stage_id: _match(stage.stage_id, self.homes) for stage in trace.stages}
        cuts = {layer.layer_id: _match(layer.layer_id, self.layers) for layer in trace.layers}
        return Widths(
            homes={name: width for name, width in homes.items() if width is not None},
            cuts={name: Cut(cut.row_parts, cut.col_parts) for name, cut in cuts.items() if cut is not None},
        )

    def fields(self) -> dict[str, Any]:
        """The content as plain values, for the file and the manifest of a report."""
        return self.model_dump(mode="json", exclude_none=True)


AskedMapping = Literal["chip", "auto"] | MappingFile  # of a run: widths of the chip file, of the mapper, of a file


def mapping_of(widths: Widths, objective: Objective, schedule: ScheduleKind) -> MappingFile:
    """``widths`` as a file; blocks of one width share a line."""
    layers = {name: LayerCut(row_parts=cut.row_parts, col_parts=cut.col_parts) for name, cut in widths.cuts.items()}
    return MappingFile(objective=objective, schedule=schedule, homes=_folded(widths.homes), layers=_folded(layers))


def load_mapping(path: Path, trace: Trace) -> MappingFile:
    """Read a mapping file and check it against the program of ``trace``.

    Raises
    ------
    ConfigError
        With every problem at its line: a key that is unknown or matches nothing, a width that is no whole number, or
        one beyond the size of its stage or layer.
    """
    root, problems = read_marked(path, str(path))
    read = validate(MappingFile, root, problems, lambda values: ())
    found = list(_beyond(read, root, trace))
    if found:
        raise ConfigError(in_order(found))
    return read


def save_mapping(mapping: MappingFile, path: Path) -> None:
    """Write a mapping file, whole or not at all; refuses to replace anything but one."""
    text = HEADER + yaml.safe_dump(mapping.fields(), sort_keys=False, width=120)
    with replaced_whole(path, MAPPING) as written:
        written.write_text(text, encoding="utf-8")


def _beyond(mapping: MappingFile, root: Node, trace: Trace) -> Iterator[Problem]:
    """Keys that match nothing, and widths beyond the elements that there are."""
    stages = {stage.stage_id: stage.width for stage in trace.stages}
    layers = {layer.layer_id: (layer.n_in, layer.n_out) for layer in trace.layers}
    for key, width in mapping.homes.items():
        names = [name for name in stages if _matches(name, key)]
        yield from _unknown(("homes", key), names, stages, "stage", root)
        if names and width > (most := min(stages[name] for name in names)):
            yield _problem(("homes", key), f"found {width} home cores, expected at most {most}, one per value", root)
    for key, cut in mapping.layers.items():
        names = [name for name in layers if _matches(name, key)]
        yield from _unknown(("layers", key), names, layers, "layer", root)
        for part, found, side in (("row_parts", cut.row_parts, 0), ("col_parts", cut.col_parts, 1)):
            if names and found > (most := min(layers[name][side] for name in names)):
                what = ("inputs", "outputs")[side]
                text = f"found {found}, expected at most {most}, the {what} of {names[0]}"
                yield _problem(("layers", key, part), text, root)


def _unknown(path: Keys, names: list[str], known: Mapping[str, object], what: str, root: Node) -> Iterator[Problem]:
    if not names:
        key = str(path[-1])
        yield _problem(path, f"found a {what} that the trace does not have{did_you_mean(key, known)}", root)


def _problem(path: Keys, text: str, root: Node) -> Problem:
    return Problem(key_place(root, path), path, text)


def _matches(name: str, key: str) -> bool:
    return name == key or fnmatchcase(name, key)


def _match(name: str, table: Mapping[str, Width]) -> Width | None:
    """The entry of ``name``: its own, or that of the first pattern that it matches."""
    if name in table:
        return table[name]
    return next((width for key, width in table.items() if fnmatchcase(name, key)), None)


def pattern_of(name: str) -> str:
    """The pattern of an id with ``*`` for each number: ``blocks.*.q`` of ``blocks.3.q``."""
    return re.sub(r"(?<![^.])\d+(?![^.])", "*", name)


def _folded(table: Mapping[str, Width]) -> dict[str, Width]:
    """One line for all names that differ only in a number and have the same width."""
    of_pattern: dict[str, list[Width]] = {}
    for name, width in table.items():
        of_pattern.setdefault(pattern_of(name), []).append(width)
    folded: dict[str, Width] = {}
    for name, width in table.items():
        same = all(other == width for other in of_pattern[pattern_of(name)])
        folded[pattern_of(name) if same else name] = width
    return folded
