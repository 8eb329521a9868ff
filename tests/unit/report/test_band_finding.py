"""A finished report among published joules per token, and damaged ones refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import OutputError
from simulator.report.band_finding import read_placed
from simulator.report.result_json import SCHEMA, SCHEMA_VERSION

RESULT: dict[str, Any] = {
    "schema": SCHEMA,
    "schema_version": SCHEMA_VERSION,
    "chip": {"name": "c"},
    "trace": {"name": "t", "tokens": 4, "phase": "prefill"},
    "energy": {
        "total_pj": 8.0,
        "per_token_pj": 2.0,
        "cmos45": {"ac_pj": 1.0, "macs": 4000},
        "by_component": {"synapse": 6.0, "noc": 2.0},
    },
    "latency": {"per_token_ps": 5},
    "utilization": {"cores_used": 1},
}


def test_a_report_by_hand(tmp_path: Path) -> None:
    """4,000 MACs over 4 tokens are 1,000 parameters of 8 bits; 6 and 2 of 8 pJ."""
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    found, shares = read_placed(tmp_path)
    assert (found.params, found.moved_bytes, found.joule, found.phase) == (1000, 1000, 2e-12, "prefill")
    assert shares == {"synapse": 0.75, "noc": 0.25}


@pytest.mark.parametrize("value", ["6", None, -1.0, [], {}, True, 1e999], ids=str)
def test_a_damaged_component_is_refused(value: object, tmp_path: Path) -> None:
    energy = RESULT["energy"] | {"by_component": {"synapse": value}}
    (tmp_path / "result.json").write_text(json.dumps(RESULT | {"energy": energy}))
    with pytest.raises(OutputError, match=r"synapse: found .*, expected a number|not JSON"):
        read_placed(tmp_path)


@pytest.mark.parametrize("value", [[1.0], None, "x"])
def test_damaged_components_are_refused(value: object, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(RESULT | {"energy": RESULT["energy"] | {"by_component": value}}))
    with pytest.raises(OutputError, match=r"by_component: found .*, expected an object"):
        read_placed(tmp_path)
