"""The sweep file: a base chip, a trace, and the chip values to try on it, all checked before anything runs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from simulator.config.chip import ChipConfig
from simulator.config.extends import find_chip, is_path, read_chip_tree
from simulator.config.fields import Frozen, Text
from simulator.config.files import chip_from_tree, chips_directory
from simulator.config.overrides import Override, apply_override
from simulator.config.place import Problem, in_order
from simulator.config.rules import broken_chip_rules
from simulator.config.validate import Path as Keys
from simulator.config.validate import beside, check, node_at
from simulator.config.yaml_marks import ListNode, MapNode, Node, Scalar, ScalarNode, read_marked
from simulator.errors import ConfigError


def _axis_value(value: object) -> str | int | float:
    """A text or a number, as it stands in the file."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("found another value, wanted text or a number")
    return value


Value = Annotated[
    str | int | float, PlainValidator(_axis_value), WithJsonSchema({"type": ["string", "integer", "number"]})
]
Values = Annotated[tuple[Value, ...], Field(min_length=1)]


class SweepConfig(Frozen):
    """A sweep file. `base` and `trace` are relative to the file in it, and to the working directory once loaded."""

    name: Text
    summary: Text
    base: Text = Field(description="a shipped chip, or the path of a chip file")
    trace: Text = Field(description="path of a trace")
    axes: dict[str, Values] = Field(min_length=1, description="dotted path of a chip value -> values to try")
    mode: Literal["grid", "zip"] = Field(default="grid", description="grid: all combinations; zip: side by side")
    objectives: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description="result keys to minimize, such as energy.per_token_pj"
    )


def is_sweep(path: Path) -> bool:
    """Whether a YAML file means to be a sweep: it has one of the keys that only sweeps have. Raises ConfigError."""
    root, _ = read_marked(path, str(path))
    return isinstance(root, MapNode) and not {"axes", "objectives"}.isdisjoint(root.items)


def load_sweep(path: str | Path, directory: Path | None = None) -> SweepConfig:
    """Load a sweep file.

    Each value of each axis is set on the base chip, one at a time, and the chip validated.

    Parameters
    ----------
    path
        The sweep file.
    directory
        Where the shipped chips are, when not at `simulator.config.files.chips_directory`.

    Raises
    ------
    ConfigError
        With every problem of the file, one line each; or those of the base chip when it has any.
    """
    file, shown = Path(path), str(path)
    root, problems = read_marked(file, shown)
    sweep, found = check(SweepConfig, root, _broken_sweep_rules)
    found += _chip_problems(root, file, directory or chips_directory())
    found = beside(problems, found)
    if found or sweep is None:
        raise ConfigError(in_order(found))
    base = _beside(file, sweep.base) if is_path(sweep.base) else sweep.base
    return sweep.model_copy(update={"base": base, "trace": _beside(file, sweep.trace)})


def _beside(file: Path, named: str) -> str:
    """``named``, relative to the directory of ``file``, as seen from the working directory."""
    return os.path.normpath(file.parent / named)


def _broken_sweep_rules(sweep: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """No value twice on an axis; as many on each when they go side by side."""
    axes = sweep.get("axes")
    if not isinstance(axes, Mapping):
        return
    lists = {key: values for key, values in axes.items() if isinstance(values, tuple)}
    for key, values in lists.items():
        for i, value in enumerate(values):
            if value in values[:i]:
                yield ("axes", key, i), f"found {value!r} a second time, wanted each value once"
    if sweep.get("mode") == "zip" and lists:
        first, *others = lists
        for key in others:
            if len(lists[key]) != len(lists[first]):
                text = f"found {len(lists[key])} values beside {len(lists[first])} of {first}"
                yield ("axes", key), f"{text}, wanted as many because mode is zip"


def _chip_problems(root: Node, file: Path, directory: Path) -> list[Problem]:
    """What is wrong with the base chip's name, and with each value of each axis when set on it."""
    base = node_at(root, ("base",))
    if not isinstance(base, ScalarNode) or not isinstance(base.value, str):
        return []
    try:
        path, shown = find_chip(base.value, file.parent, file.parent, directory)
    except LookupError as error:
        return [Problem(base.place, ("base",), str(error))]
    chip, problems = read_chip_tree(path, shown, directory)
    chip_from_tree(chip, problems, ())
    axes = node_at(root, ("axes",))
    return list(_axis_problems(axes, chip)) if isinstance(axes, MapNode) else []


def _axis_problems(axes: MapNode, chip: Node) -> Iterator[Problem]:
    """What is wrong with each value of ``axes`` when it is set on the valid ``chip``."""
    for key, entry in axes.items.items():
        path = tuple(key.split("."))
        if not all(path):
            yield Problem(entry.place, ("axes", key), "found an empty part, wanted a path such as core.sram.capacity")
        elif isinstance(entry.node, ListNode):
            for value in entry.node.items:
                if isinstance(value, ScalarNode) and _is_tried(value.value):
                    yield from _set_problems(chip, Override(path, value, entry.place))


def _is_tried(value: Scalar) -> bool:
    """Whether to set a value at all; of the others it is already said that no axis can hold them."""
    if value is None or isinstance(value, bool):
        return False
    return isinstance(value, str) or math.isfinite(value)


def _set_problems(chip: Node, override: Override) -> list[Problem]:
    """What is wrong with the valid ``chip`` once ``override`` is applied."""
    return check(ChipConfig, apply_override(chip, override), broken_chip_rules)[1]
