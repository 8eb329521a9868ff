"""A claim for the answer to reviewers: a LaTeX table, a paragraph, and the same as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.energy.claim_cost import PARTS, ChipCost
from simulator.energy.claim_file import ClaimFile
from simulator.energy.claim_verdict import contradictions, implied_spikes_per_mac, verdicts

LEFT_OUT = (
    "weight fetch, neuron updates and partial sums, the network, links between chips and static power; softmax, norms,"
    " the KV cache and the run-time work of the encoder"
)
_ESCAPED = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
}
_ESCAPED |= {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}"}


def latex_table(claim: ClaimFile, costs: Sequence[ChipCost]) -> str:
    """Two tabulars for a paper that uses ``booktabs``: printed numbers and ours; energy of a token by part on chips."""
    rows = [
        f"{_latex(v.name)} & {_latex(f'{v.printed} {v.unit}'.strip())} & {'--' if v.ours is None else _rounded(v)}"
        f" & {_latex(v.finding)} \\\\"
        for v in verdicts(claim)
    ]
    head = ["quantity & printed & recomputed & finding \\\\"]
    tables = [_tabular("llll", head, rows)]
    if costs:
        names = " & ".join(f"{_latex(cost.chip)} & its dense twin" for cost in costs)
        body = [_part_row(part, costs) for part in PARTS]
        totals = " & ".join(f"{cost.total_j * 1e3:.4g} & {cost.twin_j * 1e3:.4g}" for cost in costs)
        body += ["\\midrule", f"total, mJ per token & {totals} \\\\"]
        tables.append(_tabular("l" + "rr" * len(costs), [f"part, mJ per token & {names} \\\\"], body))
    return "\n".join(tables)


def paragraph(claim: ClaimFile, costs: Sequence[ChipCost]) -> str:
    """The claim in sentences that an author can put into an answer to reviewers."""
    found = verdicts(claim)
    checked = [v for v in found if v.same is not None]
    exact = sum(bool(v.same) for v in checked)
    length = "" if claim.tokens is None else f" for a prompt of {claim.tokens:,} tokens"
    sentences = [
        f"We recomputed the energies of {claim.name} from the operation counts{length} ({claim.counted.words})"
        " and the 45 nm table of Horowitz (ISSCC 2014).",
        f"Of {len(found)} printed numbers {len(checked)} can be recomputed, and {exact} of these agree in every printed"
        " digit.",
    ]
    faults = list(contradictions(claim))
    if faults:
        sentences.append(f"These points contradict each other: {'; '.join(faults)}.")
    sentences.append(f"The counts leave out {LEFT_OUT}.")
    spikes = implied_spikes_per_mac(claim)
    for cost in costs:
        share = 100 * cost.parts["operations"] / cost.total_j
        word = "below" if cost.over_twin < 1 else "above"
        sentences.append(
            f"On {cost.chip} the linear layers of one token take {cost.total_j * 1e3:.4g} mJ at {spikes:.2f} spikes per"
            f" multiply-accumulate; the counted operations are {share:.2g} % of this. That is {word} the dense twin"
            f" with weights of the same width: {cost.over_twin:.2f} of its energy."
        )
    return " ".join(sentences)


def claim_dict(claim: ClaimFile, costs: Sequence[ChipCost]) -> dict[str, Any]:
    """Everything as plain values."""
    return {
        "name": claim.name,
        "source": claim.source,
        "tokens": claim.tokens,
        "timesteps": claim.timesteps,
        "counted": claim.counted.words,
        "macs": claim.macs,
        "spikes_per_mac": implied_spikes_per_mac(claim),
        "numbers": [verdict._asdict() for verdict in verdicts(claim)],
        "contradictions": list(contradictions(claim)),
        "left_out": LEFT_OUT,
        "per_token": [
            {"chip": c.chip, "parts_j": c.parts, "dense_twin_parts_j": c.twin_parts, "over_dense_twin": c.over_twin}
            for c in costs
        ],
        "latex": latex_table(claim, costs),
        "paragraph": paragraph(claim, costs),
    }


def _rounded(verdict: Any) -> str:
    return _latex(f"{verdict.ours:.{verdict.digits + 2}f} {verdict.unit}".strip())


def _part_row(part: str, costs: Sequence[ChipCost]) -> str:
    cells = " & ".join(f"{cost.parts[part] * 1e3:.4g} & {cost.twin_parts[part] * 1e3:.4g}" for cost in costs)
    return f"{part} & {cells} \\\\"


def _tabular(columns: str, head: Sequence[str], rows: Sequence[str]) -> str:
    lines = [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", *head, "\\midrule", *rows, "\\bottomrule"]
    return "\n".join([*lines, "\\end{tabular}"])


def _latex(text: str) -> str:
    """``text`` with the characters that TeX reads as commands escaped."""
    return "".join(_ESCAPED.get(letter, letter) for letter in text)
