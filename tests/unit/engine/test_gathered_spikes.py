"""Lists and bitmaps of spikes, by hand; the toy chip of `test_engine_by_hand`, with flits of 32 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import make_chip
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from profiles import examples

from simulator.config import load_chip
from simulator.config.chip import ChipConfig
from simulator.config.dense_twin import twin_from
from simulator.engine.engine import replay
from simulator.engine.result import SimResult
from simulator.errors import CapacityError, ConfigError
from simulator.mapping.packet_format import bitmap_flits, gathered_packets, list_flits
from simulator.mapping.place import map_trace
from simulator.mapping.spike_packets import spike_packets
from simulator.trace.codes import CODES
from simulator.trace.encoding import Encoding
from simulator.trace.synthetic import synthetic_trace

NS = 1000
TERNARY = Encoding("ternary", 15)  # a sign is 1 bit


def chip_of(**form: object) -> ChipConfig:
    """A row of tiles of one core; a header of 10 bits."""
    tiles = {"chip__tiles_x": 8, "chip__tiles_y": 1, "chip__cores_per_tile": 1}
    return make_chip(noc__packet={"header": "10 bit", **form}, **tiles)


def run(counts: list[int], n_out: int, chip: ChipConfig) -> SimResult:
    """One token whose only stream has these counts and drives one layer; no ops, no head."""
    trace = synthetic_trace("silent", [len(counts), n_out], tokens=1, levels=1, ops=False, head=False)
    return replay(map_trace(replace(trace, load_counts=lambda _: np.array([counts], np.int8)), chip))


def counted(result: SimResult) -> dict[str, int]:
    return {f"{row.component}.{row.action}": row.count for row in result.action_counts}


def test_three_spikes_in_lists_of_two():
    """The second spike fills a packet of 10 + 30 + 2 bits, two flits; the third leaves alone, 10 + 1 bits.

    Fired at 11, 22 and 33 ns. Out at 27 and 38 ns: cycles 14 and 19. A packet comes 8 cycles after it joins, and one
    more for a second flit: 46 and 54 ns. A row of 64 takes 48 ns, a packet 1 ns: served to 143 and 192 ns; 64 updates
    to 704 ns. Without a network they come at 28 and 38 ns: 125, 174, 686 ns.
    """
    result = run([1, 1, 1], 64, chip_of(spikes=2, address="30 bit"))
    stage, found = result.stages.iloc[0], counted(result)
    assert (stage["compute_ps"], stage["network_ps"]) == (686 * NS, 18 * NS)
    assert (found["axon_out.packet"], found["noc.hop_x"], found["noc.local"]) == (2, 3, 3)
    assert (found["axon_in.lookup"], found["synapse.word_read"], result.synops) == (3, 3 * 8, 3 * 64)
    assert (result.spikes, result.packets, result.packet_hops) == (3, 2, 2)
    home, target = result.cores.iloc[0], result.cores.iloc[1]
    assert (home["packets_out"], target["packets_in"]) == (2, 2)
    assert (home["busy_ps"], target["busy_ps"]) == (38 * NS, (3 * 48 + 2 + 512) * NS)
    units = result.units.set_index(["core", "unit"])
    assert units.loc[(1, "axon_in"), ["busy_ps", "stall_ps"]].tolist() == [3 * 2 * NS, (3 * 46 + 2) * NS]
    assert units.loc[(0, "axon_out"), "busy_ps"] == 2 * 5 * NS


def test_a_bitmap_leaves_after_the_last_neuron():
    """Four neurons, three spikes: 10 + 4 + 3 bits are one flit, three packets of one spike are three.

    The last neuron has fired at 11 + 5 + 11 + 11 = 38 ns: out at 43 ns, cycle 22; there at 60 ns. Three rows of 3 ns
    and 1 ns: 70 ns; an update: 78 ns. Without a network it is there at 44 ns: 62 ns.
    """
    result = run([1, 0, 1, 1], 1, chip_of(bitmap=True))
    stage, found = result.stages.iloc[0], counted(result)
    assert (stage["compute_ps"], stage["network_ps"]) == (62 * NS, 16 * NS)
    assert (found["axon_out.packet"], found["noc.local"], found["axon_in.lookup"]) == (1, 1, 3)


@pytest.mark.parametrize(
    ("most", "spikes", "packets", "flits"),
    [
        (3, 3, 1, 1),  # a list: 10 + 2 x 6 + 3 = 25 bits; a bitmap would be 10 + 64 + 3 = 77 bits, 3 flits
        (1, 2, 2, 2),  # two packets of one spike, against 10 + 64 + 2 = 76 bits
        (1, 3, 1, 3),  # as many flits as three packets of one spike, in one packet
        (3, 40, 1, 4),  # 10 + 64 + 40 = 114 bits, against 13 full lists and one of a single spike
        (3, 0, 0, 0),
    ],
)
def test_a_bitmap_of_64_neurons_where_it_takes_fewer_flits(most, spikes, packets, flits):
    chip = chip_of(spikes=most, bitmap=True, address="6 bit")
    found = gathered_packets(np.array([spikes]), np.array([64]), TERNARY, chip)
    assert [n.item() for n in found] == [packets, flits]


def test_an_address_numbers_the_axons_of_a_core():
    """64 in-axons are 6 bits: 10 + 3 x 6 + 4 = 32 bits are one flit, another spike is one bit too many."""
    chip = chip_of(spikes=5)
    assert chip.core.limits.axons_in == 64
    assert [list_flits(n, TERNARY, chip) for n in (1, 4, 5)] == [1, 1, 2]
    assert bitmap_flits(0, 22, TERNARY, chip) == 1


@examples(60)
@given(
    arrays.arrays(np.int8, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.integers(0, 3)),
    st.sampled_from(CODES),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 20),
    st.integers(0, 7),
    st.data(),
)
def test_more_spikes_in_a_packet_and_bitmaps_never_take_more_flits(counts, code, few, times, header, address, data):
    """A list of a multiple of N joins lists of N. A bitmap goes only where it is not longer."""
    n, encoding = counts.shape[1], Encoding(code, 3)
    edges = np.array(sorted({0, *data.draw(st.sets(st.integers(0, n - 1), max_size=3))}), np.int64)

    def sent(**form: object):
        bits = {"header": f"{header} bit", "address": f"{address} bit"}
        chip = make_chip(noc__packet=bits | form, noc__flit_bits="21 bit")
        return spike_packets(counts, edges, encoding, chip)

    alone, lists, longer = sent(), sent(spikes=few), sent(spikes=few * times)
    bitmaps = sent(spikes=few, bitmap=True)
    for shorter, other in ((lists, alone), (longer, lists), (bitmaps, lists)):
        assert (shorter.spikes.sum(), alone.spikes.tolist()) == (other.spikes.sum(), other.spikes.tolist())
        assert shorter.packets.sum() <= other.packets.sum()
        assert shorter.flits.sum() <= other.flits.sum()


def test_a_list_that_is_no_multiple_may_take_more():
    """Flits of 10 bits, addresses of 5: four spikes are 2 lists of two in 1 flit each, or one of 3 in 2 flits and 1."""
    flits = {}
    for most in (2, 3):
        chip = make_chip(noc__packet={"spikes": most, "address": "5 bit"}, noc__flit_bits="7 bit")
        flits[most] = gathered_packets(np.array([4]), np.array([9]), TERNARY, chip)[1].item()
    assert flits == {2: 2, 3: 3}


def test_one_spike_in_a_packet_is_the_chip_without_the_keys():
    trace = synthetic_trace("poisson", [9, 7, 5], tokens=2)
    plain, given = (replay(map_trace(trace, make_chip(noc__packet=form))) for form in ({}, {"spikes": 1}))
    assert plain.action_counts == given.action_counts
    assert plain.tokens.equals(given.tokens)


@pytest.mark.parametrize(
    ("key", "text"), [("noc.packet.spikes=0", "at least 1"), ("noc.packet.bitmap=64", "true or false")]
)
def test_values_that_are_none_are_refused(key, text):
    with pytest.raises(ConfigError, match=rf"{key.split('=')[0]}.*{text}"):
        load_chip("loihi-like", [key])


def test_a_spike_that_is_longer_in_a_list_than_alone_is_refused():
    """12 bits of address and a sign in flits of 8 bits: a packet of its own has one flit."""
    trace = synthetic_trace("poisson", [9, 7], tokens=1)
    chip = make_chip(noc__packet={"spikes": 2, "address": "12 bit"}, noc__flit_bits="8 bit")
    with pytest.raises(CapacityError, match=r"spikes: one more .* takes 13 bit \(address 12, payload 1\), .* own 8"):
        replay(map_trace(trace, chip))


@pytest.mark.parametrize(("form", "fits"), [({"bitmap": True}, False), ({"spikes": 9}, False), ({"spikes": 4}, True)])
def test_a_torus_carries_packets_of_one_size(form, fits):
    """9 spikes are more than a flit; 4 spikes never are. With multicast each flit goes for itself."""
    trace = synthetic_trace("poisson", [9, 7], tokens=1)
    torus = {"noc__topology": "torus", "noc__packet": form}
    if fits:
        replay(map_trace(trace, make_chip(**torus)))
    else:
        with pytest.raises(CapacityError, match=r"packets of one size at a time; noc\.packet\.spikes and .*bitmap"):
            replay(map_trace(trace, make_chip(**torus)))
    replay(map_trace(trace, make_chip(noc__multicast=True, **torus)))


def test_a_dense_twin_fills_packets_by_the_same_rule():
    """16 integers of 5 bits: 10 + 16 + 80 bits as a bitmap are 4 flits in one packet; lists of two take 8 packets."""
    trace = synthetic_trace("poisson", [16, 7], tokens=1, levels=15, ops=False, head=False)
    form = {"header": "10 bit", "spikes": 2, "bitmap": True}
    twin = twin_from(make_chip(noc__packet=form, core__limits={"axons_in": 64, "neurons": 16}))
    found = counted(replay(map_trace(trace, twin)))
    assert (found["axon_out.packet"], found["noc.local"], found["axon_in.lookup"]) == (1, 4, 16)


def test_one_row_of_a_tile_is_read_once_however_many_spikes_a_packet_has():
    trace = synthetic_trace("full", [6, 7], levels=3, tokens=2, ops=False, head=False)
    tile = {"core__synapse__tile": 2, "core__dendrite__accumulators_per_core": 128, "schedule": {"chunk": 2}}
    found = counted(replay(map_trace(trace, make_chip(noc__packet={"spikes": 3}, **tile))))
    assert (found["axon_out.packet"], found["axon_in.lookup"], found["synapse.word_read"]) == (12, 36, 6)


def test_more_than_one_home_core_never_shares_a_packet():
    """12 neurons on 3 home cores: three lists of 4 for each of 2 timesteps, whatever a packet has room for."""
    trace = synthetic_trace("full", [12, 4], levels=2, tokens=1, ops=False, head=False)
    found = counted(replay(map_trace(trace, make_chip(noc__packet={"spikes": 100}, mapping={"home_cores": 3}))))
    assert found["axon_out.packet"] == 3 * 2
