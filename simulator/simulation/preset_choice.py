"""Which preset a command of the language model uses: by name or file, or by a plain encoding, with changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulator.errors import SpikewattError
from simulator.model.attention_rule import rule_for
from simulator.model.encoder import encoding_for
from simulator.model.preset import Preset, as_preset, load_preset
from simulator.trace.codes import Code

TIMESTEPS = 15  # of a plain encoding


@dataclass(frozen=True)
class PresetChoice:
    """A preset and what replaces parts of it.

    Attributes
    ----------
    preset
        Name of a shipped preset, or path of a preset file; None: absmax counts under ``encoding``.
    encoding
        Code of the counts; None: ternary.
    timesteps
        Timesteps of a spike train; None: those of the preset, 15 for a plain encoding.
    attention, kv_bits
        Mode of the attention and bits of the KV cache; None: as in the preset.
    """

    preset: str | None = None
    encoding: Code | None = None
    timesteps: int | None = None
    attention: str | None = None
    kv_bits: int | None = None

    @property
    def is_float(self) -> bool:
        """Whether neither a preset nor a code is named, which some commands take for the float model."""
        return self.preset is None and self.encoding is None

    def files(self) -> tuple[Path, ...]:
        """Files that the preset is read from, where it is named by a path."""
        if self.preset is None or not Path(self.preset).is_file():
            return ()
        moments = load_preset(self.preset).moments
        return (Path(self.preset), *(() if moments is None else (Path(moments),)))

    def chosen(self) -> Preset:
        """The preset.

        Raises
        ------
        SpikewattError
            When both a preset and a code are named, or one of the values is refused.
        """
        base, rule = self._base(), None
        if self.attention is not None or self.kv_bits is not None:
            rule = rule_for(base.attention.rule() if self.attention is None else self.attention, self.kv_bits)
        return base if rule is None else base.with_attention(rule)

    def _base(self) -> Preset:
        """The preset with its own attention."""
        if self.preset is None:
            return as_preset(encoding_for(self.encoding or "ternary", self.timesteps or TIMESTEPS))
        if self.encoding is not None:
            raise SpikewattError("found --preset and --encoding, expected one of them")
        loaded = load_preset(self.preset)
        return loaded if self.timesteps is None else loaded.with_timesteps(self.timesteps)
