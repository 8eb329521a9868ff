"""The points of a sweep: every combination of axis values as a validated chip with an identity of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import simulator
from simulator.config.chip import ChipConfig
from simulator.config.files import chip_from_tree, chip_tree
from simulator.config.overrides import Override
from simulator.config.place import Place
from simulator.config.sweep import SweepConfig
from simulator.config.yaml_marks import ScalarNode
from simulator.errors import ConfigError
from simulator.report.manifest import chip_sha256

ID_DIGITS = 16  # 64 bits: two of a million points coincide once in 10^7 sweeps

ROOMS = ("config", "trace", "mapping", "engine", "energy", "report")

AxisValue = str | int | float


@dataclass(frozen=True)
class Point:
    """One chip of a sweep.

    Attributes
    ----------
    point_id
        Hash of what its result depends on: the resolved chip, the trace, the code that computes it.
    values
        Axis -> its value here, as written in the sweep file.
    chip
        The base chip with the values set.
    """

    point_id: str
    values: dict[str, AxisValue]
    chip: ChipConfig

    @property
    def overrides(self) -> tuple[str, ...]:
        """The values as ``path=value`` texts of ``--set``."""
        return tuple(f"{axis}={value}" for axis, value in self.values.items())


def sweep_points(config: SweepConfig, trace_hash: str, directory: Path | None = None) -> list[Point]:
    """All points of a sweep, the last axis changing fastest (grid) or all axes together (zip).

    Two points have one id when their values mean the same chip (``1 KiB`` and ``1024 B``).

    Parameters
    ----------
    config
        From `load_sweep`.
    trace_hash
        Content hash of the trace.
    directory
        Where the shipped chips are, when not at `simulator.config.files.chips_directory`.

    Raises
    ------
    ConfigError
        Values that are right one by one and wrong together: all such points, one line each.
    """
    tree, marks = chip_tree(config.base, directory)
    chip_from_tree(tree, marks, ())  # what is wrong with the base is told once, not at every point
    points: list[Point] = []
    problems: list[str] = []
    for values in combinations(config):
        try:
            chip = chip_from_tree(tree, marks, [_override(axis, value) for axis, value in values.items()])
        except ConfigError as error:
            problems += (f"sweep '{config.name}': point {values_text(values)}: {line}" for line in error.problems)
        else:
            points.append(Point(_point_id(chip, trace_hash), values, chip))
    if problems:
        raise ConfigError(problems)
    return points


def combinations(config: SweepConfig) -> Iterator[dict[str, AxisValue]]:
    """Axis -> value of each point, in order."""
    rows = zip(*config.axes.values(), strict=True) if config.mode == "zip" else product(*config.axes.values())
    for row in rows:
        yield dict(zip(config.axes, row, strict=True))


def values_text(values: dict[str, AxisValue]) -> str:
    """``core.synapse.lanes=16, core.sram.capacity=128 KiB``."""
    return ", ".join(f"{axis}={value}" for axis, value in values.items())


def _override(axis: str, value: AxisValue) -> Override:
    place = Place(f"--set {axis}={value}")
    return Override(tuple(axis.split(".")), ScalarNode(place, value, str(value)), place)


def _point_id(chip: ChipConfig, trace_hash: str) -> str:
    content = json.dumps([chip_sha256(chip), trace_hash, _code_sha256()])
    return hashlib.sha256(content.encode()).hexdigest()[:ID_DIGITS]


@cache
def _code_sha256() -> str:
    """Hash of the rooms whose code a result depends on: a point computed by other code is another point."""
    package = Path(simulator.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(file for room in ROOMS for file in (package / room).rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return digest.hexdigest()
