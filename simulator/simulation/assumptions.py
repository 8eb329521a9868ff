"""The assumptions of a run that its report states as warnings."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from simulator.actions import is_power
from simulator.config.chip import ChipConfig
from simulator.energy.prices import UnitPrice, chip_prices
from simulator.mapping.mapped import Mapped
from simulator.report.fit_verdict import many_chips
from simulator.report.format import format_power
from simulator.report.storage_table import unbounded
from simulator.trace.trace import Trace


def assumptions(mapped: Mapped) -> tuple[str, ...]:
    """The assumptions of a run and of its trace; those that follow from prices come last."""
    chip, trace = mapped.chip, mapped.trace
    return (
        *_always(chip, trace),
        *many_chips(mapped.placement.n_chips),
        *_straddling(mapped),
        *unbounded(mapped),
        *_of_drawn_counts(trace),
        *unpublished(chip),
    )


def _always(chip: ChipConfig, trace: Trace) -> tuple[str, ...]:
    """Assumptions behind every number of a run."""
    spiking = {"qk": "QK^T", "pv": "PV"}
    added = [name for kind, name in spiking.items() if any(op.kind == kind and op.stream for op in trace.ops)]
    dense = [name for name in spiking.values() if name not in added]
    head = ", norms and the LM head" if any(op.kind == "head" for op in trace.ops) else " and norms"
    products = f"attention products ({', '.join(dense)}), " if dense else ""
    spiking_attention = "; `capture --preset sdllm-attention` lets the products spike" if dense else ""
    idle = (
        "cores that are idle in a stage update no neurons; their leakage is counted as static power, which"
        " chip.gating=core switches off"
    )
    return (
        f"{products}softmax{head} do not spike: the vector unit computes them at the prices of vector.*"
        f"{spiking_attention}",
        *(
            (
                f"{' and '.join(added)}: every spike reads its row of the KV cache again, as it reads a row of"
                " weights; a preset without spiking attention reads each row once",
            )
            if added
            else ()
        ),
        *_order_of_tokens(chip),
        *_of_handshakes(chip),
        *_of_reuse(chip),
        *_of_gathering(chip),
        *_of_gating(chip),
        *((idle,) if chip.core.soma.every == "timestep" else ()),
    )


def _straddling(mapped: Mapped) -> Iterator[str]:
    """Stages that lie on several chips although one would hold them: the chip file allows too few chips."""
    placement, grid = mapped.placement, mapped.chip.chip
    for stage in mapped.trace.stages:
        blocks = (block for owner in (stage.stage_id, *stage.layers) for block in placement.of(owner))
        cores = sorted({block.core for block in blocks})
        if len(cores) <= grid.n_cores and len(np.unique(placement.chip_of(placement.core_router[cores]))) > 1:
            yield (
                f"{stage.stage_id} and perhaps other stages are spread over two chips, because {grid.max_chips}"
                " chips do not hold whole stages;"
                " their spikes cross links between chips: raise chip.max_chips"
            )
            return


def unpublished(chip: ChipConfig) -> Iterator[str]:
    """What no source gives of the chip as a whole: its leakage, its area."""
    assumed = [p for name, p in chip_prices(chip).items() if is_power(name) and p.grade == "assumed"]
    if assumed:
        ranged = any(price.low_pj_per_count is not None or price.high_pj_per_count is not None for price in assumed)
        ends = ("low_pj_per_count", "high_pj_per_count")
        low, high = (math.fsum(_end(price, end) for price in assumed) for end in ends)
        span = f" ({format_power(low)} to {format_power(high)})" if ranged else ""
        watts = format_power(math.fsum(price.pj_per_count for price in assumed))
        where = "chip.static_power" if chip.static is None else "static.*"
        yield f"static power of {watts}{span} per chip is assumed: no source publishes it; {where} takes your own"
    whole = chip.chip.static_power
    if whole is not None and chip.chip.static_fixed:
        yield (
            f"static power of {format_power(whole.value)} per chip is one figure for the whole chip and does not scale:"
            " chip.static_fixed keeps it for any number of tiles, lanes, memories and accumulators"
        )
    if chip.area is None:
        yield "the chip file has no area: none of its sources gives one; set area.core to see areas"


def _end(price: UnitPrice, end: str) -> float:
    """A bound of a price, or the price itself where it has none."""
    bound: float | None = getattr(price, end)
    return price.pj_per_count if bound is None else bound


def _of_reuse(chip: ChipConfig) -> tuple[str, ...]:
    """What rows that are read once for several packets leave out."""
    more = (chip.core.dendrite.accumulators_per_core or 0) - chip.core.limits.neurons
    lacking = {
        "leak": chip.static is None or chip.static.accumulators is None,
        "take area": chip.area is not None and chip.area.accumulator_bit is None,
    }
    words = " and ".join(word for word, lacks in lacking.items() if lacks)
    if more <= 0 or not words:
        return ()
    return (
        f"{more} accumulators per core beyond one per neuron (core.dendrite.accumulators_per_core) {words} only as far"
        " as the figures of the chip file for the whole chip hold them",
    )


def _of_gathering(chip: ChipConfig) -> tuple[str, ...]:
    """What packets of several spikes leave out."""
    form = chip.noc.packet
    if not form.gathers:
        return ()
    keys = " and ".join([*(["noc.packet.spikes"] if form.spikes > 1 else []), *(["noc.packet.bitmap"] * form.bitmap)])
    search = ", nor the search of a target for the next bit" if form.bitmap else ""
    return (
        f"spikes leave together ({keys}): no price covers the buffer of a home core that gathers them{search};"
        " noc.packet.spikes=1 and noc.packet.bitmap=false send each by itself",
    )


def _of_gating(chip: ChipConfig) -> tuple[str, ...]:
    """What switching idle parts off leaves out."""
    grid = chip.chip
    if grid.gating == "none":
        return ()
    return (
        f"gating {grid.gating}: a {grid.gating} that no stage uses draws {grid.retention:.0%} of its static power"
        " (chip.retention); switching it off and on takes no time and no energy, and its memories keep their contents",
    )


def _order_of_tokens(chip: ChipConfig) -> tuple[str, ...]:
    """Assumptions of the schedule."""
    if chip.schedule.kind != "sequential":
        alone = chip.schedule.kind == "auto" and chip.schedule.batch == 1
        which = "prompts (not generated tokens)" if alone else "tokens"
        if chip.sync.kind == "handshake":
            return (
                f"{which} are pipelined without barriers: a stage starts a token when its inputs are there and the"
                " next stage has taken the token before; stages are assumed not to wait for each other on links or in"
                " DRAM, a lower bound of the time; --sync barrier lets them go in rounds",
            )
        return (
            f"{which} are pipelined: a round takes as long as the slowest of its stages; --schedule sequential passes"
            " one token at a time",
        )
    if chip.schedule.chunk > 1:
        return (
            f"prompts pass each stage in chunks of {chip.schedule.chunk} tokens (schedule.chunk), one at a time;"
            " --schedule pipelined overlaps tokens",
        )
    return ("tokens are processed one at a time, so most cores wait; --schedule pipelined overlaps tokens",)


def _of_handshakes(chip: ChipConfig) -> tuple[str, ...]:
    """Assumptions of handshake synchronization; barriers need none."""
    if chip.sync.kind == "barrier":
        return ()
    return (
        "sync handshake: in the timesteps of a stage each core continues when its own home cores are done; the steps"
        " of a stage still run in sequence, and a core knows at no cost how many values to expect; --sync barrier"
        " pays for it",
    )


def _of_drawn_counts(trace: Trace) -> tuple[str, ...]:
    """Assumptions of a trace whose counts were drawn, not captured."""
    warnings = trace.origin.get("warnings", [])
    if trace.origin.get("kind") != "statistical" or not isinstance(warnings, list):
        return ()
    return tuple(map(str, warnings))
