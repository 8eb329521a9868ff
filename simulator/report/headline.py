"""The headline of a run: the numbers a reader came for, chip, 45 nm op count and dense twin side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from simulator.energy.area import chip_area
from simulator.report.format import format_count, format_energy, format_power, format_share, format_time
from simulator.report.run import Run
from simulator.report.sampling_error import sampling_error
from simulator.report.steady_figures import steady_energy_pj, steady_tokens_per_s
from simulator.report.time_band import time_band
from simulator.units import PS_PER_S

NONE = "–"


class Headline(NamedTuple):
    """One line: the quantity, its value for the chip, the op count and the dense twin, and what it covers."""

    quantity: str
    chip: str
    op_count: str
    twin: str
    meaning: str


def headline(run: Run) -> Iterator[Headline]:
    """The lines of the table. An op count knows no time and no hardware; the twin is simulated like the chip."""
    twin = run.dense
    op_count_pj = run.op_count.ac_pj / run.n_tokens
    yield Headline(
        "energy per token",
        format_energy(run.energy_per_token_pj),
        format_energy(op_count_pj),
        NONE if twin is None else format_energy(twin.energy_per_token_pj),
        f"all modelled work; {format_energy(run.ledger.total_pj)} for all {run.n_tokens} tokens",
    )
    yield _range(run)
    yield _time_range(run)
    yield Headline(
        "time per token",
        format_time(run.time_per_token_ps),
        NONE,
        NONE if twin is None else format_time(twin.latency_per_token_ps),
        f"time of the whole trace over its tokens; {format_count(run.tokens_per_s)} tokens per second",
    )
    yield from _in_the_chip(run)
    yield from _steady(run)
    yield from _sampling(run)
    power = math.nan if twin is None or not twin.latency_ps else twin.energy_pj / twin.latency_ps
    yield Headline(
        "average power",
        format_power(run.mean_power_w),
        NONE,
        NONE if math.isnan(power) else format_power(power),
        "energy over elapsed time, static power included",
    )
    yield Headline(
        "energy-delay product",
        _edp(run.energy_per_token_pj, run.time_per_token_ps),
        NONE,
        NONE if twin is None else _edp(twin.energy_per_token_pj, twin.latency_per_token_ps),
        "energy per token times time per token",
    )
    yield from _hardware(run)
    yield from _activity(run)


def headline_html(run: Run) -> str:
    """The headline as a small table for a notebook."""
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("", "chip", "45 nm op count", "dense twin"))
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(line.quantity)}</th>"
        + "".join(f"<td style='text-align:right'>{escape(cell)}</td>" for cell in line[1:4])
        + "</tr>"
        for line in headline(run)
    )
    caption = f"{run.trace.name} on {run.chip.name}, {run.n_tokens} tokens"
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _in_the_chip(run: Run) -> Iterator[Headline]:
    """The latency of a token, where tokens overlap; else that is the time per token."""
    if math.isclose(run.latency_per_token_ps, run.time_per_token_ps):
        return
    yield Headline(
        "latency of a token",
        format_time(run.latency_per_token_ps),
        NONE,
        NONE,
        "average from its start to its finish; other tokens are in the chip at the same time",
    )


def _steady(run: Run) -> Iterator[Headline]:
    """A full pipeline: what one more token takes. Without one this is the mean, which is already said."""
    if not run.result.steady.pipelined:
        return
    twin = run.dense
    yield Headline(
        "energy per steady token",
        format_energy(steady_energy_pj(run)),
        NONE,
        NONE if twin is None or twin.steady_pj is None else format_energy(twin.steady_pj),
        "one more token while the pipeline is full",
    )
    yield Headline(
        "time per steady token",
        format_time(run.result.steady.time_per_token_ps),
        NONE,
        NONE if twin is None or twin.steady_ps is None else format_time(twin.steady_ps),
        f"one leaves in each round; {format_count(steady_tokens_per_s(run))} tokens per second",
    )


def _sampling(run: Run) -> Iterator[Headline]:
    """What the tokens whose network is not simulated leave open."""
    error = sampling_error(run)
    if error is None:
        return
    yield Headline(
        "error of sampling",
        f"{_percent(error.energy)} of energy",
        NONE,
        NONE,
        f"standard error; {_percent(error.time)} of the time, {_percent(error.steady_energy)} of steady energy and"
        f" {_percent(error.steady_time)} of steady time; --sample-tokens all has none",
    )


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1g} %"


def _range(run: Run) -> Headline:
    """The range of the energy over the ranges of the prices."""
    band = {name: format_energy(pj / run.n_tokens) for name, pj in run.uncertainty.total.items()}
    return Headline(
        "range of the energy",
        f"{band['low_pj']} to {band['high_pj']}",
        NONE,
        NONE,
        f"every price at its lowest, at its highest published value; 90 % of 1,000 random draws of the prices are"
        " between"
        f" {band['q05_pj']} and {band['q95_pj']},"
        f" median {band['median_pj']};"
        f" {format_share(run.uncertainty.ranged_share)} of the energy has a known price range"
        f"{run.uncertainty.outside_quantiles}",
    )


def _time_range(run: Run) -> Headline:
    """The range of the time over the ranges of the times."""
    low, high = time_band(run)
    return Headline(
        "range of the time",
        f"{format_time(low)} to {format_time(high)}",
        NONE,
        NONE,
        "per token, every time of the chip file at its lowest, at its highest value (closed form)",
    )


def _hardware(run: Run) -> Iterator[Headline]:
    """Area and utilization."""
    area, chips, twin = chip_area(run.chip), run.result.n_chips, run.dense
    if area is not None:
        per_chip = "" if chips == 1 else f"{chips} chips of {area.chip_mm2:.4g} mm²"
        twin_area = NONE if twin is None or twin.area_mm2 is None else f"{twin.area_mm2:.4g} mm²"
        yield Headline(
            "area", f"{area.chip_mm2 * chips:.4g} mm²", NONE, twin_area, per_chip or "cores, memory and routers"
        )
    used = len(run.result.cores)
    yield Headline(
        "utilization",
        format_share(run.time_util_mean),
        NONE,
        NONE if twin is None or math.isnan(twin.time_util) else format_share(twin.time_util),
        f"busy over elapsed time, mean of all cores; {used} of {run.result.cores_total} cores in use,"
        f" {format_share(run.space_util)} of their synaptic memory holds weights",
    )


def _activity(run: Run) -> Iterator[Headline]:
    """Spikes and what they do."""
    macs = run.op_count.macs
    yield Headline(
        "spikes per activation",
        f"{run.spikes_per_activation:.3f}",
        f"{run.spikes_per_activation:.3f}",
        NONE if run.dense is None else "1 integer per activation",
        f"a neuron fires in {format_share(run.firing_rate)} of its timesteps",
    )
    yield Headline(
        "spikes per synapse",
        f"{run.op_count.synops / macs:.3f}" if macs else NONE,
        f"{run.op_count.synops / macs:.3f}" if macs else NONE,
        NONE if run.dense is None else "1 MAC per synapse",
        f"{format_count(run.result.synops / run.n_tokens)} synaptic operations per token in place of"
        f" {format_count(macs / run.n_tokens)} MACs",
    )


def _edp(energy_pj: float, latency_ps: float) -> str:
    return f"{format_energy(energy_pj * latency_ps / PS_PER_S)}·s"
