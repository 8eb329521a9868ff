"""A trace as a chip replays it: with nested trains where the chip reuses their rows."""

from __future__ import annotations

from dataclasses import replace

from simulator.config.chip import ChipConfig
from simulator.errors import ConfigError
from simulator.trace.codes import NESTED
from simulator.trace.trace import Trace


def as_replayed(trace: Trace, chip: ChipConfig) -> Trace:
    """``trace`` with nested trains if ``chip`` has ``core.synapse.reuse: nested`` and replays spikes, else without.

    Raises
    ------
    ConfigError
        When the chip nests trains and those of the trace are not unary.
    """
    nested = chip.core.synapse.reuse == "nested" and chip.replay == "captured"
    if nested and trace.encoding.code not in NESTED:
        raise ConfigError(
            [
                f"{chip.name}: core.synapse.reuse: found nested, expected none because the trace is"
                f" {trace.encoding.code}; only trains of {' or '.join(NESTED)} are nested (--encoding ternary)"
            ]
        )
    return trace if nested == trace.encoding.nested else replace(trace, encoding=replace(trace.encoding, nested=nested))
