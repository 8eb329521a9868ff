"""The section of a report that asks whether spiking is worth it on this chip and mapping, and what flips the answer."""

from __future__ import annotations

from typing import NamedTuple

from simulator.mapper.worth_estimate import SAMPLE_TOKENS, worth_estimate, worth_verdict
from simulator.report.cells import Cells, as_cells
from simulator.report.run import Run


class WorthSection(NamedTuple):
    """The verdict, what flips it, the table, and what its numbers are."""

    verdict: str
    flips: tuple[str, ...]
    table: Cells
    remark: str


def worth_section(run: Run) -> WorthSection | None:
    """Codes, schedules and tiles of a run in closed form; None on a chip that is dense itself."""
    table = worth_estimate(run.mapped)
    verdict, *flips = (*worth_verdict(table), "")
    if not verdict:
        return None
    n_tokens = min(SAMPLE_TOKENS, run.n_tokens)
    remark = (
        f"Closed form of the mapper for {n_tokens} tokens in a row, on the cores of this run; a dense twin is made from"
        " the chip. A tile of tokens shares row fetches and has its own accumulators, which leak where the chip file"
        " gives static.accumulators."
    )
    return WorthSection(verdict, tuple(filter(None, flips)), as_cells(table), remark)
