"""The points of a sweep: axis values as a validated chip and a trace, with an identity of their own."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from simulator.config.chip import ChipConfig
from simulator.config.chip_files import chip_from_tree, chip_tree
from simulator.config.overrides import Override
from simulator.config.price_overrides import is_price, read_by_others, restated
from simulator.config.source_position import Problem
from simulator.config.sweep import SweepConfig
from simulator.config.sweep_axes import AxisValue, Range, value_text
from simulator.config.sweep_checks import CHIP_AXIS, is_capture_axis
from simulator.config.yaml_marks import Node, ScalarNode
from simulator.errors import MOST_PROBLEMS, ConfigError
from simulator.report.run_manifest import chip_sha256
from simulator.sweep.code import code_hash
from simulator.sweep.sampling import TRACE_AXIS, Values, combinations

if TYPE_CHECKING:
    from simulator.sweep.captures import Captures

ID_DIGITS = 16  # 64 bits: two of a million points coincide once in 10^7 sweeps

ROOMS = ("config", "trace", "mapping", "engine", "energy", "mapper", "report", "simulation")

Made = TypeVar("Made")
Tree = tuple[Node, tuple[Problem, ...]]


@dataclass(frozen=True)
class Point:
    """One chip and one trace of a sweep.

    Attributes
    ----------
    point_id
        Hash of what its result depends on: the resolved chip, the trace, the mapping, the code that computes it.
    values
        Axis -> its value here, as written in the sweep file.
    base
        Name or path of the chip that the values are set on.
    chip
        That chip with the values set.
    trace, trace_hash
        Path of the trace, and its content hash.
    fault
        Why there is no trace; empty when there is one.
    mapping
        Where its widths come from, as in `simulator.simulation.simulation.simulate`.
    """

    point_id: str
    values: Values
    base: str
    chip: ChipConfig
    trace: str
    trace_hash: str
    fault: str = ""
    mapping: Literal["auto", "chip"] = "auto"

    @property
    def overrides(self) -> tuple[str, ...]:
        """The values inside the chip as ``path=value`` texts of ``--set``."""
        return tuple(f"{axis}={value_text(value)}" for axis, value in self.values.items() if in_chip(axis))

    @property
    def command(self) -> str:
        """Command line that makes the report of this point alone."""
        words = ["spikewatt", "simulate", "--chip", self.base, "--trace", self.trace, "--no-dense-twin"]
        words += [] if self.mapping == "auto" else ["--mapping", self.mapping]
        for override in self.overrides:
            words += ["--set", override]
        return shlex.join(words)


class Space:
    """Makes points of a sweep from values.

    Parameters
    ----------
    config
        From `load_sweep`.
    trace_hashes
        Path of each of its traces -> content hash.
    directory
        Where the shipped chips are, when not at `simulator.config.chip_files.chips_directory`.
    captures
        Of a sweep that captures its traces.

    Raises
    ------
    ConfigError
        What is wrong with a base chip.
    """

    def __init__(
        self,
        config: SweepConfig,
        trace_hashes: Mapping[str, str],
        directory: Path | None = None,
        captures: Captures | None = None,
    ) -> None:
        self.config = config
        self._hashes = trace_hashes
        self._captures = captures
        chips = config.axes.get(CHIP_AXIS, (config.base,))
        self._trees: dict[str, Tree] = {str(chip): chip_tree(str(chip), directory) for chip in chips}
        for tree, marks in self._trees.values():
            chip_from_tree(tree, marks, ())  # what is wrong with a base is reported once, not at every point
        self._mapping = config.mapping or ("chip" if any(map(_prices, config.axes)) else "auto")
        self._prices = {axis for axis in config.axes if in_chip(axis) and is_price(axis) and self._stands_alone(axis)}
        self._chips: dict[str, ChipConfig] = {}  # a chip for each combination of all values but prices

    def point(self, values: Values) -> Point:
        """The point of these values, its trace captured where it must be; raises ConfigError as `check`."""
        base, chip = self._chip(values)
        path, trace_hash, fault = self._trace(values)
        named = trace_hash or fault + values_text(values)
        return Point(
            point_id(chip, named, self._mapping, code_sha256()),
            values,
            base,
            chip,
            path,
            trace_hash,
            fault,
            self._mapping,
        )

    @property
    def mapping(self) -> Literal["auto", "chip"]:
        """Where the widths of every point come from."""
        return self._mapping

    def chip(self, values: Values) -> ChipConfig:
        """The chip of these values; raises ConfigError as `check`."""
        return self._chip(values)[1]

    def check(self, values: Values) -> None:
        """Raise ConfigError when these values are wrong together, each line with its place; captures nothing."""
        self._chip(values)
        if self._captures is not None:
            self._captures.preset(values)

    def _chip(self, values: Values) -> tuple[str, ChipConfig]:
        """Name of the base chip, and the chip of these values; validated whole unless another of its prices was."""
        prices = {axis: value for axis, value in values.items() if axis in self._prices}
        if not prices:
            return self._validated(values)
        others = repr({axis: value for axis, value in values.items() if axis not in prices})
        known = self._chips.get(others)
        chip = None if known is None else restated(known, prices)
        base, chip = self._validated(values) if chip is None else (self._base(values), chip)
        self._chips.setdefault(others, chip)
        return base, chip

    def _stands_alone(self, price: str) -> bool:
        """Whether no other axis says something of the price on this one, and nothing else in a chip is made from it."""
        values = [value for axis in self.config.axes.values() if not isinstance(axis, Range) for value in axis]
        return not (
            any(axis.startswith(f"{price}.") for axis in self.config.axes)
            or f"{price}.value" in values
            or any(read_by_others(tree, price) for tree, _ in self._trees.values())
        )

    def _base(self, values: Values) -> str:
        """Name of the base chip of these values."""
        return str(values.get(CHIP_AXIS, self.config.base))

    def _validated(self, values: Values) -> tuple[str, ChipConfig]:
        """As `_chip`, read from the file of the base chip."""
        base = self._base(values)
        tree, marks = self._trees[base]
        overrides = [self._override(axis, value) for axis, value in values.items() if in_chip(axis)]
        try:
            return base, chip_from_tree(tree, marks, overrides)
        except ConfigError as error:
            where = f"(sweep '{self.config.name}', point {values_text(values)})"
            raise ConfigError(f"{line} {where}" for line in error.problems) from None

    def _trace(self, values: Values) -> tuple[str, str, str]:
        """Path and content hash of the trace of these values, and why there is none."""
        if self._captures is not None:
            return self._captures.trace(self._captures.preset(values))
        trace = str(values.get(TRACE_AXIS, self.config.trace[0]))
        return trace, self._hashes[trace], ""

    def _override(self, axis: str, value: AxisValue) -> Override:
        place = self.config.value_place(axis, value)
        return Override(tuple(axis.split(".")), ScalarNode(place, value, value_text(value)), place)


def sweep_points(space: Space) -> list[Point]:
    """All points of a sweep, in the order of `combinations`.

    Two points have one id when their values mean the same chip (``1 KiB`` and ``1024 B``).

    Raises
    ------
    ConfigError
        Values that are right one by one and wrong together: such points, one line each.
    """
    every = list(combinations(space.config))
    if space.config.capture is not None:
        _all_of(every, space.check)  # all problems are reported before the first forward pass
    return _all_of(every, space.point)


def _all_of(every: Iterable[Values], make: Callable[[Values], Made]) -> list[Made]:
    """What ``make`` makes of all values; raises ConfigError with the lines of the first that it refuses."""
    made: list[Made] = []
    problems: list[str] = []
    for values in every:
        try:
            made.append(make(values))
        except ConfigError as error:
            problems += error.problems
        if len(problems) > MOST_PROBLEMS:
            break
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return made


def in_chip(axis: str) -> bool:
    """Whether an axis is the path of a value inside a chip."""
    return axis not in (CHIP_AXIS, TRACE_AXIS) and not is_capture_axis(axis)


def values_text(values: Values) -> str:
    """``core.synapse.lanes=16, core.sram.capacity=128 KiB``."""
    return ", ".join(f"{axis}={value_text(value)}" for axis, value in values.items())


def _prices(axis: str) -> bool:
    """Whether an axis sets a price, or the value of one."""
    return in_chip(axis) and (is_price(axis) or is_price(axis.rpartition(".")[0]))


def point_id(chip: ChipConfig, trace_hash: str, mapping: str, code: str) -> str:
    """The id of a point: of its chip before it is mapped, its trace, where its widths come from, and the code."""
    content = json.dumps([chip_sha256(chip), trace_hash, mapping, code])
    return hashlib.sha256(content.encode()).hexdigest()[:ID_DIGITS]


@cache
def code_sha256() -> str:
    """Hash of the rooms whose code a result depends on: a point computed by other code is another point."""
    return code_hash(ROOMS)
