"""The measured band of a run and of a finished report: where its energy per token lies among published ones."""

from __future__ import annotations

from pathlib import Path

from simulator.energy.measured_band import Phase, Placed, band_sentence, placed
from simulator.report.overview import read_result
from simulator.report.report_reading import RESULT, check_fields, damaged, read_numbers
from simulator.report.run import Run

WEIGHT_BITS = 8  # of weights whose width a report does not hold


def band_finding(run: Run) -> str:
    """The sentence of `simulator.energy.measured_band.band_sentence` for a run."""
    total = run.ledger.total_pj
    shares = {str(name): energy / total if total else 0.0 for name, energy in run.ledger.by_component().items()}
    return band_sentence(placed(run.trace, run.energy_per_token_pj * 1e-12), shares)


def read_placed(report: Path) -> tuple[Placed, dict[str, float]]:
    """The run of a report and the shares of its energy by component.

    Parameters of the linear layers are their multiply-accumulates per token; bytes are those of INT8 weights.

    Raises
    ------
    OutputError
        When the folder is not a complete report.
    """
    path, record = report / RESULT, read_result(report)
    check_fields(path, record, ("energy.cmos45.macs",), ("trace.phase",))
    parts = read_numbers(path, record, "energy.by_component")
    params = record["energy"]["cmos45"]["macs"] / max(record["trace"]["tokens"], 1)
    if not params:
        raise damaged(path, "no linear layer was counted")
    total = sum(parts.values())
    shares = {name: energy / total if total else 0.0 for name, energy in parts.items()}
    joule = record["energy"]["per_token_pj"] * 1e-12
    phase: Phase = "prefill" if record["trace"]["phase"] == "prefill" else "decode"
    return Placed(params, params * WEIGHT_BITS / 8, joule, phase), shares
