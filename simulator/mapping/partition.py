"""Partition: layers and vectors of stages cut into blocks, in the order of execution."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

from simulator.config.chip import ChipConfig
from simulator.errors import CapacityError
from simulator.mapping.capacity import Cut, block_sram_bytes, ceil_div, widened
from simulator.mapping.kv_cache_size import cache_bits, homes_for_cache, positions_held, sram_bytes
from simulator.mapping.strategies import cut_layer
from simulator.mapping.widths import Widths
from simulator.trace.trace import Trace
from simulator.trace.trace_program import Stage

CHIP_WIDTHS = Widths()  # all widths follow the chip file


class Part(NamedTuple):
    """A block that has no core yet, see `placement.Block`."""

    role: Literal["layer", "home"]
    owner: str
    row_start: int
    row_stop: int
    col_start: int
    col_stop: int
    sram_bytes: int


def even_ranges(total: int, parts: int) -> list[tuple[int, int]]:
    """``parts`` consecutive ranges that cover 0..total and differ in length by at most one."""
    edges = [total * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def partition(trace: Trace, chip: ChipConfig, widths: Widths = CHIP_WIDTHS) -> list[list[Part]]:
    """Blocks of each stage of a trace's program: its home cores, then its layers, as wide as ``widths`` says.

    Raises
    ------
    CapacityError
        When a layer cannot be cut to fit (`strategies.cut_layer`), or a KV cache (`kv_cache.homes_for_cache`).
    """
    return [
        [*_home(stage, trace, chip, widths), *(part for i in stage.layers for part in _layer(i, trace, chip, widths))]
        for stage in trace.stages
    ]


def least_cores(trace: Trace, chip: ChipConfig, widths: Widths = CHIP_WIDTHS) -> int:
    """Cores that the trace takes at least, found without making a block.

    It is the number of cores itself where each has a block of its own. A program far beyond the chip is refused by
    it at once, instead of after millions of blocks.

    Raises
    ------
    CapacityError
        As `partition`.
    """
    homes = [_home_parts(stage, trace, chip, widths) for stage in trace.stages]
    cuts = {layer.layer_id: _cut(layer.layer_id, trace, chip, widths) for layer in trace.layers}
    blocks = [sum(cuts[i].n_blocks for i in stage.layers) for stage in trace.stages]
    if chip.mapping.weights == "streamed":
        return max(map(sum, zip(homes, blocks, strict=True)))
    if not chip.mapping.share_cores:
        return sum(homes) + sum(blocks)
    placed = [(trace.layer_by_id[i], cuts[i]) for stage in trace.stages for i in stage.layers]
    return max(
        ceil_div(sum(layer.n_out * cut.row_parts for layer, cut in placed), chip.core.limits.neurons),
        ceil_div(sum(layer.n_in * cut.col_parts for layer, cut in placed), chip.core.limits.axons_in),
        ceil_div(sum(layer.n_in * layer.n_out * layer.weight_bits for layer, _ in placed), 8 * chip.core.sram.capacity),
    )


def _home_parts(stage: Stage, trace: Trace, chip: ChipConfig, widths: Widths) -> int:
    """Blocks of the home cores of a stage: as given, or as few as neurons, axons and a KV cache in SRAM allow."""
    return max(
        ceil_div(stage.width, chip.core.limits.neurons),
        homes_for_cache(stage, trace, chip),
        homes_for_axons(stage, sum(_cut(i, trace, chip, widths).col_parts for i in stage.layers), chip),
        widths.homes.get(stage.stage_id, 1),
    )


def homes_for_axons(stage: Stage, targets: int, chip: ChipConfig) -> int:
    """Fewest home cores whose axons lead every neuron of a stage to ``targets`` cores, see `core.limits.axons_out`.

    Raises
    ------
    CapacityError
        When the axons of a core do not do for one neuron.
    """
    bound, demand = chip.core.limits.axons_out, min(targets, 1) if chip.noc.multicast else targets
    if bound is None or not demand:
        return 1
    if demand > bound:
        raise CapacityError(
            f"{chip.name}: {stage.stage_id}: a neuron needs {demand} axons out, one for each core that it drives,"
            f" limit {bound} ({demand - bound} over); raise core.limits.axons_out or core.sram.capacity, or set"
            " noc.multicast"
        )
    return ceil_div(stage.width, bound // demand)


def _cut(layer_id: str, trace: Trace, chip: ChipConfig, widths: Widths) -> Cut:
    """The cut that a layer is given, or that of the strategy of the chip file, in as many blocks as are asked for."""
    if layer_id in widths.cuts:
        return widths.cuts[layer_id]
    layer = trace.layer_by_id[layer_id]
    return widened(cut_layer(layer, chip), widths.layer_cores.get(layer_id, 1), layer, chip)


def _home(stage: Stage, trace: Trace, chip: ChipConfig, widths: Widths) -> Iterator[Part]:
    """The values of a stage, spread evenly over its cores."""
    parts = _home_parts(stage, trace, chip, widths)
    sram = 0
    if chip.mapping.kv_cache == "sram":
        sram = sram_bytes(cache_bits(stage, trace), positions_held(trace, chip), parts, chip)
    for start, stop in even_ranges(stage.width, parts):
        yield Part("home", stage.stage_id, 0, 0, start, stop, sram)


def _layer(layer_id: str, trace: Trace, chip: ChipConfig, widths: Widths) -> Iterator[Part]:
    """The synapses of a layer, row part by row part; the first row part holds the sums (root blocks)."""
    layer = trace.layer_by_id[layer_id]
    cut = _cut(layer_id, trace, chip, widths)
    for row_start, row_stop in even_ranges(layer.n_in, cut.row_parts):
        for col_start, col_stop in even_ranges(layer.n_out, cut.col_parts):
            sram = block_sram_bytes(row_stop - row_start, col_stop - col_start, layer.weight_bits, chip)
            yield Part("layer", layer.layer_id, row_start, row_stop, col_start, col_stop, sram)
