"""A chip with all times at one end of their ranges."""

from __future__ import annotations

import pytest

from simulator.config import load_chip
from simulator.config.time_bounds import at_time_bound
from simulator.errors import ConfigError


def test_times_move_to_their_bounds_and_energies_stay():
    chip = load_chip("loihi2-like")
    low, high = at_time_bound(chip, "low"), at_time_bound(chip, "high")
    assert [c.core.synapse.synop.latency.value for c in (low, chip, high)] == [370, 370, 700]
    assert [c.core.axon_in.lookup.latency.value for c in (low, chip, high)] == [160, 1600, 16_000]
    assert [c.noc.chip_link.cycles_per_flit for c in (low, chip, high)] == [33, 33, 222]
    assert low.core.synapse.synop.energy == chip.core.synapse.synop.energy == high.core.synapse.synop.energy


@pytest.mark.parametrize("setting", ["low_cycles_per_flit=300", "high_cycles_per_flit=3"])
def test_a_bound_on_the_wrong_side_of_the_value_is_refused(setting):
    with pytest.raises(ConfigError, match=r"noc\.chip_link.*found .*, expected at (most|least) cycles_per_flit, 33"):
        load_chip("loihi2-like", [f"noc.chip_link.{setting}"])
