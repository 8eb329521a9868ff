"""The measured band: where a joule per token lies among published ones, by parameters and by bytes of weights moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from pydantic import Field

from simulator.config.field_types import Count, Frozen, Positive, Text
from simulator.config.validate import validate
from simulator.config.yaml_marks import read_marked
from simulator.errors import SpikewattError
from simulator.trace.trace import Trace

if TYPE_CHECKING:
    import pandas as pd

FILE = Path(__file__).with_name("measured_band.yaml")
THIS_RUN = "this run"
NEAR = 4.0  # a model within this factor of the parameters is of the same size
Phase = Literal["prefill", "decode"]


class Point(Frozen):
    """One published number."""

    machine: Text
    model: Text
    phase: Phase
    params: Positive
    weight_bits: Count
    bytes: Positive | None = Field(default=None, description="moved for a token, where they were measured")
    joule: Positive = Field(description="per token")
    scope: Text
    grade: Literal["measured", "scaled"]
    source: Text

    @property
    def moved_bytes(self) -> float:
        """Bytes of weights of one token: measured, or every weight once."""
        return self.params * self.weight_bits / 8 if self.bytes is None else self.bytes


class Points(Frozen):
    """The file."""

    points: tuple[Point, ...] = Field(min_length=1)


class Placed(NamedTuple):
    """A run to be placed: parameters, bytes of weights of a token, joule per token, phase."""

    params: float
    moved_bytes: float
    joule: float
    phase: Phase


@cache
def points() -> tuple[Point, ...]:
    """All published numbers, in the order of the file."""
    root, problems = read_marked(FILE, FILE.name)
    return validate(Points, root, problems, lambda values: ()).points


def placed(trace: Trace, joule: float) -> Placed:
    """The linear layers of ``trace`` with its energy per token in J; decode where any token was generated."""
    weights = sum(layer.n_in * layer.n_out for layer in trace.layers)
    bits = sum(layer.n_in * layer.n_out * layer.weight_bits for layer in trace.layers)
    return Placed(float(weights), bits / 8, joule, "prefill" if trace.phase == "prefill" else "decode")


Row = tuple[str, str, float, float, float, str, str, str]
COLUMNS = ("machine", "model", "params", "joule", "bytes", "scope", "grade", "source")


def band_table(run: Placed) -> pd.DataFrame:
    """Published numbers of the phase of ``run`` and the run, by parameters.

    Columns: ``machine, model, params_m`` (millions)``, pj_per_param, pj_per_byte, joule, bytes`` (of weights per
    token)``, scope, grade, source``.
    """
    own = (THIS_RUN, "-", run.params, run.joule, run.moved_bytes, "simulated chip", "simulated", "-")
    return _table([own, *_rows(run.phase)])


def points_table(phase: str) -> pd.DataFrame:
    """The published numbers of a phase, columns as those of `band_table`; raises SpikewattError for another word."""
    if phase not in get_args(Phase):
        raise SpikewattError(f"--phase {phase}: expected one of {', '.join(get_args(Phase))}")
    return _table(_rows(phase))


def _rows(phase: str) -> list[Row]:
    return [
        (p.machine, p.model, p.params, p.joule, p.moved_bytes, p.scope, p.grade, p.source)
        for p in points()
        if p.phase == phase
    ]


def _table(rows: Sequence[Row]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(COLUMNS)).sort_values("params", kind="stable", ignore_index=True)
    frame.insert(3, "params_m", frame["params"] / 1e6)
    frame.insert(4, "pj_per_param", frame["joule"] * 1e12 / frame["params"])
    frame.insert(5, "pj_per_byte", frame["joule"] * 1e12 / frame["bytes"])
    return frame.drop(columns="params")


def band_sentence(run: Placed, shares: Mapping[str, float]) -> str:
    """Where the run lies: among the machines of its size, above or below all of them, or among none.

    ``shares`` are those of the energy by component: what explains a result below every machine.
    """
    same = [p for p in points() if p.phase == run.phase]
    near = [p for p in same if 1 / NEAR <= p.params / run.params <= NEAR]
    pj = run.joule * 1e12 / run.params
    mine = f"{pj:.3g} pJ per parameter and token ({run.phase})"
    if not near:
        least, most = (f(same, key=lambda p: p.params).params for f in (min, max))
        low, high = (f(p.joule * 1e12 / p.params for p in same) for f in (min, max))
        return (
            f"{mine}; no published machine runs a model within {NEAR:g}x of {run.params:.3g} parameters (they have"
            f" {least:.2g} to {most:.2g}); over all sizes they take {low:.3g} to {high:.3g} pJ"
        )
    best = min(near, key=lambda p: p.joule / p.params)
    worst = max(near, key=lambda p: p.joule / p.params)
    low, high = (p.joule * 1e12 / p.params for p in (best, worst))
    if pj < low:
        return (
            f"{mine} is below every measured machine of its size by {low / pj:.1f}x; the nearest is {best.machine},"
            f" {best.model} ({low:.3g} pJ, {best.scope}); {_explanation(shares)}"
        )
    where = "within" if pj <= high else f"above, by {pj / high:.1f}x,"
    return f"{mine} is {where} the {len(near)} published machines of its size, {low:.3g} to {high:.3g} pJ"


def _explanation(shares: Mapping[str, float]) -> str:
    """What a result below every machine rests on: the largest parts of its energy, and what machines have besides."""
    top = sorted(shares.items(), key=lambda item: -item[1])[:2]
    parts = " and ".join(f"{name} {share:.0%}" for name, share in top)
    return (
        f"its energy is {parts}; measured machines also have external memory, input and output, regulators and idle"
        " parts, which a chip file may leave out"
    )
