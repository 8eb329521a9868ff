"""Rules between the fields of a preset, as a file has them: where one is broken, and what was found and expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.config.validate import Path as Keys
from simulator.errors import ModelError
from simulator.model.encoder import encoding_for
from simulator.model.weights import FLOAT_BITS, WEIGHT_BITS
from simulator.trace.codes import MAX_LEVELS, SPECS


def broken_length(preset: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """One of timesteps and levels, in range for the code."""
    code, timesteps, levels = (preset.get(key) for key in ("code", "timesteps", "levels"))
    if (timesteps is None) == (levels is None):
        found = "neither `timesteps` nor `levels`" if timesteps is None else "both `timesteps` and `levels`"
        yield ("timesteps",), f"found {found}, expected one of them"
    elif isinstance(timesteps, int) and isinstance(code, str):
        try:
            encoding_for(code, timesteps)
        except ModelError as error:
            yield ("timesteps",), str(error)
    elif isinstance(levels, int) and levels > MAX_LEVELS:
        yield ("levels",), f"found {levels}, expected 1 to {MAX_LEVELS}"


def broken_scales(preset: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Moments belong to the rotation `online`, which has channel scales of its own."""
    rotation = preset.get("rotation", "none")
    if preset.get("moments") is not None and rotation != "online":
        yield ("moments",), f"found moments under rotation {rotation}, expected rotation online"
    if preset.get("smooth") is not None and rotation == "online":
        yield ("smooth",), "found smoothing under rotation online, expected one of them: online scales the channels"


def broken_weights(fields: object) -> Iterator[tuple[Keys, str]]:
    """A float format belongs to floats, groups to integers."""
    if isinstance(fields, Mapping):
        bits = fields.get("bits", WEIGHT_BITS)
        if fields.get("format") is not None and bits != FLOAT_BITS:
            yield (
                ("weights", "format"),
                f"found {fields['format']} for weights of {bits} bits, expected {FLOAT_BITS} bits",
            )
        if fields.get("group") is not None and bits == FLOAT_BITS:
            yield (
                ("weights", "group"),
                f"found a group for weights of {FLOAT_BITS} bits, expected 8 or 4: floats have no scale",
            )
        if fields.get("rounding") == "gptq" and bits == FLOAT_BITS:
            yield ("weights", "rounding"), f"found gptq for weights of {FLOAT_BITS} bits, expected 8 or 4"
        if fields.get("text") is not None and fields.get("rounding") != "gptq":
            yield ("weights", "text"), "found a text for weights rounded to nearest, expected rounding gptq"


def broken_head(preset: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """A head that is a layer has the bits of the layers."""
    weights = preset.get("weights")
    bits = weights.get("head_bits") if isinstance(weights, Mapping) else None
    if bits is not None and preset.get("head") == "spiking":
        yield ("weights", "head_bits"), f"found {bits} for a spiking head, which has the `bits` of the other layers"


def broken_encoder(fields: Mapping[str, Any], at: Keys, code: object) -> Iterator[tuple[Keys, str]]:
    """Fields that a threshold reads are there, and unsigned counts have only what belongs to them."""
    threshold = fields.get("threshold", "absmax")
    for needed, rule in (("gamma", "quantile"), ("k", "mean")):
        if threshold == rule and fields.get(needed) is None:
            yield (*at, "threshold"), f"found '{rule}' without `{needed}`, expected both"
    if any(code == name and not spec.signed for name, spec in SPECS.items()):
        if threshold not in ("absmax", "quantile"):
            yield (*at, "threshold"), f"found '{threshold}' for unsigned counts, expected absmax or quantile"
        if fields.get("clip") is not None:
            yield (*at, "clip"), "found a clip for unsigned counts, expected none: their range holds its zero point"
