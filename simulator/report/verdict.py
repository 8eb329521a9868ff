"""The first screen of a report: four numbers, why, and one bar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simulator.actions import COMPONENTS
from simulator.report.causes import cause_sentences, outlier_sentence
from simulator.report.format import format_chips, format_energy, format_ratio, format_share, format_time
from simulator.report.run import Run
from simulator.report.steady_figures import steady_energy_pj

SMALLEST = 0.005  # of the bar: parts below it are drawn together


class Number(NamedTuple):
    """A number of the first screen: what it is, its value, and what it means."""

    name: str
    value: str
    meaning: str


class Piece(NamedTuple):
    """A part of the bar: its name, its share of the energy, and its colour."""

    name: str
    share: float
    color: str

    @property
    def words(self) -> str:
        """The share as text."""
        return format_share(self.share)


def numbers(run: Run) -> list[Number]:
    """Energy and time of a token, and the energy compared with the op count and with the dense twin."""
    steady = run.result.steady
    energy, time = run.energy_per_token_pj, run.time_per_token_ps
    if steady.pipelined:
        per, energy, time = "steady token", steady_energy_pj(run), steady.time_per_token_ps
        mean = f"{format_energy(run.energy_per_token_pj)} and {format_time(run.time_per_token_ps)} on average"
    else:
        per, mean = "token", f"{format_energy(run.ledger.total_pj)} for all {run.n_tokens} tokens"
    op_count = run.op_count.ac_pj / run.n_tokens
    found = [
        Number(f"energy per {per}", format_energy(energy), mean),
        Number(f"time per {per}", format_time(time), _chips(run)),
        Number(
            "over the 45 nm op count",
            format_ratio(run.energy_per_token_pj / op_count) if op_count else "none",
            f"{format_energy(op_count)} per token by {run.precision} additions alone",
        ),
    ]
    if run.dense is not None and run.dense.energy_per_token_pj:
        twin = run.dense
        found.append(
            Number(
                "over the dense twin",
                format_ratio(run.energy_per_token_pj / twin.energy_per_token_pj),
                f"{format_energy(twin.energy_per_token_pj)} per token on {twin.label(run.chip)}",
            )
        )
    return found


def sentences(run: Run) -> list[str]:
    """Why, where, what to try, and what stands out."""
    outlier = outlier_sentence(run)
    return [*cause_sentences(run), *([outlier] if outlier else [])]


def bar(run: Run) -> list[Piece]:
    """The energy by component, the largest first; small ones together."""
    total = run.ledger.total_pj
    if not total:
        return []
    shares = (run.ledger.by_component() / total).sort_values(ascending=False)
    large = shares[shares >= SMALLEST]
    pieces = [Piece(str(name), float(share), _color(str(name))) for name, share in large.items()]
    rest = float(shares[shares < SMALLEST].sum())
    return [*pieces, Piece("other", rest, "#8a8a8a")] if rest > 0 else pieces


def verdict_lines(run: Run) -> Iterator[str]:
    """The first screen as lines of text, for the terminal."""
    energy, time, *compared = numbers(run)
    yield f"{energy.value} and {time.value} per {energy.name.removeprefix('energy per ')}; {time.meaning}"
    yield "; ".join(f"{found.value} {found.name} ({found.meaning})" for found in compared)
    yield " ".join(sentences(run))
    assumed = format_share(run.ledger.assumed_share)
    yield f"{assumed} of the energy rests on assumed prices; {len(run.all_warnings)} assumptions are listed below"


def _chips(run: Run) -> str:
    """How much hardware is in use."""
    return f"{len(run.result.cores)} of {run.result.cores_total} cores on {format_chips(run.result.n_chips)}"


def _color(component: str) -> str:
    known = COMPONENTS.get(component)
    return known.look.color if known is not None else "#8a8a8a"
