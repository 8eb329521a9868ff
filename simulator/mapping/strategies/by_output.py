"""Outputs are cut before inputs: each spike goes to all blocks of a layer, and few or no partial sums travel."""

from __future__ import annotations

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import Cut, ceil_div, cols_that_fit, nothing_fits, part_size
from simulator.trace.trace_program import Layer


def cut_outputs_first(layer: Layer, chip: ChipConfig) -> Cut:
    """Fewest cuts of the inputs, then fewest of the outputs; raises CapacityError when not even one synapse fits."""
    row_parts = ceil_div(layer.n_in, chip.core.limits.axons_in)
    while (cols := int(cols_that_fit(part_size(layer.n_in, row_parts), layer, chip))) == 0:
        if row_parts >= layer.n_in:
            raise nothing_fits(layer, chip)
        row_parts = min(2 * row_parts, layer.n_in)
    return Cut(row_parts, ceil_div(layer.n_out, cols))
