"""The number of cores that is found without making a block, against the blocks themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.config.chip_files import load_chip
from simulator.errors import CapacityError
from simulator.mapping.partition import least_cores, partition
from simulator.mapping.place import map_trace
from simulator.mapping.sharing import assign
from simulator.trace.synthetic import synthetic_trace


@pytest.mark.parametrize("chip", ["loihi-like", "sdllm-asic-45nm", "truenorth-like", "odin-like"])
@examples(15)
@given(sizes=st.lists(st.integers(1, 600), min_size=2, max_size=4), share=st.booleans())
def test_it_is_the_number_of_cores_or_below_it_where_blocks_share(chip: str, sizes: list[int], share: bool) -> None:
    trace = synthetic_trace("silent", sizes, tokens=1)
    on = load_chip(chip, [f"mapping.share_cores={str(share).lower()}"])
    taken = 1 + max(block.core for block in assign(partition(trace, on), on))
    assert least_cores(trace, on) <= taken
    assert share or least_cores(trace, on) == taken


def test_a_program_far_beyond_the_chip_is_refused_before_its_blocks_are_made() -> None:
    trace = synthetic_trace("silent", (4, 4), tokens=1)
    layer = trace.layers[0]
    object.__setattr__(layer, "n_out", 2**31 - 1)  # a file may say so; its arrays are small
    with pytest.raises(CapacityError, match="cores over"):  # it took 142 s and 2.9 GB
        map_trace(trace, load_chip("odin-like"))


def test_a_chip_of_too_many_cores_is_refused() -> None:
    with pytest.raises(CapacityError, match="a simulation can hold 4194304"):
        map_trace(
            synthetic_trace("silent", (4, 4), tokens=1),
            load_chip("loihi-like", ["chip.tiles_x=1000000000", "chip.static_fixed=true"]),
        )
