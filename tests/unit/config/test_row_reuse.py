"""A tile of tokens that share a row fetch: no larger than what is together, nor than the accumulators there are."""

from __future__ import annotations

import pytest

from simulator.config import load_chip
from simulator.errors import ConfigError

TILE = "core.synapse.tile"
SUMS = "core.dendrite.accumulators_per_core"


@pytest.mark.parametrize("chip", ["dense-int8-45nm", "sdllm-asic-45nm", "loihi-like"])
@pytest.mark.parametrize("schedule", [(), ("schedule.chunk=8",), ("schedule.kind=pipelined",)])
def test_a_tile_of_more_tokens_than_are_together_is_refused(chip, schedule):
    with pytest.raises(
        ConfigError, match=rf"{TILE}=16: found 16, expected at most the [18] token.s. that schedule.chunk"
    ):
        load_chip(chip, [f"{TILE}=16", f"{SUMS}=16384", *schedule])


@pytest.mark.parametrize("chip", ["dense-int8-45nm", "sdllm-asic-45nm", "loihi-like"])
def test_a_tile_of_more_sums_than_accumulators_is_refused(chip):
    together = [f"{TILE}=16", "schedule.chunk=16"]
    with pytest.raises(ConfigError, match=rf"{SUMS}: found 1024, expected at least 16384: .* 1024 x .* 16;"):
        load_chip(chip, together)
    stated = [] if load_chip(chip).chip.static_power is None else ["chip.static_fixed=true"]
    fits = load_chip(chip, [*together, *stated, f"{SUMS}=16384"])
    assert load_chip(chip, [*together, "core.limits.neurons=64", f"{SUMS}=1024"]).core.synapse.tile == 16
    assert fits.core.dendrite.accumulators_per_core == 16384


def test_fewer_accumulators_than_neurons_are_refused():
    with pytest.raises(ConfigError, match=rf"{SUMS}=512: found 512, expected at least 1024"):
        load_chip("sdllm-asic-45nm", [f"{SUMS}=512"])


def test_nested_trains_take_a_second_sum():
    """1024 neurons with two sums each; a tile of 2 tokens doubles them again."""
    with pytest.raises(ConfigError, match=rf"{SUMS}: found 1024, expected at least 2048: .* x 2 of core.synapse.reuse"):
        load_chip("sdllm-asic-45nm", ["core.synapse.reuse=nested"])
    tile = ["core.synapse.reuse=nested", "core.synapse.tile=2", "schedule.chunk=2"]
    with pytest.raises(ConfigError, match=rf"{SUMS}=4095: found 4095, expected at least 4096: "):
        load_chip("sdllm-asic-45nm", [*tile, f"{SUMS}=4095"])
