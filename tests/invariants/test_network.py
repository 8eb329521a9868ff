"""What must hold in the network for any traffic."""

from __future__ import annotations

import numpy as np
from factories import make_chip
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.config.chip import ChipConfig
from simulator.engine.engine import replay
from simulator.engine.network.packets import simulate_multicast, simulate_packets
from simulator.engine.network.shape import Mesh, Router
from simulator.engine.oracle.reference_noc import ReferenceMesh
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace


@st.composite
def traffic(draw, families="PNRV"):
    """A mesh or torus with slow and narrow links, a router, and packets that crowd into a few cycles."""
    family = draw(st.sampled_from(families))
    torus = family != "V" and draw(st.booleans())
    size = draw(st.integers(1, 4)) if torus else None
    x, y = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    links = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    slow = draw(st.booleans())
    extra = links.integers(0, 5, (x * y, 5)) if slow else None
    interval = links.integers(1, 4, (x * y, 5)) if slow else None
    router = st.integers(0, x * y - 1)
    packet = st.tuples(st.integers(0, 20), router, router, st.just(size) if size else st.integers(1, 4))
    packets = sorted(draw(st.lists(packet, min_size=1, max_size=60)), key=lambda p: p[0])
    mesh = Mesh(x, y, extra, interval, "torus" if torus else "mesh")
    routers = Router(family, draw(st.integers(2 * size if size else 1, 8)))
    return ([p[k] for p in packets] for k in range(4)), mesh, routers


@examples(150)
@given(traffic())
def test_no_packet_is_faster_than_without_contention_nor_all_before_the_busiest_port(case):
    columns, mesh, router = case
    columns = list(columns)
    cycle = simulate_packets(*columns, mesh, router)
    ideal = simulate_packets(*columns, mesh, router, "ideal")
    estimate = simulate_packets(*columns, mesh, router, "estimate", refuse_overload=False)
    assert (cycle.cycle >= ideal.cycle).all()
    assert cycle.last_cycle >= ideal.last_cycle
    assert (estimate.cycle >= ideal.cycle).all()
    np.testing.assert_array_equal(cycle.link_flits, ideal.link_flits)
    np.testing.assert_array_equal(cycle.link_flits, estimate.link_flits)


@examples(100)
@given(traffic())
def test_a_packet_alone_takes_the_ideal_time(case):
    """With FIFOs that hold it: the credits of a shallow one slow even a packet alone."""
    columns, mesh, router = case
    columns = [column[:1] for column in columns]
    if router.buffer_flits < 8 or mesh.extra is not None:
        columns[3] = [1]
    ideal = simulate_packets(*columns, mesh, router, "ideal")
    assert simulate_packets(*columns, mesh, router).cycle.tolist() == ideal.cycle.tolist() == [ideal.last_cycle]


@examples(60)
@given(traffic("PNR"), st.data())
def test_every_packet_arrives_once_at_each_of_its_routers(case, data):
    columns, mesh, router = case
    cycle, src, _, flits = columns
    routers = st.lists(st.integers(0, mesh.n_routers - 1), min_size=1)
    trees = [data.draw(routers) for _ in cycle]
    found = simulate_multicast(cycle, src, trees, flits, mesh, router)
    assert [set(at) for at in found.cycle] == [set(tree) for tree in trees]
    assert found.link_flits[:, 4].sum() == sum(len(set(t)) * n for t, n in zip(trees, flits, strict=True))


class Watched(ReferenceMesh):
    """An oracle that notes every flit it sends on a link."""

    def carry_out(self, t, grant):
        """As the oracle, and noted."""
        if not grant.acquire:
            self.sent.append((grant.router, grant.output, t))
        super().carry_out(t, grant)


@examples(40)
@given(traffic("PNR"))
def test_no_link_takes_two_flits_at_once(case):
    """Nor before its interval is over."""
    columns, mesh, router = case
    interval = np.ones((mesh.n_routers, 5), int) if mesh.interval is None else mesh.interval
    links = {"interval": lambda r, o: int(interval[r, o]), "torus": mesh.torus}
    oracle = Watched(mesh.x, mesh.y, router.buffer_flits, router.family, **links)
    oracle.sent = []
    oracle.run(*columns)
    last: dict[tuple[int, int], int] = {}
    for r, o, t in oracle.sent:
        assert t - last.get((r, o), -100) >= interval[r, o]
        last[r, o] = t


def _chip(**changes: object) -> ChipConfig:
    limits = {"axons_in": 12, "neurons": 9}
    return make_chip(chip__tiles_x=2, chip__tiles_y=2, chip__max_chips=64, core__limits=limits, **changes)


@examples(15)
@given(st.integers(0, 99), st.sampled_from("PNR"), st.booleans())
def test_a_token_is_no_faster_than_without_contention(seed, router, multicast):
    trace = synthetic_trace("poisson", [20, 15, 9], tokens=2, seed=seed)
    cycle, estimate, ideal = (
        replay(map_trace(trace, chip), refuse_overload=False)
        for chip in (
            _chip(noc__router=router, noc__multicast=multicast, noc__model=m) for m in ("cycle", "estimate", "ideal")
        )
    )
    assert cycle.action_counts == ideal.action_counts
    assert (cycle.tokens["latency_ps"] >= ideal.tokens["latency_ps"]).all()
    assert (estimate.tokens["latency_ps"] >= ideal.tokens["latency_ps"]).all()
    assert any("lower bound" in warning for warning in ideal.warnings)


@examples(15)
@given(st.integers(0, 99))
def test_multicast_crosses_no_more_links_and_serves_as_much(seed):
    trace = synthetic_trace("poisson", [20, 15, 9], tokens=2, seed=seed)
    one, many = (replay(map_trace(trace, chip)) for chip in (_chip(noc__multicast=True), _chip()))
    assert one.packets <= many.packets
    assert one.packet_hops <= many.packet_hops
    assert one.synops == many.synops
    np.testing.assert_array_equal(one.cores["packets_in"], many.cores["packets_in"])
