"""What every run says of its chip: what no source gives."""

import pytest
from factories import make_chip

from simulator.config import load_chip
from simulator.mapping.place import map_trace
from simulator.simulation.assumptions import assumptions, unpublished
from simulator.trace.synthetic import synthetic_trace

LEAKAGE = "static power of {} per chip is assumed: no source publishes it; static.* takes your own"
AREA = "the chip file has no area: none of its sources gives one; set area.core to see areas"


@pytest.mark.parametrize(
    ("chip", "power"),
    [("sdllm-asic-7nm", "64.72 mW (25.95 mW to 84.26 mW)"), ("dense-int8-7nm", "65.14 mW (26.12 mW to 84.81 mW)")],
)
def test_the_leakage_at_7_nm_is_said_to_be_assumed(chip, power):
    assert list(unpublished(load_chip(chip))) == [LEAKAGE.format(power)]
    assert load_chip(chip).summary.endswith("leakage at 7 nm assumed")


def test_what_spinnaker2_lacks_is_said():
    static, area = unpublished(load_chip("spinnaker2-like"))
    assert "is assumed" in static
    assert area == AREA


@pytest.mark.parametrize("chip", ["loihi-like", "truenorth-like", "odin-like"])
def test_nothing_is_said_where_the_sources_give_both(chip):
    assert list(unpublished(load_chip(chip))) == []


@pytest.mark.parametrize(("max_chips", "said"), [(4, 0), (3, 1)])
def test_stages_that_straddle_chips_for_want_of_chips_are_said(max_chips, said):
    """Stages of 2, 3, 4 and 2 cores on chips of 4: whole they take 4 chips."""
    chip = make_chip(
        chip__tiles_x=2,
        chip__tiles_y=2,
        chip__cores_per_tile=1,
        chip__max_chips=max_chips,
        core__limits={"axons_in": 64, "neurons": 4},
    )
    found = assumptions(map_trace(synthetic_trace("silent", [4, 4, 8, 8]), chip))
    lines = [line for line in found if "raise chip.max_chips" in line]
    assert len(lines) == said
    assert all(line.startswith("layers.1.in and perhaps other stages are spread over two chips") for line in lines)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([], []),
        (["noc.packet.spikes=4"], ["spikes leave together (noc.packet.spikes): no price covers the buffer"]),
        (["noc.packet.bitmap=true"], ["spikes leave together (noc.packet.bitmap): no price covers the buffer"]),
        (
            ["noc.packet.spikes=4", "noc.packet.bitmap=true"],
            ["spikes leave together (noc.packet.spikes and noc.packet.bitmap): no price covers the buffer"],
        ),
    ],
)
def test_what_gathers_spikes_has_no_price_and_a_run_says_so(keys, found):
    mapped = map_trace(synthetic_trace("silent", [4, 4]), load_chip("sdllm-asic-45nm", keys))
    lines = [line for line in assumptions(mapped) if "leave together" in line]
    assert [line.partition(" of a home core")[0] for line in lines] == found
    assert all(("next bit" in line) == ("noc.packet.bitmap=true" in keys) for line in lines)
