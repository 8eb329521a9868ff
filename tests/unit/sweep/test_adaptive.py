import importlib.util

import pytest

from simulator.sweep import adaptive
from simulator.sweep.runner import run_sweep

if importlib.util.find_spec("optuna") is None:
    pytest.skip("optuna is not installed (extra dse)", allow_module_level=True)

LANES, HOP = "core.synapse.lanes", "noc.hop_x"


def test_the_search_is_the_same_again_and_computes_nothing_twice(sweep, monkeypatch):
    monkeypatch.setattr(adaptive, "POPULATION", 4)
    axes = {LANES: {"low": 1, "high": 16}, HOP: {"low": "1 pJ", "high": "9 pJ"}}
    config = sweep(axes, mode="optuna", samples=8)
    first = run_sweep(config, "out")
    assert first.computed == len(first.frame) > 4
    second = run_sweep(config, "out", jobs=2)
    assert (second.computed, second.reused) == (0, len(first.frame))
    assert second.frame.equals(first.frame)


def test_the_search_finds_the_cheap_end(sweep, monkeypatch):
    """Energy grows with static power; generations after the first draw nearer to the low end."""
    monkeypatch.setattr(adaptive, "POPULATION", 6)
    axes = {"chip.static_power": {"low": "1 mW", "high": "1 W"}, HOP: {"low": "1 pJ", "high": "9 pJ"}}
    axes["noc.local"] = {"low": "2 pJ", "high": "9 pJ"}
    frame = run_sweep(sweep(axes, mode="optuna", samples=48), "out").frame
    power = frame["chip.static_power"].str.removesuffix(" W").astype(float)
    assert power[-12:].mean() < 0.7 * power[:6].mean()


def test_values_wrong_together_are_counted_and_stop_nothing(sweep):
    """A lower bound above the value itself is found only in some of the points."""
    axes = {"noc.local": {"low": "1 pJ", "high": "1.7 pJ"}, "noc.local.low": {"low": "1 pJ", "high": "1.7 pJ"}}
    found = run_sweep(sweep(axes, mode="optuna", samples=12), "out")
    assert found.computed + found.failed == 12
    assert 0 < found.failed < 12
