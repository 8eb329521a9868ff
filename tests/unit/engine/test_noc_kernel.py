"""The compiled network equals its oracle, packet for packet and link for link, on made-up traffic."""

import os
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from simulator.engine.kernels.mesh import simulate_mesh
from simulator.engine.kernels.mesh_vc import simulate_mesh_vc
from simulator.engine.kernels.mesh_vc_workspace import mesh_vc_workspace
from simulator.engine.kernels.mesh_workspace import FAMILY_N, FAMILY_P, FAMILY_R, mesh_workspace
from simulator.engine.kernels.network_records import NO_NODES, LinkTotals, Traffic, empty_log, no_cores
from simulator.engine.network.packets import simulate_multicast, simulate_packets
from simulator.engine.network.shape import Mesh, Router
from simulator.engine.oracle.reference_noc import ReferenceMesh
from simulator.engine.oracle.reference_noc_closed import TICKS, ReferenceClosed
from simulator.engine.oracle.reference_noc_vc import ReferenceMeshVc

ONE_VC = {"P": FAMILY_P, "N": FAMILY_N, "R": FAMILY_R}
FAMILIES = [*ONE_VC, "V"]


@st.composite
def cases(draw):
    """A mesh or torus with its links, and packets that crowd into a few cycles; on a torus all of one size."""
    family, torus = draw(st.sampled_from(FAMILIES)), draw(st.booleans())
    torus = torus and family != "V"
    x, y = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    n_routers = x * y
    router = st.integers(0, n_routers - 1)
    size = draw(st.integers(1, 4)) if torus else None
    packet = st.tuples(st.integers(0, 25), router, router, st.just(size) if size else st.integers(1, 4))
    packets = sorted(draw(st.lists(packet, max_size=40)), key=lambda p: p[0])
    links = st.one_of(st.none(), st.integers(0, 2**32 - 1))
    return {
        "x": x,
        "y": y,
        "depth": draw(st.integers(2 * size if size else 1, 10)),
        "family": family,
        "topology": "torus" if torus else "mesh",
        "extra": _links(draw(links), n_routers, 0, 6),
        "interval": _links(draw(links), n_routers, 1, 5),
        "packets": packets,
    }


def _links(seed, n_routers, low, high):
    if seed is None:
        return np.full((n_routers, 5), low)
    return np.random.default_rng(seed).integers(low, high + 1, (n_routers, 5))


def _kernel(case, workspace, calls=1):
    n = len(case["packets"])
    columns = [np.array([p[k] for p in case["packets"]], np.int64) for k in range(4)]
    delivered = np.empty(n, np.int64)
    flits = np.zeros(case["x"] * case["y"] * 5, np.int64)
    wait = np.zeros_like(flits)
    last = -1
    for _ in range(calls):
        traffic = Traffic(n, *columns, delivered, NO_NODES)
        kernel = simulate_mesh_vc if case["family"] == "V" else simulate_mesh
        last, _ = kernel(traffic, LinkTotals(flits, wait), workspace, no_cores(), empty_log())
    return last, delivered, flits.reshape(-1, 5), wait.reshape(-1, 5)


def _workspace(case):
    mesh, links = (case["x"], case["y"], case["depth"]), (case["extra"], case["interval"])
    if case["family"] == "V":
        return mesh_vc_workspace(*mesh, *links)
    return mesh_workspace(*mesh, ONE_VC[case["family"]], *links, case["topology"] == "torus")


def _oracle(case):
    mesh = (case["x"], case["y"], case["depth"])
    links = (lambda r, o: int(case["extra"][r, o]), lambda r, o: int(case["interval"][r, o]))
    if case["family"] == "V":
        return ReferenceMeshVc(*mesh, *links)
    return ReferenceMesh(*mesh, case["family"], *links, torus=case["topology"] == "torus")


def _network(case):
    return Mesh(case["x"], case["y"], case["extra"], case["interval"], case["topology"])


def _state(workspace):
    """Copies of everything a call changes and must put back; places in rings may differ."""
    wheel = [("first", workspace.wheel.first), ("end", workspace.wheel.end)]
    parts = ("port", "queue", "router", "channel")
    kept = [(name, getattr(workspace, name)) for name in parts if hasattr(workspace, name)]
    fields = [(f"{name}.{f}", records[f]) for name, records in kept for f in records.dtype.names]
    passing = ("read", "write", "head", "tail", "port.peak")
    return {name: values.copy() for name, values in wheel + fields if not name.endswith(passing)}


@examples(300)
@given(cases())
def test_kernel_equals_oracle(case):
    oracle = _oracle(case)
    expected = oracle.run(*([p[k] for p in case["packets"]] for k in range(4)))
    last, delivered, flits, wait = _kernel(case, _workspace(case))
    assert delivered.tolist() == expected
    mesh = _network(case)
    columns = ([p[k] for p in case["packets"]] for k in range(4))
    found = simulate_packets(*columns, mesh, Router(case["family"], case["depth"]))
    assert {port: n for port, n in np.ndenumerate(found.link_peak) if n} == {p: n for p, n in oracle.peak.items() if n}
    assert last == max(expected, default=-1)
    for r, o in np.ndindex(flits.shape):
        assert (flits[r, o], wait[r, o]) == (oracle.flits[r, o], oracle.wait[r, o])


@examples(100)
@given(cases())
def test_workspace_is_empty_after_a_call(case):
    """A second call on the same workspace gives the same; flits and waiting add up."""
    workspace = _workspace(case)
    before = _state(workspace)
    once = _kernel(case, workspace)
    for name, after in _state(workspace).items():
        np.testing.assert_array_equal(after, before[name], err_msg=name)
    wheel = workspace.wheel
    np.testing.assert_array_equal(wheel.first, wheel.end[: len(wheel.first)])
    twice = _kernel(case, workspace, calls=2)
    assert twice[0] == once[0]
    np.testing.assert_array_equal(twice[1], once[1])
    np.testing.assert_array_equal(twice[2], 2 * once[2])
    np.testing.assert_array_equal(twice[3], 2 * once[3])


@examples(50)
@given(cases(), st.integers(1, 2**50))
def test_time_has_no_origin(case, shift):
    """The same traffic later is delivered later by as much."""
    _, delivered, _, wait = _kernel(case, _workspace(case))
    later = {**case, "packets": [(cycle + shift, *rest) for cycle, *rest in case["packets"]]}
    _, shifted, _, wait_shifted = _kernel(later, _workspace(case))
    np.testing.assert_array_equal(shifted, delivered + shift)
    np.testing.assert_array_equal(wait_shifted, wait)


@examples(50)
@given(cases())
def test_every_flit_crosses_every_router_on_its_way(case):
    _, _, flits, _ = _kernel(case, _workspace(case))
    x, y, torus = case["x"], case["y"], case["topology"] == "torus"

    def apart(a, b, side):
        return min(abs(a - b), side - abs(a - b)) if torus else abs(a - b)

    hops_x = sum(n * apart(src % x, dst % x, x) for _, src, dst, n in case["packets"])
    hops_y = sum(n * apart(src // x, dst // x, y) for _, src, dst, n in case["packets"])
    assert flits[:, 0:2].sum() == hops_x
    assert flits[:, 2:4].sum() == hops_y
    assert flits[:, 4].sum() == sum(p[3] for p in case["packets"])


def test_arrays_may_be_longer_than_the_packets():
    workspace = mesh_workspace(2, 1, 8)
    delivered = np.full(5, -7, np.int64)
    columns = [np.array(c, np.int64) for c in ([0, 1, 99, 99, 99], [0] * 5, [1] * 5, [1] * 5)]
    traffic = Traffic(2, *columns, delivered, NO_NODES)
    links = LinkTotals(np.zeros(10, np.int64), np.zeros(10, np.int64))
    last, _ = simulate_mesh(traffic, links, workspace, no_cores(), empty_log())
    assert (last, delivered.tolist()) == (9, [8, 9, -7, -7, -7])


def test_one_specialization_serves_all():
    """Families, depths and meshes share one compiled kernel (DESIGN section 6).

    Kernels that call this one may have added specializations of their own before, in the same process.
    """
    base = {"x": 2, "y": 3, "packets": [(0, 0, 5, 2)], "extra": None, "interval": None, "topology": "mesh"}
    kernels = (simulate_mesh, simulate_mesh_vc)
    after_one_family = None
    for family in ("V", *ONE_VC):
        for depth in (1, 8):
            case = {**base, "family": family, "depth": depth}
            _kernel(case, _workspace(case))
        if family != "V":
            case = {**base, "family": family, "depth": 8, "topology": "torus"}
            _kernel(case, _workspace(case))
        if family in ("V", "P"):
            after_one_family = [len(getattr(kernel, "signatures", [])) for kernel in kernels]
    assert [len(getattr(kernel, "signatures", [])) for kernel in kernels] == after_one_family


def test_python_without_compilation_gives_the_same():
    """NUMBA_DISABLE_JIT runs the same kernels as plain Python: overflow and signs must not depend on the compiler."""
    script = (
        "from simulator.engine.network.packets import simulate_packets\n"
        "from simulator.engine.network.shape import Mesh, Router\n"
        "for family in 'PNRV':\n"
        "    found = simulate_packets([0, 0, 1, 5, 2**40], [0, 1, 0, 5, 4], [5, 5, 4, 0, 4], [2, 1, 3, 1, 2],"
        " Mesh(3, 2), Router(family, 2))\n"
        "    print(found.cycle.tolist(), found.link_wait.tolist())\n"
        "for family in 'PNR':\n"
        "    found = simulate_packets([0, 0, 0, 1], [0, 1, 2, 0], [2, 0, 1, 2], 2,"
        " Mesh(3, 1, topology='torus'), Router(family, 4))\n"
        "    print(found.cycle.tolist(), found.link_wait.tolist())\n"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    plain, jitted = (
        subprocess.run(command, env={**os.environ, **extra}, capture_output=True, text=True, check=True).stdout
        for extra in ({"NUMBA_DISABLE_JIT": "1"}, {})
    )
    assert len(plain.splitlines()) == 7
    assert plain == jitted


def test_a_paused_output_waits_however_many_credits_it_has():
    """Two flits over a link that takes one in 9 cycles, the deepest FIFO behind it: the second is 9 cycles late."""
    interval = np.ones((2, 5), np.int64)
    interval[0, 0] = 9
    mesh = Mesh(2, 1, interval=interval)
    first, second = simulate_packets([0, 0], [0, 0], [1, 1], 1, mesh, Router("P", 255)).cycle.tolist()
    assert (first, second - first) == (2 + 3 * 2, 9)


@examples(200)
@given(cases(), st.data())
def test_multicast_equals_oracle(case, data):
    """Every copy of every packet, every link; packets of several flits too."""
    family = data.draw(st.sampled_from(list(ONE_VC)))
    sizes = st.integers(1, 4)
    case["packets"] = [(*packet[:3], data.draw(sizes)) for packet in case["packets"]]
    routers = st.frozensets(st.integers(0, case["x"] * case["y"] - 1), min_size=1)
    trees = [data.draw(routers) for _ in case["packets"]]
    cycle, src, _, flits = ([p[k] for p in case["packets"]] for k in range(4))
    mesh = _network(case)
    oracle = _oracle({**case, "family": family})
    expected = oracle.carry(cycle, src, trees, flits)
    found = simulate_multicast(cycle, src, [list(t) for t in trees], flits, mesh, Router(family, case["depth"]))
    assert {(p, r): at for p, of_router in enumerate(found.cycle) for r, at in of_router.items()} == expected
    assert found.last_cycle == max(expected.values(), default=-1)
    for r, o in np.ndindex(found.link_flits.shape):
        assert (found.link_flits[r, o], found.link_wait[r, o]) == (oracle.flits[r, o], oracle.wait[r, o])


@examples(200)
@given(cases(), st.sampled_from(["estimate", "ideal"]))
def test_closed_forms_equal_their_oracle(case, model):
    links = (lambda r, o: int(case["extra"][r, o]), lambda r, o: int(case["interval"][r, o]))
    oracle = ReferenceClosed(
        case["x"], case["y"], case["depth"], case["family"], *links, model, case["topology"] == "torus"
    )
    cycle, src, dst, flits = ([p[k] for p in case["packets"]] for k in range(4))
    expected = oracle.carry(cycle, src, dst, flits)
    mesh = _network(case)
    found = simulate_packets(
        cycle, src, dst, flits, mesh, Router(case["family"], case["depth"]), model, refuse_overload=False
    )
    assert (found.cycle * TICKS).tolist() == [expected[p, to] for p, to in enumerate(dst)]
    assert found.last_cycle * TICKS == oracle.last
    for r, o in np.ndindex(found.link_flits.shape):
        assert (found.link_flits[r, o], found.link_wait[r, o] * TICKS) == (oracle.flits[r, o], oracle.wait[r, o])
