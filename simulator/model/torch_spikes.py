"""Whether a layer is fed spikes already: small integers, or one step per channel as a converted network sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.trace.codes import MAX_LEVELS
from simulator.trace.encoding import Encoding

# A step per channel is believed when spikes repeat it and silence interrupts it; no real activations do both.
SPIKES_PER_CHANNEL = 2
CHANNELS_WITH_SILENCE = 0.5

Reading = Literal["counts", "steps", "silent", "real"]


@dataclass
class InputValues:
    """What the inputs of one layer were in all of its calls.

    Attributes
    ----------
    of_module
        Whether they are what the module was called with, not what it multiplied.
    n_calls, n_rows
        Calls of the layer, and vectors in all of them.
    keys
        Key of each call (`torch_streams.StreamKeys`).
    lowest, highest
        Bounds of the values.
    """

    of_module: bool = False
    n_calls: int = 0
    n_rows: int = 0
    keys: list[bytes] = field(default_factory=list)
    lowest: float = 0.0
    highest: float = 0.0
    _integers: bool = True
    _stepped: bool = True
    _step: F32 | None = None  # of each channel: the size of its spikes, 0 before the first
    _spikes: NDArray[np.int64] | None = None
    _silences: NDArray[np.int64] | None = None

    def add(self, values: F32, key: bytes) -> None:
        """One call: values [*, n]."""
        rows = np.abs(values.reshape(-1, values.shape[-1]))
        self.n_calls += 1
        self.n_rows += len(rows)
        self.keys.append(key)
        if not rows.size:
            return
        self.lowest, self.highest = min(self.lowest, float(values.min())), max(self.highest, float(values.max()))
        self._integers = self._integers and bool(np.isfinite(rows).all()) and bool((np.rint(rows) == rows).all())
        if self._step is None:
            self._step = np.zeros(rows.shape[1], np.float32)
            self._spikes, self._silences = np.zeros((2, rows.shape[1]), np.int64)
        if self._stepped and self._step.shape == rows.shape[1:]:
            self._add_steps(rows)

    def _add_steps(self, rows: F32) -> None:
        assert self._step is not None
        assert self._spikes is not None
        assert self._silences is not None
        self._step = np.where(self._step > 0, self._step, rows.max(axis=0))
        fired = rows > 0
        self._stepped = bool(np.allclose(rows, fired * self._step, rtol=1e-5, atol=0))
        self._spikes += fired.sum(axis=0)
        self._silences += (~fired).sum(axis=0)

    @property
    def largest(self) -> float:
        """The largest absolute value."""
        return max(-self.lowest, self.highest)

    @property
    def reading(self) -> Reading:
        """What the values look like."""
        if self.largest == 0:
            return "silent" if self._integers else "real"
        if self._integers:
            return "counts" if self.largest <= MAX_LEVELS else "real"
        return "steps" if self._stepped and self._is_interrupted() else "real"

    def _is_interrupted(self) -> bool:
        assert self._spikes is not None
        assert self._silences is not None
        active = self._spikes > 0
        repeated = self._spikes.sum() >= SPIKES_PER_CHANNEL * active.sum()
        return bool(repeated and (self._silences[active] > 0).mean() >= CHANNELS_WITH_SILENCE)

    @property
    def largest_count(self) -> int:
        """The largest absolute count, where the values are spikes."""
        return int(self.largest) if self.reading == "counts" else int(self.reading == "steps")

    def fits(self, encoding: Encoding) -> bool:
        """Whether the counts of an encoding hold these spikes."""
        return self.largest_count <= encoding.levels and (encoding.signed or self.lowest >= 0)


def best_reading(multiplied: InputValues, fed: InputValues) -> InputValues:
    """Spikes that a module is fed, where it multiplies something else (SpikingJelly's TDLinear: their running sum)."""
    spikes = ("counts", "steps")
    return fed if multiplied.reading == "real" and fed.reading in spikes else multiplied


def counts_of(values: F32, reading: Reading) -> NDArray[np.int16]:
    """Spike counts of values that are spikes: themselves, or their signs where each channel has its own step."""
    return (np.sign(values) if reading == "steps" else values).astype(np.int16)


@dataclass(frozen=True)
class NetworkReading:
    """How the layers of a module are read.

    Attributes
    ----------
    as_they_are
        Layer -> how its inputs are spikes; the inputs of the others are encoded.
    spiking
        Whether the module is a spiking network: its calls are timesteps and its outputs are kept.
    numbers
        Layers that are fed integers which are encoded all the same.
    of_module
        Layers whose spikes are what their module was called with (`InputValues.of_module`).
    """

    as_they_are: Mapping[str, Reading]
    spiking: bool
    numbers: tuple[str, ...] = ()
    of_module: frozenset[str] = frozenset()


def read_network(seen: Mapping[str, InputValues], encoding: Encoding | None, spikes: bool | None) -> NetworkReading:
    """Which layers are fed spikes, and whether the network is a spiking one.

    It is where a layer behind the first is fed spikes, or every layer that is not silent. Integers that the encoder's
    counts do not hold are numbers where other layers are fed real ones (pixels from 0 to 255).

    Parameters
    ----------
    seen
        By layer, in the order of calls.
    encoding
        That of the encoder; None where there is none.
    spikes
        True or False: the network is, or is not, a spiking one, whatever its inputs look like.
    """
    if spikes is False or not seen:
        return NetworkReading({}, False)
    found = looks = {layer_id: values.reading for layer_id, values in seen.items()}
    if "real" in found.values() and encoding is not None and not spikes:
        found = {i: reading if seen[i].fits(encoding) else "real" for i, reading in found.items()}
    first = next(iter(seen.values())).keys
    fed = {i: reading for i, reading in found.items() if reading in ("counts", "steps")}
    behind = [i for i in fed if seen[i].keys != first]
    if spikes or behind or (fed and "real" not in found.values()):
        of_module = frozenset(i for i, values in seen.items() if values.of_module)
        return NetworkReading({i: reading for i, reading in found.items() if reading != "real"}, True, (), of_module)
    numbers = tuple(i for i, reading in looks.items() if reading == "counts" and i not in fed)
    return NetworkReading({i: reading for i, reading in fed.items() if reading == "counts"}, False, numbers)
