"""Write docs/results.md: the sample model on the shipped chips, and what changes its energy and time.

    python benchmarks/results.py [--out docs/results.md]

Every number of the page comes from a run made here; the page must not be edited by hand.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import simulator as sw
from simulator.report.format import format_energy, format_ratio, format_share, format_time
from simulator.report.run import Run
from simulator.report.steady_figures import steady_energy_pj
from simulator.simulation.request import twin_of

ROOT = Path(__file__).resolve().parents[1]
CHIPS = ("loihi-like", "truenorth-like", "sdllm-asic-45nm", "loihi2-like", "spinnaker2-like")
WHERE = {
    "as shipped": [],
    "accumulators in a memory of 8 banks": ["core.dendrite.accumulators=sram"],
    "KV cache in the SRAM with the weights": ["mapping.kv_cache=sram"],
    "KV cache in DRAM": ["mapping.kv_cache=dram"],
}
CODES = ("ternary", "bitwise", "graded")
PAGE = """# Results

`python benchmarks/results.py` wrote this page on {day} at commit `{commit}`. The trace is `shakespeare-ternary-T15`:
64 tokens of the sample model, ternary spikes, T = 15, {spikes:.2f} spikes per activation. A real LLM is on the page of
[benchmarks](benchmarks.md).

## Chips

One more token while the prompt is pipelined, mapped by the mapper: what `spikewatt simulate --chip CHIP` prints. The op
count is {op_count} per token. The last column is one token at a time, mapped as the chip file says
(`--schedule sequential --mapping chip`).

{chips}

## Codes

The same integers under other codes on `sdllm-asic-45nm` (`--encoding`). `graded` sends an activation as one packet with
its count.

{codes}

## Where values are stored

You can change where data is stored on any chip (`--set`); here on `sdllm-asic-45nm`.

{where}
"""


def run(chip: str, *changes: str, code: str = "ternary", mapping: Literal["chip", "auto"] = "auto") -> Run:
    """A simulation as the command line makes it."""
    loaded = sw.load_chip(chip, list(changes))
    trace = sw.as_encoding(sw.load_trace("shakespeare-ternary-T15"), code)
    return sw.simulate(loaded, trace, dense_chip=twin_of(loaded, "auto"), mapping=mapping)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def steady(found: Run) -> tuple[str, str]:
    """Energy and time of one more token."""
    return format_energy(steady_energy_pj(found)), format_time(found.result.steady.time_per_token_ps)


def over_twin(found: Run) -> str:
    """Energy over that of the dense twin, both of the whole prompt."""
    assert found.dense is not None
    return format_ratio(found.energy_per_token_pj / found.dense.energy_per_token_pj)


def chip_row(chip: str) -> tuple[str, ...]:
    """A chip under the defaults, and one token at a time."""
    found, alone = run(chip), run(chip, "schedule.kind=sequential", mapping="chip")
    static = float(found.ledger.by_component().get("static", 0.0)) / found.ledger.total_pj
    return (
        f"`{chip}`",
        *steady(found),
        format_ratio(found.energy_per_token_pj * found.n_tokens / found.op_count.ac_pj),
        over_twin(found),
        format_share(static),
        f"{format_energy(alone.energy_per_token_pj)}, {format_time(alone.latency_per_token_ps)}",
    )


def page() -> str:
    """The whole page."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    base = run("sdllm-asic-45nm")
    heads = ("energy per token", "time per token")
    chips = table(
        ("chip", *heads, "over the op count", "over its dense twin", "static power", "one at a time"),
        [chip_row(chip) for chip in CHIPS],
    )
    codes = [
        (f"`{code}`", f, t, over_twin(r))
        for code in CODES
        for r in [run("sdllm-asic-45nm", code=code)]
        for f, t in [steady(r)]
    ]
    where = [(what, *steady(run("sdllm-asic-45nm", *changes))) for what, changes in WHERE.items()]
    return PAGE.format(
        day=datetime.now(UTC).date(),
        commit=commit.stdout.strip(),
        spikes=base.spikes_per_activation,
        op_count=format_energy(base.op_count.ac_pj / base.n_tokens),
        chips=chips,
        codes=table(("code", *heads, "over its dense twin"), codes),
        where=table(("", *heads), where),
    )


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results.md")
    parser.parse_args().out.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
