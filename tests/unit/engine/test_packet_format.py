"""Headers and several values in a packet, by hand."""

from __future__ import annotations

import pytest
from factories import make_chip, make_trace

from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.engine.engine import replay
from simulator.errors import ConfigError
from simulator.mapping.packet_format import flits_per_spike, value_flits, value_packets
from simulator.mapping.place import map_trace
from simulator.trace.encoding import Encoding


def chip_of(header: str, values: int, **changes: object) -> ChipConfig:
    """Accumulators of 24 bits."""
    return make_chip(noc__packet={"header": header, "values": values}, **changes)


@pytest.mark.parametrize(
    ("header", "values", "flit", "flits"),
    [
        ("0 bit", 1, "24 bit", 1),
        ("1 bit", 1, "24 bit", 2),
        ("16 bit", 2, "64 bit", 1),  # 16 + 48
        ("17 bit", 2, "64 bit", 2),
        ("8 bit", 5, "32 bit", 4),  # 128 of 128
    ],
)
def test_flits_of_values(header, values, flit, flits):
    assert value_flits("collect", chip_of(header, values, noc__flit_bits=flit)) == flits


def test_a_number_that_home_cores_exchange_has_a_packet_of_its_own():
    """8 + 24 bits of 16: two flits, where a packet of 5 values has eight."""
    chip = chip_of("8 bit", 5, noc__flit_bits="16 bit")
    assert (value_flits("exchange", chip), value_flits("collect", chip)) == (2, 8)
    assert (value_packets(7, "exchange", chip), value_packets(7, "collect", chip)) == (7, 2)


@pytest.mark.parametrize(("header", "ternary", "graded"), [("0 bit", 1, 1), ("5 bit", 1, 2), ("7 bit", 1, 2)])
def test_a_header_counts_among_the_bits_of_a_spike(header, ternary, graded):
    """A sign is 1 bit; counts to 15 with a sign are 5 bits; flits of 8 bits."""
    chip = chip_of(header, 1, noc__flit_bits="8 bit")
    assert flits_per_spike(Encoding("ternary", 15), chip) == ternary
    assert flits_per_spike(Encoding("graded", 15), chip) == graded


def test_more_values_in_a_packet_take_fewer_packets_lookups_and_flits():
    """Outputs of 16, 8 and 8 travel to a stage of one home core, in packets of 1 and of 5 places: 32 or 4 + 2 + 2."""
    trace, counts = make_trace(n_blocks=1, n_tokens=1), {}
    for values in (1, 5):
        chip = chip_of("0 bit", values, noc__flit_bits="128 bit", mapping={"home_cores": 1})
        rows = replay(map_trace(trace, chip)).action_counts
        counts[values] = {row[:3]: row.count for row in rows}
    home = "blocks.0.attn_out"
    sources = {stage.stage_id: stage.sources for stage in trace.stages}[home]
    outputs = [trace.layer_by_id[layer].n_out for layer in sources]
    for values, packets in ((1, sum(outputs)), (5, sum(-(-n // 5) for n in outputs))):
        assert counts[values][home, "axon_in", "lookup"] == packets
        assert counts[values][home, "memory", "write"] >= sum(outputs) * 24
    assert counts[1][home, "memory", "write"] == counts[5][home, "memory", "write"]
    assert sum(n for (_, part, _), n in counts[5].items() if part == "noc") < sum(
        n for (_, part, _), n in counts[1].items() if part == "noc"
    )


def test_a_header_that_fills_a_flit_is_refused():
    with pytest.raises(ConfigError, match=r"flit_bits.*: found 32 bit, expected more than the 32 bit of packet.header"):
        load_chip("loihi-like", ["noc.packet.header=32 bit"])


def test_a_head_on_several_cores_moves_its_input_to_all_of_them_and_finds_the_largest_logit():
    """16 values on 4 cores: each sends its 4 to 3 others, 48 packets; 3 tell their largest logit. One core: none."""
    trace, sent = make_trace(n_blocks=1, n_tokens=1), {}
    for cores in (1, 4):
        mapped = map_trace(trace, make_chip(mapping={"head_cores": cores}, chip__max_chips=9))
        rows = {row[:3]: row.count for row in replay(mapped).action_counts}
        sent[cores] = rows.get(("head", "axon_out", "packet"), 0)
        arriving = rows["head", "memory", "write"] // 24
        assert arriving == 16 + (51 if cores == 4 else 0)
    assert sent == {1: 0, 4: 48 + 3}
