"""The sweep file: base chips, traces, and the values to try on them, all checked before anything runs."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from simulator.config.chip_files import chips_directory
from simulator.config.chip_inheritance import is_path, shown_path
from simulator.config.constraints import parse_constraint
from simulator.config.field_types import Count, Expected, Frozen, Name, Text
from simulator.config.source_position import Place, Problem, in_order
from simulator.config.sweep_axes import Axis, AxisValue, Range, identity
from simulator.config.sweep_checks import CHIP_AXIS, chip_problems
from simulator.config.sweep_rules import DRAWING, broken_sweep_rules
from simulator.config.validate import Path as Keys
from simulator.config.validate import check, merged_problems, node_at
from simulator.config.yaml_marks import ListNode, MapNode, Node, ScalarNode, read_marked
from simulator.errors import ConfigError, FieldValueError, did_you_mean
from simulator.hub_cache import hub_folder, is_hub_id
from simulator.shipped import find_sweep, shipped_sweeps, shipped_traces

Mode = Literal["grid", "zip", "sobol", "lhs", "optuna"]
SOURCES = {"model": "a model", "text": "a text"}


def _one_or_more(value: object) -> object:
    """A single text as a list of one."""
    return (value,) if isinstance(value, str) else value


def _constraint(text: object) -> str:
    """A constraint that can be read, as it stands in the file."""
    if not isinstance(text, str):
        raise FieldValueError("no text", "a constraint such as 'latency.per_token < 1 ms'")
    parse_constraint(text)
    return text


def _tolerance(value: object) -> float:
    """``1%`` or ``0.01`` as a share."""
    text = str(value).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if isinstance(value, bool) or not 0 <= share < 1:
        raise FieldValueError(f"{value!r}", "a share below 1, such as 0.5% or 0.005")
    return share


class CaptureSource(Frozen):
    """Model and text that a sweep captures its traces from, once per encoder setting; paths as in the sweep file."""

    model: Text = Field(description="Hugging Face folder, GGUF file, or hub id in the local cache")
    text: Text = Field(description="text file; a line <|endoftext|> separates passages")
    tokens: Count | None = Field(default=None, description="tokens at most")
    preset: Text = Field(default="sdllm", description="name or path of a preset that the encoding axes change")
    bos: Literal["none"] | Annotated[int, Field(ge=0, strict=True)] | None = Field(
        default=None, description="id of the token in front of each passage, or none; default: the model's own"
    )
    ignore_config_keys: tuple[Text, ...] = Field(
        default=(), description="unknown keys of the model's config.json that change no result"
    )
    shape: Text | None = Field(default=None, description="draw a trace of this model shape like each captured one")
    shape_tokens: Count = Field(default=1, description="tokens of a drawn trace")


class SweepConfig(Frozen):
    """A sweep file. `base` and `trace` are relative to the file in it, and to the working directory once loaded."""

    name: Name
    summary: Text
    base: Text | None = Field(default=None, description="a shipped chip, or the path of a chip file; or axes.chip")
    trace: Annotated[tuple[Text, ...], BeforeValidator(_one_or_more), Expected("text, or a list of texts")] = Field(
        default=(),
        description="a shipped trace, or the path of a trace; or a list, each tried with every point; or capture",
    )
    capture: CaptureSource | None = Field(default=None, description="what to capture the traces from")
    axes: dict[str, Axis] = Field(
        min_length=1,
        description="dotted path of a chip value, `chip`, or with capture `preset` or `encoding.` before a path in a"
        " preset -> values to try, or their range",
    )
    mode: Mode = Field(
        default="grid",
        description="grid: all combinations; zip: side by side; sobol, lhs: samples that cover the space evenly;"
        " optuna: samples that NSGA-II steers towards the front",
    )
    samples: Count | None = Field(default=None, description="how many points sobol, lhs and optuna draw")
    seed: Annotated[int, Field(ge=0, strict=True)] = Field(default=0, description="of the drawing modes")
    mapping: Literal["auto", "chip"] | None = Field(
        default=None,
        description="auto: every point has the widths that the mapper chooses for it; chip: those of the chip file;"
        " default: chip where an axis is a price, whose effect alone then shows, else auto",
    )
    objectives: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description="result keys to minimize, such as energy.per_token_pj"
    )
    tolerance: Annotated[float, BeforeValidator(_tolerance)] = Field(
        default=0.005,
        description="share of an objective up to which two points do not differ on the Pareto front, such as 0.5%",
    )
    constraints: tuple[Annotated[str, BeforeValidator(_constraint)], ...] = Field(
        default=(), description="bounds on result keys, such as 'latency.per_token < 1 ms'"
    )
    _places: dict[str, Place] = PrivateAttr(default_factory=dict)

    def place(self, path: str) -> str:
        """``file:line:column`` of what stands at ``path`` (``objectives.0``), or the name of the sweep."""
        place = self._places.get(path)
        return f"sweep '{self.name}'" if place is None else str(place)

    def value_place(self, axis: str, value: AxisValue) -> Place:
        """Where ``value`` stands in the file; of a drawn one or a sweep without a file, what the value is."""
        entry = self.axes.get(axis)
        known = [identity(each) for each in entry] if isinstance(entry, tuple) else []
        at = f"axes.{axis}.{known.index(identity(value))}" if identity(value) in known else ""
        return self._places.get(at) or Place(f"--set {axis}={value}")


def is_sweep(path: Path) -> bool:
    """Whether a YAML file means to be a sweep: it has one of the keys that only sweeps have. Raises ConfigError."""
    root, _ = read_marked(path, str(path))
    return isinstance(root, MapNode) and not {"axes", "objectives"}.isdisjoint(root.items)


def list_sweeps() -> list[tuple[str, str]]:
    """(name, summary) of every shipped sweep, by name."""
    return [(name, load_sweep(path).summary) for name, path in shipped_sweeps().items()]


def load_sweep(name_or_path: str | Path, directory: Path | None = None) -> SweepConfig:
    """Load a sweep file.

    Each value of each axis is set on each base chip, one at a time, and the chip validated.

    Parameters
    ----------
    name_or_path
        Name of a shipped sweep (`list_sweeps`), or path of a sweep file.
    directory
        Where the shipped chips are, when not at `simulator.config.chip_files.chips_directory`.

    Raises
    ------
    ConfigError
        With every problem of the file, one line each; or those of a base chip when it has any.
    """
    file = find_sweep(name_or_path)
    shown = shown_path(file) if str(file) != str(name_or_path) else str(name_or_path)
    root, problems = read_marked(file, shown)
    sweep, found = check(SweepConfig, root, broken_sweep_rules)
    found += chip_problems(root, file, directory or chips_directory())
    found += _missing_files(root, file)
    found = merged_problems(problems, found)
    if found or sweep is None:
        raise ConfigError(in_order(found))
    loaded = sweep.model_copy(update=_from_here(sweep, file))
    loaded._places.update(_places(root))
    return loaded


def _from_here(sweep: SweepConfig, file: Path) -> dict[str, Any]:
    """The fields that hold paths, relative to the working directory."""
    axes = dict(sweep.axes)
    chips = axes.get(CHIP_AXIS)
    if isinstance(chips, tuple):
        axes[CHIP_AXIS] = tuple(_chip_from_here(file, str(chip)) for chip in chips)
    base = None if sweep.base is None else _chip_from_here(file, sweep.base)
    found: dict[str, Any] = {
        "base": base,
        "axes": axes,
        "trace": tuple(_trace_from_here(file, trace) for trace in sweep.trace),
    }
    if sweep.capture is not None:
        here = {"model": _model_from_here(file, sweep.capture.model), "text": _next_to(file, sweep.capture.text)}
        here |= {"preset": _chip_from_here(file, sweep.capture.preset)}
        found["capture"] = sweep.capture.model_copy(update=here)
    return found


def _chip_from_here(file: Path, chip: str) -> str:
    return _next_to(file, chip) if is_path(chip) else chip


def _trace_from_here(file: Path, trace: str) -> str:
    """The path of a trace; the name of a shipped one where no such file is next to the sweep."""
    nearby = _next_to(file, trace)
    return trace if trace in shipped_traces() and not Path(nearby).is_file() else nearby


def _next_to(file: Path, named: str) -> str:
    """``named``, relative to the directory of ``file``, as seen from the working directory."""
    return os.path.normpath(file.parent / named)


def _model_from_here(file: Path, model: str) -> str:
    """The folder or file of a model; where there is none, a hub id as it is."""
    path = _next_to(file, model)
    return model if is_hub_id(model) and not Path(path).exists() else path


def _missing_files(root: Node, file: Path) -> list[Problem]:
    """Traces and texts that are no file, and a model that is neither a folder, a file, nor in the Hub cache."""
    node = node_at(root, ("trace",))
    named: list[tuple[Keys, str, Node | None]]
    named = [(("trace",), "a trace", item) for item in (node.items if isinstance(node, ListNode) else [node])]
    named += [(("capture", key), what, node_at(root, ("capture", key))) for key, what in SOURCES.items()]
    problems = []
    for path, what, item in named:
        if isinstance(item, ScalarNode) and isinstance(item.value, str) and item.value:
            shipped = shipped_traces() if path == ("trace",) else {}
            where, is_model = _next_to(file, item.value), path[-1] == "model"
            cached = is_model and is_hub_id(item.value) and hub_folder(item.value).is_dir()
            found = (Path(where).exists() or cached) if is_model else Path(where).is_file()
            if item.value not in shipped and not found:
                no_such = f"there is no {'folder or file' if is_model else 'file'} {where}"
                text = f"found '{item.value}', expected {what}; {no_such}{did_you_mean(item.value, shipped)}"
                problems.append(Problem(item.place, path, text))
    return problems


def _places(root: Node) -> dict[str, Place]:
    """Place of every objective, constraint and axis value, by ``axes.<path>.<index>`` and the like."""
    axes = node_at(root, ("axes",))
    lists = {"objectives": node_at(root, ("objectives",)), "constraints": node_at(root, ("constraints",))}
    if isinstance(axes, MapNode):
        lists |= {f"axes.{key}": entry.node for key, entry in axes.items.items()}
    return {
        f"{path}.{i}": item.place
        for path, node in lists.items()
        if isinstance(node, ListNode)
        for i, item in enumerate(node.items)
    }


__all__ = ["DRAWING", "AxisValue", "Mode", "Range", "SweepConfig", "is_sweep", "load_sweep"]
