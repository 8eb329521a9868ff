"""A small sweep: the toy chip as a file, a synthetic trace, and the axes to try."""

import json

import pytest
from factories import chip_fields

from simulator.config.sweep import SweepConfig
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_files import save_trace


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Make a SweepConfig on the toy chip; the working directory is empty but for its inputs."""
    monkeypatch.chdir(tmp_path)
    fields = chip_fields()
    fields["chip"]["static_fixed"] = True  # its lanes and memories are swept
    (tmp_path / "toy.yaml").write_text(json.dumps(fields, indent=1))  # JSON is YAML
    save_trace(synthetic_trace("poisson", [12, 8, 6], levels=3, tokens=2), "small.npz")

    def make(axes, mode="grid", objectives=("energy.per_token_pj", "latency.per_token_ps"), **more):
        fields = {"name": "small", "summary": "A small sweep", "base": "./toy.yaml", "trace": "small.npz"}
        return SweepConfig.model_validate({**fields, "axes": axes, "mode": mode, "objectives": objectives} | more)

    return make
