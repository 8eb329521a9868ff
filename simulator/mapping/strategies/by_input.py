"""Inputs are cut before outputs: each spike goes to one or few blocks of a layer, and partial sums travel."""

from __future__ import annotations

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import Cut, ceil_div, nothing_fits, part_size, rows_that_fit
from simulator.trace.trace_program import Layer


def cut_inputs_first(layer: Layer, chip: ChipConfig) -> Cut:
    """Fewest cuts of the outputs, then fewest of the inputs; raises CapacityError when not even one synapse fits."""
    col_parts = ceil_div(layer.n_out, chip.core.limits.neurons)
    while (rows := rows_that_fit(part_size(layer.n_out, col_parts), layer, chip)) == 0:
        if col_parts >= layer.n_out:
            raise nothing_fits(layer, chip)
        col_parts = min(2 * col_parts, layer.n_out)
    return Cut(ceil_div(layer.n_in, rows), col_parts)
