"""Full cores push back: a case small enough to count on paper, and what must hold for any bound."""

from __future__ import annotations

from itertools import pairwise

import pytest
from factories import action, make_chip

from simulator.engine.engine import replay
from simulator.engine.oracle.reference import reference_simulate
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

NS = 1000
SERVICE_NS = 51  # max(lookup 50, ...) + overhead 1


def _chip(places, depth=1):
    """A core that takes 50 ns for a lookup, cycles of 2 ns, and homes that send a spike every 5 ns."""
    axon_in = {"lookup": action("5 pJ", "50 ns"), "fifo_packets": places}
    return make_chip(core__axon_in=axon_in, noc__buffer_flits=depth, chip__cores_per_tile=1)


def _result(places, depth=1, n=6):
    trace = synthetic_trace("full", [n, 3], levels=1, tokens=1)
    chip = _chip(places, depth)
    return replay(map_trace(trace, chip)), trace, chip


def test_one_place_in_front_of_a_core_by_hand():
    """Six spikes, service 51 ns each, all there long before they can be served.

    The first packet is served as it comes, the second waits in the only place, which is free when it begins: 51 ns
    after the first. Each packet k >= 2 waits at the head of the port until packet k - 1 begins. With depth 1 a packet
    leaves the router a credit loop (6 cycles = 12 ns and the round to a full cycle) after the one before was taken, and
    51 ns are more than that: so each of the four later ones is at the port when a place gets free, and the core is
    never idle.
    """
    bounded, trace, chip = _result(1)
    endless, *_ = _result(None)
    events = [e.delivery for e in reference_simulate(map_trace(trace, chip)).events]
    first = events[0].start_ps
    assert [d.start_ps for d in events] == [first + k * SERVICE_NS * NS for k in range(6)]
    for before, packet in pairwise(events):
        assert packet.taken_ps == max(packet.arrival_ps, before.start_ps if packet is not events[1] else 0)
    waited = sum(d.taken_ps - d.arrival_ps for d in events)
    assert waited > 0
    stalls = dict(zip(bounded.cores["core"], bounded.cores["stall_ps"], strict=True))
    assert stalls[events[0].receiver.core] == waited
    assert bounded.total_ps == endless.total_ps  # the core is the bottleneck with and without
    assert endless.cores["stall_ps"].sum() == 0


def test_a_full_core_keeps_packets_of_others_waiting():
    """Flits that cannot leave hold the links behind them: more waiting in the network than with endless inputs."""
    bounded, *_ = _result(1, n=40)
    endless, *_ = _result(None, n=40)
    assert bounded.links["wait_cycles"].sum() > endless.links["wait_cycles"].sum()
    assert bounded.action_counts == endless.action_counts


@pytest.mark.parametrize("depth", [1, 4])
def test_a_bound_that_is_never_met_changes_nothing(depth):
    wide, *_ = _result(1000, depth)
    endless, *_ = _result(None, depth)
    assert wide.tokens.equals(endless.tokens)
    assert wide.links.equals(endless.links)
    assert wide.cores.equals(endless.cores)
