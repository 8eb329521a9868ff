"""Presets: everything that makes a model spike-driven, in a YAML file by name: code, encoder, rotation, weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from simulator.config.chip_inheritance import is_path
from simulator.config.field_types import Count, Frozen, Name, Positive, Text
from simulator.config.validate import Path as Keys
from simulator.config.validate import validate
from simulator.config.yaml_marks import MapNode, read_marked
from simulator.errors import ConfigError, ModelError, did_you_mean
from simulator.model.attention_rule import AttentionRule
from simulator.model.encoder import Encoder, encoding_for
from simulator.model.preset_rules import broken_encoder, broken_head, broken_length, broken_scales, broken_weights
from simulator.model.rotation import Rotation
from simulator.model.threshold import EncoderRule, Rounding, Rule
from simulator.model.weights import FLOAT_BITS, FloatFormat, WeightRounding
from simulator.shipped import PACKAGE
from simulator.trace.codes import Code
from simulator.trace.encoding import Encoding

# Last parts of the ids of streams: those of the linear layers, and those of attention.
STREAM_KINDS = ("attn_in", "attn_out", "mlp_in", "mlp_hidden", "attn_q", "attn_k", "attn_v", "attn_p", "head_in")
STREAM_KEY = re.compile(rf"(blocks\.[0-9]+\.)?({'|'.join(STREAM_KINDS)})")
Share = Annotated[float, Field(gt=0, le=1, strict=True)]
NotNegative = Annotated[float, Field(ge=0, strict=True)]


class EncoderFields(Frozen):
    """How values become counts; what a stream does not say is as in the preset's `encoder`."""

    threshold: Rule | None = Field(default=None, description="what sets the step of a token (default absmax)")
    gamma: Share | None = Field(
        default=None, description="of `quantile`: share of |x| within the levels; of `static`: of the calibration"
    )
    k: Positive | None = Field(default=None, description="of `mean`: steps in the mean of |x|")
    step: Positive | None = Field(default=None, description="of `static`: value of a spike; when absent, from a text")
    steps: Count | None = Field(default=None, description="steps in the range, when fewer than the levels")
    clip: Count | None = Field(default=None, description="largest absolute count, when below the levels")
    dead_zone: NotNegative | None = Field(default=None, description="steps below which a value is silent (default 0)")
    rounding: Rounding | None = Field(
        default=None, description="default nearest; of the probabilities of attention error_diffusion"
    )

    def over(self, base: EncoderFields) -> EncoderFields:
        """These fields, and those of ``base`` where these are silent."""
        return EncoderFields(**(base.model_dump(exclude_none=True) | self.model_dump(exclude_none=True)))

    def rule(self) -> EncoderRule:
        """The rule that the fields make, with the defaults of `EncoderRule`."""
        return EncoderRule(**self.model_dump(exclude_none=True))


# Many probabilities are below half a step. Rounded each by itself they are lost, and with them much of a head's mass.
DIFFUSED = EncoderFields(rounding="error_diffusion")


class WeightFields(Frozen):
    """Weights of the linear layers."""

    bits: Literal[4, 8, 16] = Field(default=8, description="8 or 4: integers; 16: floats")
    group: Count | None = Field(default=None, description="inputs that share a scale; all of an output when absent")
    format: FloatFormat | None = Field(default=None, description="of 16 bits: which float; bfloat16 when absent")
    rounding: WeightRounding = Field(
        default="nearest", description="`gptq`: errors are compensated by other weights, on a text"
    )
    head_bits: Literal[4, 8, 16] | None = Field(
        default=None,
        description="of a dense LM head, and of an embedding tied to it; `bits` when absent. 16 with integer weights:"
        " as in the files of the model",
    )
    text: Text | None = Field(
        default=None, description="of `gptq`: text file, next to the preset; when absent, a short shipped text"
    )

    @property
    def bits_of_head(self) -> int:
        """Bits of a weight of a dense head."""
        return self.head_bits or self.bits

    @property
    def float_format(self) -> FloatFormat:
        """The float of 16 bits."""
        return self.format or "bfloat16"

    @property
    def in_words(self) -> str:
        """For the origin of a trace."""
        if self.bits == FLOAT_BITS:
            return self.float_format
        scale = "per output channel" if self.group is None else f"for every {self.group} inputs of an output channel"
        if self.rounding == "gptq":
            return f"int{self.bits} rounded by GPTQ, symmetric {scale}"
        return f"int{self.bits}, symmetric {scale}, rounded to nearest"


class AttentionFields(Frozen):
    """What of attention is spiking, and how wide the KV cache is; see `AttentionRule`."""

    queries: bool = Field(default=False, description="QK^T by spikes of the queries")
    keys: bool = Field(default=False, description="cached keys are spike counts")
    values: bool = Field(default=False, description="cached values are spike counts")
    probabilities: bool = Field(default=False, description="PV by spikes of the probabilities")
    kv_bits: Literal[4, 8, 16] = Field(default=16, description="KV cache: 8 or 4 for integers, 16 for floats")

    def rule(self) -> AttentionRule:
        """The rule that the fields make."""
        return AttentionRule(**self.model_dump())


class Preset(Frozen):
    """What each stream and each weight of a model uses."""

    name: Name
    summary: Text
    code: Code = "ternary"
    timesteps: Count | None = Field(default=None, description="T of the code; say this or `levels`")
    levels: Count | None = Field(default=None, description="largest absolute count; say this or `timesteps`")
    rotation: Rotation = "none"
    seed: Annotated[int, Field(ge=0, strict=True)] = Field(
        default=0, description="of the signs, or of the random rotation"
    )
    moments: Text | None = Field(
        default=None,
        description="of `online`: file of a calibration (.npz), next to the preset; when absent, a shipped text",
    )
    prefix: Literal["bos"] | None = Field(default=None, description="`bos`: that token passed as a float beforehand")
    smooth: Share | None = Field(default=None, description="alpha: part of the activations' range moved into weights")
    encoder: EncoderFields = EncoderFields()
    streams: dict[str, EncoderFields] = Field(
        default={},
        description="settings that differ for a type of streams (mlp_hidden) or one stream (blocks.0.mlp_hidden)",
    )
    weights: WeightFields = WeightFields()
    attention: AttentionFields = AttentionFields()
    head: Literal["dense", "spiking"] = Field(
        default="dense", description="LM head as a dense op, or as a layer driven by spikes"
    )

    @property
    def encoding(self) -> Encoding:
        """Code and levels of every stream."""
        if self.levels is not None:
            return Encoding(self.code, self.levels)
        return encoding_for(self.code, self.timesteps or 1)

    def encoder_of(self, stream_id: str) -> Encoder:
        """The encoder of a stream: its own fields, over those of its type, over those of all."""
        kind = stream_id.rsplit(".", 1)[-1]
        base = self.encoder.over(DIFFUSED) if kind == "attn_p" else self.encoder
        fields = self.streams.get(kind, EncoderFields()).over(base)
        return Encoder(self.encoding, self.streams.get(stream_id, EncoderFields()).over(fields).rule())

    def with_attention(self, rule: AttentionRule) -> Preset:
        """The same with attention by this rule. Raises ModelError when the cache cannot hold the counts."""
        rule.check(self.encoding)
        return self.model_copy(update={"attention": AttentionFields(**asdict(rule))})

    def with_steps(self, steps: Mapping[str, float]) -> Preset:
        """The same with a step for each of these streams, by id."""
        own = {i: EncoderFields(step=step).over(self.streams.get(i, EncoderFields())) for i, step in steps.items()}
        return self.model_copy(update={"streams": {**self.streams, **own}})

    def with_files(self, place: Callable[[str], str]) -> Preset:
        """The same with another path for each file that it names."""
        changed: dict[str, object] = {}
        if self.moments is not None:
            changed["moments"] = place(self.moments)
        if self.weights.text is not None:
            changed["weights"] = self.weights.model_copy(update={"text": place(self.weights.text)})
        return self.model_copy(update=changed)

    def with_timesteps(self, timesteps: int) -> Preset:
        """The same under another T; clips stay as they are. Raises ModelError when the code has no such T."""
        encoding_for(self.code, timesteps)
        return self.model_copy(update={"timesteps": timesteps, "levels": None})


def as_preset(choice: Encoding | Preset | str) -> Preset:
    """A preset as it is, or by name or path (`load_preset`).

    Of an encoding: absmax counts (minimum and maximum for unsigned ones) on INT8 weights.
    """
    if isinstance(choice, str):
        return load_preset(choice)
    return choice if isinstance(choice, Preset) else _plain(choice)


def _plain(encoding: Encoding) -> Preset:
    summary = "absmax thresholds, INT8 weights, no rotation"
    return Preset(name=encoding.code, summary=summary, code=encoding.code, levels=encoding.levels)


def presets_directory() -> Path:
    """The shipped presets, inside the package."""
    return PACKAGE / "model" / "presets"


def shipped_presets() -> dict[str, Path]:
    """Name -> file of every shipped preset, sorted."""
    return {path.stem: path for path in sorted(presets_directory().glob("*.yaml"), key=lambda path: path.stem)}


def list_presets() -> list[tuple[str, str]]:
    """(name, summary) of every shipped preset, by name."""
    return [(name, load_preset(name).summary) for name in shipped_presets()]


def load_preset(name_or_path: str) -> Preset:
    """Load a shipped preset by name, or a preset file by its path (it ends in ``.yaml`` or has a slash).

    Raises
    ------
    ConfigError
        With every problem of the file, one line each.
    """
    shipped = shipped_presets()
    if is_path(name_or_path):
        path = Path(name_or_path)
    elif name_or_path in shipped:
        path = shipped[name_or_path]
    else:
        names = ", ".join(shipped)
        guess = did_you_mean(name_or_path, shipped)
        raise ConfigError([f"unknown preset '{name_or_path}', expected one of {names} or a .yaml file{guess}"])
    root, problems = read_marked(path, name_or_path if is_path(name_or_path) else path.name)
    preset = validate(Preset, root, problems, broken_preset_rules)
    return preset.with_files(lambda name: str(path.parent / name))


def is_preset(path: Path) -> bool:
    """Whether a YAML file means to be a preset: it has one of the keys that only presets have. Raises ConfigError."""
    root, _ = read_marked(path, str(path))
    return isinstance(root, MapNode) and not {"timesteps", "levels", "encoder", "rotation"}.isdisjoint(root.items)


def broken_preset_rules(preset: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Rules between fields: one of timesteps and levels, in range for the code; fields that the threshold reads."""
    yield from broken_length(preset)
    yield from broken_scales(preset)
    yield from _broken_attention(preset)
    yield from broken_weights(preset.get("weights"))
    yield from broken_head(preset)
    base = preset.get("encoder") if isinstance(preset.get("encoder"), Mapping) else {}
    streams = preset.get("streams") if isinstance(preset.get("streams"), Mapping) else {}
    assert isinstance(base, Mapping)
    assert isinstance(streams, Mapping)
    yield from broken_encoder(base, ("encoder",), preset.get("code"))
    for kind, own in streams.items():
        if not STREAM_KEY.fullmatch(str(kind)):
            known = f"expected one of {', '.join(STREAM_KINDS)}, or the id of one stream such as blocks.0.mlp_hidden"
            yield ("streams", kind), f"found no such stream, {known}{did_you_mean(str(kind), STREAM_KINDS)}"
        if isinstance(own, Mapping):
            yield from broken_encoder({**base, **own}, ("streams", kind), preset.get("code"))


def _broken_attention(preset: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Spikes meet integers, and the counts of keys and values fit the cache."""
    fields, levels = preset.get("attention"), preset.get("levels")
    if not isinstance(fields, Mapping):
        return
    try:
        rule = AttentionFields.model_validate(fields).rule()
        code, timesteps = preset.get("code", "ternary"), preset.get("timesteps")
        rule.check(Encoding(code, levels) if isinstance(levels, int) else encoding_for(code, timesteps or 1))
    except ModelError as error:
        yield ("attention", "kv_bits"), str(error)
    except (ValueError, TypeError):  # of single fields: reported with their own lines
        return
