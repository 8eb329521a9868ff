"""The network by hand: cases small enough to count the cycles on paper. Kernel and oracle must both agree."""

import numpy as np
import pytest

from simulator import Mesh, Router, simulate_packets
from simulator.engine.oracle.reference_noc import ReferenceMesh
from simulator.engine.oracle.reference_noc_vc import ReferenceMeshVc
from simulator.errors import SpikewattError

HOP_CYCLES = {"P": 3, "N": 4, "R": 5, "V": 4}
FAMILIES = list(HOP_CYCLES)


def deliver(mesh, router, packets):
    """Cycles of delivery by the kernel, after the oracle has given the same."""
    cycle, src, dst, n_flits = (list(column) for column in zip(*packets, strict=True))
    found = simulate_packets(cycle, src, dst, n_flits, mesh, router)
    n = mesh.n_routers
    extra = np.zeros((n, 5), int) if mesh.extra is None else mesh.extra
    interval = np.ones((n, 5), int) if mesh.interval is None else mesh.interval
    links = (lambda r, o: int(extra[r, o]), lambda r, o: int(interval[r, o]))
    if router.family == "V":
        oracle = ReferenceMeshVc(mesh.x, mesh.y, router.buffer_flits, *links)
    else:
        oracle = ReferenceMesh(mesh.x, mesh.y, router.buffer_flits, router.family, *links)
    assert found.cycle.tolist() == oracle.run(cycle, src, dst, n_flits)
    return found.cycle.tolist()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("dst", "routers"), [(0, 1), (1, 2), (4, 2), (3, 4), (11, 6)])
def test_packet_alone_takes_two_cycles_and_h_per_router(family, dst, routers):
    # 4 x 3 mesh, from (0, 0): 0 is itself, 1 one to the east, 4 one to the south, 3 a corner, 11 = (3, 2) the far end.
    arrival = deliver(Mesh(4, 3), Router(family), [(7, 0, dst, 1)])
    assert arrival == [7 + 2 + HOP_CYCLES[family] * routers]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_further_flit_takes_one_cycle(family):
    # L0 = 2 + H * (hops + 1) + (flits - 1), here two routers and four flits.
    assert deliver(Mesh(2, 1), Router(family), [(0, 0, 1, 4)]) == [2 + HOP_CYCLES[family] * 2 + 3]


def test_two_packets_meet_on_a_link():
    # 3 x 1 mesh, both to router 2. The one from 0 is sent at 0, granted at router 0 at 2, visible at router 1 at 5.
    # The one from 1 joins at 3, is visible at router 1 at 5 as well. Output +x of router 1 has its pointer at input 0;
    # the first at or after it is input 1 (from -x). So packet 0 goes at 5, packet 1 (input 4) at 6.
    # Granted at router 1 at g: visible at router 2 at g + 3, granted there, delivered at g + 6.
    assert deliver(Mesh(3, 1), Router("P"), [(0, 0, 2, 1), (3, 1, 2, 1)]) == [11, 12]


def test_round_robin_moves_past_the_winner():
    # As above with a second packet from 0: visible at router 1 at 6. At 6 the pointer stands at input 2, so input 4 is
    # before input 1: the local packet goes at 6, the second one at 7.
    assert deliver(Mesh(3, 1), Router("P"), [(0, 0, 2, 1), (1, 0, 2, 1), (3, 1, 2, 1)]) == [11, 13, 12]


def test_packet_of_several_flits_is_not_cut_by_another():
    # Three flits from router 0 hold +x of router 1 at 5, 6, 7; the local packet, there since 5, goes at 8.
    assert deliver(Mesh(3, 1), Router("P"), [(0, 0, 2, 3), (3, 1, 2, 1)]) == [13, 14]


@pytest.mark.parametrize(("depth", "cycles_per_packet"), [(1, 6), (2, 3), (3, 2), (6, 1), (8, 1)])
def test_stream_runs_at_the_rate_of_the_credit_loop(depth, cycles_per_packet):
    # A flit granted at t holds its place until t + 3, its credit is back at t + 6: min(1, depth / 6) packets per cycle.
    n = 60
    arrival = deliver(Mesh(3, 1), Router("P", depth), [(0, 0, 2, 1)] * n)
    assert arrival[-1] - arrival[-1 - 12] == 12 * cycles_per_packet


@pytest.mark.parametrize(("family", "cycles_per_packet"), [("N", 2), ("R", 3), ("V", 1)])
def test_port_of_n_and_r_routers_takes_cycles_between_packets(family, cycles_per_packet):
    # The packet before must have left before the next may acquire the port; other channels hide that in V.
    arrival = deliver(Mesh(3, 1), Router(family, 8), [(0, 0, 2, 1)] * 40)
    assert arrival[-1] - arrival[-1 - 12] == 12 * cycles_per_packet


def test_virtual_channels_let_a_packet_pass_another():
    # 4 x 1 mesh, FIFOs of one flit, and a core at router 2 that takes a flit in 50 cycles. Its own packet is granted at
    # 2, so the packet from 0 to 2 waits in the FIFO of router 2 until 52 and is there at 55. The one from 0 to 3, which
    # joins at 1, stands behind it with one channel; with four it passes and takes 2 + 4 * 4 cycles.
    interval = np.ones((4, 5), np.int64)
    interval[2, 4] = 50
    mesh, packets = Mesh(4, 1, interval=interval), [(0, 2, 2, 1), (0, 0, 2, 1), (1, 0, 3, 1)]
    own, first, behind = deliver(mesh, Router("P", 1), packets)
    assert (own, first) == (5, 55)
    assert behind > first
    assert deliver(mesh, Router("V", 1), packets)[2] == 1 + 2 + 4 * 4


def test_slow_link_delays_flit_and_credit():
    # +x of router 0 takes 4 cycles more; the ejection of router 1 takes 2 more: 2 + (3 + 4) + (3 + 2).
    extra = np.zeros((2, 5), np.int64)
    extra[0, 0], extra[1, 4] = 4, 2
    mesh = Mesh(2, 1, extra=extra)
    assert deliver(mesh, Router("P", 1), [(0, 0, 1, 1)]) == [14]
    # With one place the second flit waits for the credit: granted 2, there 9, granted 9, credit back at 9 + 7 = 16, so
    # granted 16, there 23. Ejection: granted 9, at the core 14, credit back 19; free long before 23. 23 + 5 = 28.
    assert deliver(mesh, Router("P", 1), [(0, 0, 1, 1), (0, 0, 1, 1)]) == [14, 28]


def test_narrow_link_takes_a_flit_per_interval():
    interval = np.ones((2, 5), np.int64)
    interval[0, 0] = 4
    arrival = deliver(Mesh(2, 1, interval=interval), Router("P"), [(0, 0, 1, 1)] * 5)
    assert arrival == [8, 12, 16, 20, 24]


def test_links_count_flits_and_waiting():
    # The meeting of two packets: +x of router 1 carries 2 flits, one of them waits from 5 to 6.
    found = simulate_packets([0, 3], [0, 1], [2, 2], 1, Mesh(3, 1), Router("P"))
    assert found.link_flits.tolist() == [[1, 0, 0, 0, 0], [2, 0, 0, 0, 0], [0, 0, 0, 0, 2]]
    assert found.link_wait.tolist() == [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert (found.flit_hops, found.last_cycle) == (5, 12)
    # Behind +x of router 1 they come one after another, each gone before the next: never two at once.
    assert found.link_peak.tolist() == [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_packets_need_not_be_sorted():
    found = simulate_packets([3, 0], [1, 0], [2, 2], [1, 1], Mesh(3, 1), Router("P"))
    assert found.cycle.tolist() == [12, 11]


def test_no_packet_has_no_last_cycle():
    found = simulate_packets([], [], [], [], Mesh(2, 2), Router("P"))
    assert (found.last_cycle, found.flit_hops, found.cycle.size) == (-1, 0, 0)


def test_idle_time_costs_nothing():
    # A packet every 10^12 cycles: a loop over cycles would not end.
    late = 10**12
    found = simulate_packets([0, late, 5 * late], [0, 0, 0], [3, 3, 3], 1, Mesh(2, 2), Router("P"))
    assert found.cycle.tolist() == [11, late + 11, 5 * late + 11]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate_packets([0], [4], [0], 1, Mesh(2, 2), Router()), r"src\[0\]: 4, expected 0\.\.3"),
        (lambda: simulate_packets([0, 0], [0, 0], [0, -1], 1, Mesh(2, 2), Router()), r"dst\[1\]: -1, expected 0\.\.3"),
        (lambda: simulate_packets([-1], [0], [0], 1, Mesh(2, 2), Router()), r"cycle\[0\]: -1"),
        (lambda: simulate_packets([0], [0], [0], 0, Mesh(2, 2), Router()), r"n_flits\[0\]: 0, expected 1"),
        (lambda: simulate_packets([0, 1], [0], [0, 0], 1, Mesh(2, 2), Router()), r"src: 1 values, expected 2"),
        (lambda: simulate_packets([0.5], [0], [0], 1, Mesh(2, 2), Router()), r"cycle: float64"),
        (lambda: simulate_packets([[0]], [0], [0], 1, Mesh(2, 2), Router()), r"cycle: int64 of shape \(1, 1\)"),
        (lambda: Mesh(0, 2), r"mesh\.x: 0, expected 1"),
        (lambda: Mesh(2, 2, extra=np.zeros((4, 4), np.int64)), r"mesh\.extra: shape \(4, 4\), expected \(4, 5\)"),
        (lambda: Mesh(2, 2, interval=np.zeros((4, 5), np.int64)), r"mesh\.interval: 0, expected 1"),
        (lambda: Router("Q"), r"router\.family: 'Q', expected one of P, N, R, V"),
        (lambda: Router("P", 0), r"router\.buffer_flits: 0, expected 1"),
        (lambda: Router.named("eight"), r"router: 'eight', expected a family and a depth such as P8"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(SpikewattError, match=message):
        call()


def test_router_by_name():
    assert Router.named("N16") == Router("N", 16)
