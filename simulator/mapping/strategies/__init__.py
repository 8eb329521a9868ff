"""Strategies: how a layer is cut into blocks that fit a core. A new one is a module here and a line in `STRATEGIES`."""

from __future__ import annotations

from collections.abc import Callable

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import ROW_FACTORS, Cut, ceil_div, cols_that_fit
from simulator.mapping.strategies.blocks_2d import cut_in_squares
from simulator.mapping.strategies.by_input import cut_inputs_first
from simulator.mapping.strategies.by_output import cut_outputs_first
from simulator.trace.trace_program import Layer

# name in the chip file (`mapping.strategy`) -> cut of a layer
STRATEGIES: dict[str, Callable[[Layer, ChipConfig], Cut]] = {
    "by_output": cut_outputs_first,
    "by_input": cut_inputs_first,
    "blocks_2d": cut_in_squares,
}


def cut_layer(layer: Layer, chip: ChipConfig) -> Cut:
    """The cut of a layer under the strategy of the chip file; raises CapacityError when a synapse fits no core."""
    return STRATEGIES[chip.mapping.strategy](layer, chip)


def fewest_col_parts(layer: Layer, chip: ChipConfig) -> int:
    """Fewest blocks along the outputs of a layer, cut by the chip file or by the mapper: as many as a spike goes to.

    Raises
    ------
    CapacityError
        When a synapse fits no core.
    """
    row_parts = ROW_FACTORS[-1] * ceil_div(layer.n_in, chip.core.limits.axons_in)
    most = int(cols_that_fit(ceil_div(layer.n_in, min(row_parts, layer.n_in)), layer, chip))
    return min(cut_layer(layer, chip).col_parts, ceil_div(layer.n_out, most) if most else 1)
