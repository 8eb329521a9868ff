"""Traces that a sweep captures itself: one forward pass per encoder setting, kept in the folder of the sweep."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from simulator.config.chip_inheritance import is_path
from simulator.config.overrides import Override, set_value
from simulator.config.sweep import CaptureSource, SweepConfig
from simulator.config.sweep_axes import value_text
from simulator.config.validate import validate
from simulator.config.yaml_marks import MapNode, ScalarNode, read_marked
from simulator.errors import ConfigError, OutputError, SpikewattError
from simulator.model.capture import capture
from simulator.model.model_options import ModelOptions
from simulator.model.preset import Preset, broken_preset_rules, load_preset, shipped_presets
from simulator.model.statistical_trace import statistical_trace
from simulator.model.weight_files import weight_files
from simulator.sweep.code import code_hash
from simulator.sweep.sampling import Values
from simulator.text_files import read_text
from simulator.trace.trace import Trace
from simulator.trace.trace_files import load_trace, save_trace

ENCODING, PRESET = "encoding.", "preset"  # axes of the encoder: `preset`, and `encoding.` before the path in a preset
FOLDER = "captures"
ROOMS = ("model", "trace")
ID_DIGITS = 16


class Captured(NamedTuple):
    """A captured trace: its file and content hash; or why there is none."""

    path: str
    content_hash: str
    fault: str = ""


@dataclass
class Captures:
    """Captures what the points of a sweep need, each setting once.

    Attributes
    ----------
    config
        A sweep with `capture`.
    folder
        Of the sweep; files of `FOLDER` in it are taken up again by a later call.
    done
        Traces captured by this call.
    warnings
        What a capture assumed or left out, each line once; also those of the traces of an earlier call.
    """

    config: SweepConfig
    folder: Path
    done: int = 0
    warnings: list[str] = field(default_factory=list)
    _found: dict[str, Captured] = field(default_factory=dict)
    _source_hash: str = ""

    def preset(self, values: Values) -> Preset:
        """The preset of a point, validated; raises ConfigError, each line with its place in the sweep file."""
        name = str(values.get(PRESET, self._source.preset))
        own = {axis: value for axis, value in values.items() if axis.startswith(ENCODING)}
        if not is_path(name) and name not in shipped_presets():
            try:
                load_preset(name)
            except ConfigError as error:
                place = self.config.value_place(PRESET, name)
                raise ConfigError(f"{place}: {PRESET}: {line}" for line in error.problems) from None
        path = Path(name) if is_path(name) else shipped_presets()[name]
        root, problems = read_marked(path, name)
        for axis, value in own.items():
            place = self.config.value_place(axis, value)
            keys = tuple(axis.removeprefix(ENCODING).split("."))
            if isinstance(root, MapNode):
                # a length said by an axis replaces the one of the preset, whichever of the two words it uses
                other = {"timesteps": "levels", "levels": "timesteps"}.get(keys[0])
                root = MapNode(root.place, {key: entry for key, entry in root.items.items() if key != other})
                root = set_value(root, keys, Override(keys, ScalarNode(place, value, value_text(value)), place))
        return validate(Preset, root, problems, broken_preset_rules)

    def trace(self, preset: Preset) -> Captured:
        """The trace under ``preset``, from the folder or captured now; a model that fails is a fault of its points."""
        name = self._id(preset)
        if name not in self._found:
            self._found[name] = self._take(name, preset)
        return self._found[name]

    @property
    def _source(self) -> CaptureSource:
        if self.config.capture is None:
            raise TypeError("a sweep of traces captures nothing")
        return self.config.capture

    def _id(self, preset: Preset) -> str:
        """Hash of everything that the counts follow from: model, text, preset, code of the program."""
        if not self._source_hash:
            text = hashlib.sha256(self._text().encode()).hexdigest()
            self._source_hash = json.dumps([weight_files(self._source.model).sha256(), text, code_hash(ROOMS)])
        source = self._source.model_dump(exclude={"model", "text", "preset"})
        content = json.dumps([self._source_hash, source, preset.model_dump(mode="json", exclude={"name", "summary"})])
        return hashlib.sha256(content.encode()).hexdigest()[:ID_DIGITS]

    def _take(self, name: str, preset: Preset) -> Captured:
        path = self.folder / FOLDER / f"{name}.npz"
        try:
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                save_trace(self._capture(preset), path)
                self.done += 1
            trace = load_trace(path)
            self._note(trace)
            return Captured(str(path), trace.content_hash)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        except SpikewattError as error:
            return Captured(str(path), "", f"{type(error).__name__}: {error}")

    def _note(self, trace: Trace) -> None:
        said = trace.origin.get("warnings")
        new = [str(line) for line in said if line not in self.warnings] if isinstance(said, list) else []
        self.warnings += new

    def _capture(self, preset: Preset) -> Trace:
        """The forward pass, and where a shape is asked for, a trace of that shape drawn like it."""
        source = self._source
        name = f"{preset.name}-T{preset.encoding.n_timesteps}"
        options = ModelOptions(source.bos, source.ignore_config_keys)
        trace, _ = capture(source.model, self._text(), preset, source.tokens, name, options=options)
        if source.shape is None:
            return trace
        return statistical_trace(source.shape, trace, source.shape_tokens, name=f"{source.shape}-{name}")

    def _text(self) -> str:
        return read_text(Path(self._source.text))
