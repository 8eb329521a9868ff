"""What a user asks of the capture of a torch module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.model.preset import Preset, WeightFields
from simulator.model.torch_timesteps import TimeAxis
from simulator.model.torch_tokens import Mask

# (clipped values by type of stream, warnings) -> the origin of the trace.
Origin = Callable[[Mapping[str, int], tuple[str, ...]], dict[str, object]]


@dataclass(frozen=True)
class Choices:
    """The arguments of `torch_capture.capture_torch` that any module takes.

    Attributes
    ----------
    preset
        Encoder and weights; None for a network whose layers are all fed spikes.
    spikes
        Whether the module is a spiking network; None to look.
    time
        Where its tensors hold timesteps.
    mask
        Bool [samples, tokens]: which tokens are not padding; None where all are.
    allow_partial
        Whether weights outside the captured layers are a warning.
    """

    preset: Preset | None
    spikes: bool | None = None
    time: TimeAxis = field(default_factory=TimeAxis)
    mask: Mask | None = None
    allow_partial: bool = False

    @property
    def weights(self) -> WeightFields:
        """Weights on the chip: those of the preset, or INT8."""
        return WeightFields() if self.preset is None else self.preset.weights
