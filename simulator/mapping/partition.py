"""Partition: layers and homes of stages cut into blocks, one block per core, in the order of execution."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from simulator.config.chip import ChipConfig
from simulator.mapping.capacity import block_sram_bytes, ceil_div, cut_layer
from simulator.mapping.placement import Block
from simulator.trace.trace import Layer, Stage, Trace


def even_ranges(total: int, parts: int) -> list[tuple[int, int]]:
    """``parts`` consecutive ranges that cover 0..total and differ in length by at most one."""
    edges = [total * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def partition(trace: Trace, chip: ChipConfig) -> tuple[Block, ...]:
    """Blocks of a trace's program on consecutive cores: per stage its home, then its layers.

    Raises
    ------
    CapacityError
        When a layer cannot be cut to fit, see `cut_layer`.
    """
    blocks: list[Block] = []
    for stage in trace.stages:
        blocks += _numbered(_home_blocks(stage, chip), len(blocks))
        for layer_id in stage.layers:
            blocks += _numbered(_layer_blocks(trace.layer[layer_id], chip), len(blocks))
    return tuple(blocks)


def _home_blocks(stage: Stage, chip: ChipConfig) -> Iterator[Block]:
    """The values of a stage, spread over as few cores as the neuron limit allows."""
    parts = ceil_div(stage.width, chip.core.limits.neurons)
    for start, stop in even_ranges(stage.width, parts):
        yield Block(0, "home", stage.stage_id, 0, 0, start, stop, 0)


def _layer_blocks(layer: Layer, chip: ChipConfig) -> Iterator[Block]:
    """The synapses of a layer, row part by row part; the first row part holds the sums (root blocks)."""
    cut = cut_layer(layer, chip)
    for row_start, row_stop in even_ranges(layer.n_in, cut.row_parts):
        for col_start, col_stop in even_ranges(layer.n_out, cut.col_parts):
            sram = block_sram_bytes(row_stop - row_start, col_stop - col_start, layer.weight_bits, chip)
            yield Block(0, "layer", layer.layer_id, row_start, row_stop, col_start, col_stop, sram)


def _numbered(blocks: Iterator[Block], first: int) -> list[Block]:
    """The blocks on consecutive cores from ``first`` on."""
    return [
        Block(first + i, b.role, b.owner, b.row_start, b.row_stop, b.col_start, b.col_stop, b.sram_bytes)
        for i, b in enumerate(blocks)
    ]
