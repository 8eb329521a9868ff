"""The code of a trace of spikes that nobody encoded: those of a network that spikes already."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.preset import Preset
from simulator.trace.encoding import Encoding

Counts = NDArray[np.int16]


def counts_encoding(preset: Preset | None, spikes: Mapping[str, Counts], mixed: bool) -> Encoding:
    """The code of a trace that holds these spikes.

    Where all streams spike already, it unrolls over no more timesteps than the largest count needs: one where a spike
    is a spike. ``mixed``: other streams are encoded, with the encoding of the preset, which must hold the spikes too.

    Raises
    ------
    ModelError
        The preset's counts do not hold a spike, or unroll over more timesteps than the spikes do.
    """
    lowest = min(min(int(counts.min()), 0) for counts in spikes.values()) if spikes else 0
    largest = max(max(int(counts.max()), -lowest, 1) for counts in spikes.values()) if spikes else 1
    if preset is None:
        return Encoding("ternary" if lowest < 0 else "binary", largest)
    own = Encoding(preset.code, largest)
    encoding = preset.encoding if mixed else own
    if largest > encoding.levels or (lowest < 0 and not encoding.signed):
        held = f"{-encoding.levels if encoding.signed else 0} to {encoding.levels}"
        raise ModelError(
            f"preset {preset.name}: counts {held}, and the network sends {lowest} to {largest}; take a"
            f" {'signed code' if lowest < 0 and not encoding.signed else 'preset of more levels'}"
        )
    if spikes and encoding.n_timesteps > own.n_timesteps:
        raise ModelError(
            f"preset {preset.name}: {encoding.n_timesteps} timesteps, and streams that spike already need"
            f" {own.n_timesteps}: a trace has one number for all, the rest would be charged to them; take a preset of"
            " one timestep (int8), none (real numbers are dense products then), or spikes=False"
        )
    return encoding
