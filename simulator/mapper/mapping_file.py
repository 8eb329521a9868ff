"""The mapping file: widths of a program as YAML that a person can edit, read strictly.

Keys of its tables are ids of the trace, patterns as of a shell (``blocks.*.q``) or kinds (``q``, ``attn_in``). An id
goes before the others, these before what follows them. ``homes``, ``layers`` and ``ops`` go before the keys that a chip
file has too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field

from simulator.config.core_widths import CoreWidth, CoreWidths
from simulator.config.field_types import Count, Frozen
from simulator.config.source_position import Problem, in_order
from simulator.config.validate import Path as Keys
from simulator.config.validate import key_place, validate
from simulator.config.yaml_marks import Node, read_marked
from simulator.errors import ConfigError
from simulator.mapper.objective import Objective
from simulator.mapping.capacity import Cut
from simulator.mapping.name_table import Names, entry_of, layer_names, names_it, op_names, stage_names
from simulator.mapping.op_parts import part_names
from simulator.mapping.width_keys import WidthKeys, table_faults
from simulator.mapping.widths import Widths
from simulator.outputs.output_file import FileKind, replaced_whole
from simulator.trace.trace import Trace

Width = TypeVar("Width")
ScheduleKind = Literal["auto", "sequential", "pipelined"]
HEADER = "# Mapping of spikewatt: home cores of stages, cuts of layers. Load: spikewatt simulate --mapping FILE\n"
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
    ops: dict[str, Count] = Field(default={}, description="op, or pattern of ops -> cores of its own")
    layer_cores: CoreWidths = Field(default="auto", description="as `mapping.layer_cores` of a chip file")
    home_cores: CoreWidths = Field(default="auto", description="as `mapping.home_cores` of a chip file")
    head_cores: CoreWidth = Field(default="auto", description="as `mapping.head_cores` of a chip file")
    share_cores: bool = Field(default=False, description="whether stages that take turns share cores, each kept apart")

    def widths(self, trace: Trace) -> Widths:
        """The widths of the stages and layers of ``trace``; what no key names follows the chip file."""
        cuts = _named(layer_names(trace), self.layers)
        own = Widths(
            homes=_named(_home_names(self.homes, trace), self.homes),
            cuts={name: Cut(cut.row_parts, cut.col_parts) for name, cut in cuts.items()},
            op_cores=_named(op_names(trace), self.ops),
            share_cores=self.share_cores,
        )
        return own.over(self.keys.widths(trace))

    @property
    def keys(self) -> WidthKeys:
        """The keys that a chip file has too."""
        return WidthKeys(self.layer_cores, self.home_cores, self.head_cores)

    def fields(self) -> dict[str, Any]:
        """The content as plain values, for the file and the manifest of a report; keys left at auto are left out."""
        fields = self.model_dump(mode="json", exclude_none=True)
        optional = {
            "ops": {},
            "share_cores": False,
            **dict.fromkeys(("layer_cores", "home_cores", "head_cores"), "auto"),
        }
        return {name: value for name, value in fields.items() if optional.get(name, ...) != value}


AskedMapping = Literal["chip", "auto"] | MappingFile  # of a run: widths of the chip file, of the mapper, of a file


def mapping_of(widths: Widths, objective: Objective, schedule: ScheduleKind) -> MappingFile:
    """``widths`` as a file; blocks of one width share a line."""
    layers = {name: LayerCut(row_parts=cut.row_parts, col_parts=cut.col_parts) for name, cut in widths.cuts.items()}
    homes, shared = _folded(widths.homes), widths.share_cores
    return MappingFile(objective=objective, schedule=schedule, homes=homes, layers=_folded(layers), share_cores=shared)


def load_mapping(path: Path, trace: Trace) -> MappingFile:
    """Read a mapping file and check it against the program of ``trace``.

    Raises
    ------
    ConfigError
        With every problem at its line: a key that is unknown or matches nothing, a width that is not a whole number, or
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
    widths = {name: stage.width for stage in trace.stages for name in (stage.stage_id, *part_names(stage))}
    ops = {op_id: stage.width for stage in trace.stages for op_id in stage.ops}
    faults = [
        *table_faults("homes", mapping.homes, _home_names(mapping.homes, trace), widths, "stage"),
        *table_faults("ops", mapping.ops, op_names(trace), ops, "op"),
        *mapping.keys.faults(trace),
        *_bad_cuts(mapping.layers, trace),
    ]
    for path, text in faults:
        yield _problem(path, text, root)


def _bad_cuts(cuts: Mapping[str, LayerCut], trace: Trace) -> Iterator[tuple[Keys, str]]:
    """Cuts of layers that are not there, or in more parts than there are inputs or outputs."""
    layers = {layer.layer_id: (layer.n_in, layer.n_out) for layer in trace.layers}
    yield from table_faults("layers", dict.fromkeys(cuts, 1), layer_names(trace), dict.fromkeys(layers, 1), "layer")
    for key, cut in cuts.items():
        names = [name for name, kinds in layer_names(trace).items() if names_it(key, name, kinds)]
        for part, found, side in (("row_parts", cut.row_parts, 0), ("col_parts", cut.col_parts, 1)):
            smallest = min(names, key=lambda name: layers[name][side], default=None)
            if smallest is not None and found > (most := layers[smallest][side]):
                what = ("inputs", "outputs")[side]
                yield ("layers", key, part), f"found {found}, expected at most {most}, the {what} of {smallest}"


def _home_names(table: Mapping[str, int], trace: Trace) -> Names:
    """Stages, and the parts of stages (`op_parts`) that a table names by their ids."""
    parts = (name for stage in trace.stages for name in part_names(stage) if name in table)
    return {**dict.fromkeys(parts, ()), **stage_names(trace)}


def _named(names: Names, table: Mapping[str, Width]) -> dict[str, Width]:
    """The entry of each name that has one."""
    found = {name: entry_of(name, kinds, table) for name, kinds in names.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def _problem(path: Keys, text: str, root: Node) -> Problem:
    return Problem(key_place(root, path), path, text)


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
