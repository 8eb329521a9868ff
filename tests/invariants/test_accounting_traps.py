"""Faults that published energy estimates have had, each as a test on the real engine and ledger."""

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip

from simulator.config import list_chips, load_chip
from simulator.energy.ledger import build_ledger
from simulator.engine.engine import replay
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace
from simulator.trace.trace import Trace

CHIP = make_chip()
SIZES = (12, 6)
COMPONENTS = {"axon_in", "synapse", "dendrite", "soma", "axon_out", "noc", "vector", "memory", "sync", "static"}


def with_counts(counts: np.ndarray, code: str = "bitwise", levels: int = 7) -> Trace:
    """One layer with these counts [tokens, 12]."""
    trace = synthetic_trace("silent", SIZES, code=code, levels=levels, tokens=len(counts))
    return replace(trace, load_counts=lambda stream: counts)


def ledger_of(trace: Trace, chip=CHIP):
    return build_ledger(replay(map_trace(trace, chip)), chip)


def dynamic(trace: Trace) -> float:
    ledger = ledger_of(trace)
    return ledger.total_pj - ledger.by_component()["static"]


def one(token: int, neuron: int, count: int, tokens: int = 3) -> np.ndarray:
    counts = np.zeros((tokens, SIZES[0]), np.int16)
    counts[token, neuron] = count
    return counts


def test_a_spike_in_the_last_timestep_alone_costs_as_much_as_one_in_the_first():
    """Under bitwise a count of 1 fires in timestep 0 and one of 4 in timestep 2, the last."""
    silent = dynamic(with_counts(one(0, 0, 0)))
    first, last = dynamic(with_counts(one(0, 0, 1))), dynamic(with_counts(one(0, 0, 4)))
    assert first == last
    assert first > silent


@pytest.mark.parametrize("token", [0, 1, 2])
def test_a_spike_of_any_token_costs_the_same(token):
    """All samples count, not the first one alone."""
    assert (
        dynamic(with_counts(one(token, 3, 1)))
        == dynamic(with_counts(one(0, 3, 1)))
        > dynamic(with_counts(one(0, 3, 0)))
    )


def test_twice_the_tokens_cost_twice():
    counts = one(0, 1, 5) + one(2, 7, 3)
    assert dynamic(with_counts(np.vstack([counts, counts]))) == pytest.approx(
        2 * dynamic(with_counts(counts)), rel=1e-12
    )


def test_twice_the_bytes_cost_twice():
    """Weights of 16 bits read twice the words of 8 bits where a row fills them; memory bits of an op are linear."""
    narrow = synthetic_trace("full", (8, 16), weight_bits=8, levels=1, tokens=2)
    wide = synthetic_trace("full", (8, 16), weight_bits=16, levels=1, tokens=2)
    reads = [
        row.count
        for trace in (narrow, wide)
        for row in replay(map_trace(trace, CHIP)).action_counts
        if row.action == "word_read"
    ]
    assert reads[1] == 2 * reads[0] > 0
    op = narrow.ops[0]
    once = replace(narrow, ops=(replace(op, work_per_token={"memory.read": (64, 8)}), *narrow.ops[1:]))
    twice = replace(narrow, ops=(replace(op, work_per_token={"memory.read": (128, 16)}), *narrow.ops[1:]))
    by_owner = [ledger_of(trace).by_owner()[op.op_id] for trace in (once, twice)]
    assert by_owner[1] == 2 * by_owner[0] > 0


@pytest.mark.parametrize("name", [name for name, _ in list_chips()])
def test_every_component_has_a_row_on_every_shipped_chip(name):
    trace = synthetic_trace("full", (300, 12), levels=2, tokens=2, weight_bits=1 if name == "truenorth-like" else 4)
    chip = load_chip(name)
    found = set(ledger_of(trace, chip).rows["component"])
    assert found == COMPONENTS


@pytest.mark.parametrize("action", ["noc.hop_x", "core.axon_in.lookup.energy", "vector.mul.energy"])
def test_no_work_is_free_because_its_price_was_forgotten(action):
    """A price of zero is stated, never a default: without the key the file is refused."""
    from factories import chip_fields
    from pydantic import ValidationError

    from simulator.config.chip import ChipConfig

    fields = chip_fields()
    *above, last = action.split(".")
    record = fields
    for key in above:
        record = record[key]
    del record[last]
    with pytest.raises(ValidationError):
        ChipConfig.model_validate(fields)
