"""The spikes that the engine delivers, each adding a real weight, against the integer sums of the forward pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factories import make_chip

from simulator import verify as verify_module
from simulator.config import load_chip
from simulator.engine.delivered import delivered_sums, deliveries
from simulator.errors import ConservationError, ModelError
from simulator.mapping.place import map_trace
from simulator.trace.codes import CODES, NESTED, Code
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace_files import load_trace
from simulator.verify import verify

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "traces" / "model"
TRACE = ROOT / "traces" / "shakespeare-ternary-T15.npz"


@pytest.mark.parametrize(
    ("code", "reuse"),
    [*((code, "none") for code in CODES if code != "graded"), *((code, "nested") for code in NESTED)],
)
@pytest.mark.parametrize("multicast", [False, True])
@pytest.mark.parametrize("form", [{}, {"spikes": 2}, {"spikes": 3, "bitmap": True}])
def test_random_weights_in_every_code_of_spikes(
    code: Code, form: dict[str, object], multicast: bool, reuse: str
) -> None:
    """Inputs and outputs are cut over cores, so partial sums of several blocks make one neuron's sum."""
    chip = make_chip(
        core__limits={"axons_in": 4, "neurons": 3},
        noc__multicast=multicast,
        noc__packet=form,
        chip__max_chips=9,
        core__synapse__reuse=reuse,
        core__dendrite__accumulators_per_core=6,
    )
    trace = synthetic_trace("poisson", [9, 7], code=code, levels=3, tokens=2, head=False)
    (stage,), neurons = trace.stages, np.arange(7)
    weights = np.random.default_rng(1).integers(-127, 128, (9, 7)).astype(np.int8)
    mapped = map_trace(trace, chip)
    plan, events = deliveries(stage, mapped)
    trace = mapped.trace
    sums = delivered_sums("layers.0", events, plan, stage, trace, weights, neurons)
    assert np.array_equal(sums, trace.spike_counts("layers.0.in").astype(np.int64) @ weights.astype(np.int64))
    lost = delivered_sums("layers.0", events[1:], plan, stage, trace, weights, neurons)
    assert not np.array_equal(lost, sums)


def test_the_shipped_model_on_a_shipped_chip() -> None:
    trace, chip = load_trace(TRACE), load_chip("loihi-like")
    found = verify(map_trace(trace, chip), MODEL, tokens=1, neurons=4)
    assert found.n_layers == len(trace.layers)
    assert found.n_sums == 4 * found.n_layers
    assert found.n_deliveries > 0


def test_a_wrong_weight_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, chip = load_trace(TRACE), load_chip("loihi-like")
    monkeypatch.setattr(verify_module, "delivered_sums", lambda *arguments: delivered_sums(*arguments) + 1)
    with pytest.raises(ConservationError, match=r"the delivered spikes add up to -?\d+, the forward pass to -?\d+"):
        verify(map_trace(trace, chip), MODEL, tokens=1, neurons=1)


def test_a_trace_of_another_model_is_refused() -> None:
    trace, chip = synthetic_trace("poisson", [9, 7]), make_chip()
    with pytest.raises(ModelError, match="expected the same model"):
        verify(map_trace(trace, chip), MODEL)
