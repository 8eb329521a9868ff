"""Rings by hand, and rings under more traffic than they can carry: a torus must neither lie nor stand still."""

import numpy as np
import pytest
from factories import make_chip
from pydantic import ValidationError

from simulator.engine.engine import replay
from simulator.engine.network.links import crossings, has_link
from simulator.engine.network.packets import simulate_multicast, simulate_packets
from simulator.engine.network.shape import Mesh, Router
from simulator.engine.oracle.reference_noc import ReferenceMesh
from simulator.errors import CapacityError, SpikewattError
from simulator.mapping.grid import Grid
from simulator.mapping.place import map_trace
from simulator.mapping.placement import Placement
from simulator.trace.synthetic import synthetic_trace


def torus(x, y):
    return Mesh(x, y, topology="torus")


def deliver(mesh, router, packets):
    """Cycles of delivery by the kernel, after the oracle has given the same."""
    columns = [list(column) for column in zip(*packets, strict=True)]
    found = simulate_packets(*columns, mesh, router)
    oracle = ReferenceMesh(mesh.x, mesh.y, router.buffer_flits, router.family, torus=mesh.torus)
    assert found.cycle.tolist() == oracle.run(*columns)
    return found.cycle.tolist()


def links(mesh, src, dst):
    """Outputs that a packet alone takes, as (router, output)."""
    found = simulate_packets([0], [src], [dst], 1, mesh, Router())
    return {(int(r), int(o)) for (r, o), flits in np.ndenumerate(found.link_flits) if flits}


def test_ways_round_a_ring_of_four():
    # Three ahead is one back; two ahead is as long as two back, so it is two ahead, from either end.
    ring = torus(4, 1)
    assert links(ring, 0, 3) == {(0, 1), (3, 4)}
    assert links(ring, 0, 2) == {(0, 0), (1, 0), (2, 4)}
    assert links(ring, 2, 0) == {(2, 0), (3, 0), (0, 4)}
    assert deliver(ring, Router(), [(0, 0, 3, 1)]) == [2 + 3 * 2]
    assert deliver(ring, Router(), [(0, 0, 2, 1)]) == [2 + 3 * 3]


def test_ways_on_four_by_four():
    # (0,0) to (3,3): one back in x, one back in y. (1,1) to (3,3): two and two, ties, so ahead in both.
    square = torus(4, 4)
    assert links(square, 0, 15) == {(0, 1), (3, 3), (15, 4)}
    assert links(square, 5, 15) == {(5, 0), (6, 0), (7, 2), (11, 2), (15, 4)}
    assert deliver(square, Router("N"), [(0, 0, 15, 1)]) == [2 + 4 * 3]
    assert deliver(square, Router("R"), [(0, 5, 15, 1)]) == [2 + 5 * 5]


def test_rings_of_one_and_of_two():
    # A ring of two is always a tie; both ways are +x, one of them the link that closes the ring. One router has no hop.
    assert links(torus(2, 1), 0, 1) == {(0, 0), (1, 4)}
    assert links(torus(2, 1), 1, 0) == {(1, 0), (0, 4)}
    assert links(torus(1, 2), 1, 0) == {(1, 2), (0, 4)}
    assert links(torus(1, 1), 0, 0) == {(0, 4)}


def test_a_packet_enters_a_ring_only_where_two_fit():
    # FIFOs of two. Sent at 0, 1; the first is granted +x at 2, two credits, one is left. It is at router 1 at 5, goes
    # to the core and is there at 8; its place is back at 5 + 3 = 8. Only then are there two credits again: the second
    # goes at 8, there at 14, the third at 14, there at 20. On a mesh the second goes at 3.
    three = [(0, 0, 1, 1)] * 3
    assert deliver(torus(4, 1), Router("P", 2), three) == [8, 14, 20]
    assert deliver(Mesh(4, 1), Router("P", 2), three) == [8, 9, 14]


def test_a_packet_that_goes_on_needs_room_for_one():
    # Router 1 sends its own packet at 2, one credit of its +x is left. At 5 the packet from router 0 is there and goes
    # on with it (delivered 5 + 6); router 1's second one, there since 5, needs two. The credits are back at 8 (the
    # first left router 2 at 5) and 11 (the second at 8): it goes at 11 and is delivered at 17.
    assert deliver(torus(4, 1), Router("P", 2), [(0, 1, 2, 1), (0, 0, 2, 1), (3, 1, 2, 1)]) == [8, 11, 17]


class Bounded(ReferenceMesh):
    """An oracle that gives up after so many cycles."""

    def take_due(self, t):
        """As the oracle."""
        assert t < 20_000, "the network stands still"
        super().take_due(t)


class Careless(Bounded):
    """Without bubble flow control."""

    def leaves_room(self, output, input_):
        """Always."""
        return True


def flood(n_routers, each):
    """As many packets from every router at once, each half round the ring."""
    src = np.tile(np.arange(n_routers), each)
    return np.zeros_like(src), src, (src + n_routers // 2) % n_routers


@pytest.mark.parametrize("family", "PNR")
def test_without_the_rule_a_ring_stands_still(family):
    """So the tests of drained rings below can fail."""
    columns = [c.tolist() for c in flood(6, 20)]
    with pytest.raises(AssertionError, match="stands still"):
        Careless(6, 1, 2, family, torus=True).run(*columns, [1] * 120)
    assert len(Bounded(6, 1, 2, family, torus=True).run(*columns, [1] * 120)) == 120


@pytest.mark.parametrize("family", "PNR")
@pytest.mark.parametrize(("x", "y"), [(2, 2), (3, 1), (8, 1), (5, 4), (8, 8)])
@pytest.mark.parametrize("flits", [1, 3])
def test_flooded_rings_drain(family, x, y, flits):
    """FIFOs as small as they may be, thousands of packets at once: in as many as out, no sooner than alone."""
    n = x * y
    cycle, src, half = flood(n, 3000 // n)
    for dst in (half, np.random.default_rng(x).integers(0, n, len(src))):
        found = simulate_packets(cycle, src, dst, flits, torus(x, y), Router(family, 2 * flits))
        ideal = simulate_packets(cycle, src, dst, flits, torus(x, y), Router(family, 2 * flits), "ideal")
        assert (found.cycle >= ideal.cycle).all()
        assert found.link_flits[:, 4].tolist() == (np.bincount(dst, minlength=n) * flits).tolist()
        np.testing.assert_array_equal(found.link_flits, ideal.link_flits)


@pytest.mark.parametrize("family", "PNR")
@pytest.mark.parametrize(("x", "y"), [(2, 3), (6, 1), (4, 4), (5, 5)])
def test_flooded_trees_drain(family, x, y):
    rng, n = np.random.default_rng(y), x * y
    src = rng.integers(0, n, 600)
    trees = [rng.choice(n, rng.integers(1, n + 1), replace=False).tolist() for _ in src]
    found = simulate_multicast([0] * 600, src, trees, 2, torus(x, y), Router(family, 2))
    assert [set(at) for at in found.cycle] == [set(tree) for tree in trees]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simulate_packets([0], [0], [0], 3, torus(2, 2), Router("P", 5)), r"buffer_flits: 5 .* at least 6"),
        (
            lambda: simulate_packets([0, 0], [0, 0], [1, 1], [1, 2], torus(2, 2), Router()),
            r"n_flits: 1 to 2 on a torus",
        ),
        (lambda: simulate_packets([0], [0], [0], 1, torus(2, 2), Router("V")), r"router\.family: 'V' on a torus"),
        (lambda: simulate_multicast([0], [0], [[1]], 1, torus(2, 2), Router("P", 1)), r"at least 2, two packets \(1 "),
        (lambda: Mesh(2, 2, topology="ring"), r"mesh\.topology: 'ring', expected one of mesh, torus"),
    ],
)
def test_what_a_torus_cannot_carry_is_refused(call, message):
    with pytest.raises(SpikewattError, match=message):
        call()


@pytest.mark.parametrize("model", ["cycle", "estimate", "ideal"])
def test_a_chip_whose_fifos_hold_no_two_packets_is_refused(model):
    """24-bit values over 8-bit links are three flits."""
    trace = synthetic_trace("poisson", [9, 7])
    chip = make_chip(noc__topology="torus", noc__flit_bits="8 bit", noc__buffer_flits=4, noc__model=model)
    expected = (
        r"needs 6 flits in each FIFO, two of its largest packets \(values of 3, spikes of 1\), limit 4 \(2 over\)"
    )
    with pytest.raises(CapacityError, match=expected):
        replay(map_trace(trace, chip))


def test_a_torus_of_virtual_channels_is_refused():
    with pytest.raises(
        ValidationError, match=r"noc\.topology: found torus with router V, expected mesh or a router of one"
    ):
        make_chip(noc__topology="torus", noc__router="V")


def test_a_ring_on_one_chip_warns_of_the_length_of_its_links():
    trace, warned = synthetic_trace("poisson", [9, 7]), []
    for topology in ("mesh", "torus"):
        chip = make_chip(noc__topology=topology)
        found = replay(map_trace(trace, chip)).warnings
        warned.append([warning for warning in found if "folded torus" in warning])
    assert [len(found) for found in warned] == [0, 1]


def test_grid_steps():
    ring = Grid(5, 4, torus=True)
    dx, dy = ring.steps(np.array([0, 0, 4, 1]), np.array([3, 2, 0, 1 + 5 * 2]))
    assert (dx.tolist(), dy.tolist()) == ([-2, 2, 1, 0], [0, 0, 0, 2])
    assert Grid(5, 4).hops(np.array([0]), np.array([19])).tolist() == [7]
    assert ring.hops(np.array([0]), np.array([19])).tolist() == [2]


@pytest.mark.parametrize(
    ("n_chips", "far", "chip_hops"),
    [
        (1, 1, 0),  # 2 x 4 tiles on one chip: the ring closes on the chip
        (3, 5, 1),  # three chips side by side, 6 x 4: from the first column to the last over one link between chips
        (3, 3, 1),  # half round, a tie: ahead, over the first boundary
    ],
)
def test_links_that_close_a_ring(n_chips, far, chip_hops):
    placement = make_placement(n_chips)
    found = crossings(np.array([0]), np.array([far]), placement)
    hops = min(far, placement.mesh_x - far)
    assert (found.hop_x.tolist(), found.chip_hop.tolist()) == ([hops - chip_hops], [chip_hops])
    column = crossings(np.array([0]), np.array([3 * placement.mesh_x]), placement)
    assert (column.hop_y.tolist(), column.chip_hop.tolist()) == ([1], [0])  # one chip high: its own ring
    assert has_link(placement).all()


def make_placement(n_chips):
    """Chips of 2 x 4 tiles side by side, without blocks."""
    return Placement((), n_chips, n_chips, 1, Grid(2 * n_chips, 4, torus=True), np.arange(8 * n_chips))
