"""The memory estimate: of each array its size, without making it."""

from __future__ import annotations

import numpy as np
import pytest
from factories import make_chip
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import load_chip
from simulator.engine import memory_estimate, warmup
from simulator.engine.kernels.closed_form_workspace import closed_bytes
from simulator.engine.kernels.mesh_vc_workspace import mesh_vc_bytes
from simulator.engine.kernels.mesh_workspace import SlowestLink, mesh_bytes
from simulator.engine.kernels.stage_records import scratch
from simulator.engine.memory_estimate import GATHERED_BYTES, PACKET_BYTES, kept_bytes, least_bytes, work_bytes
from simulator.engine.network.network_memory import network_bytes, slowest_link
from simulator.engine.network.shape import Mesh, Router, network_arrays
from simulator.mapper.optimize import fixed_by, optimize
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

ENDLESS = 1 << 20  # cycles of a run that writes to every slot of a wheel


def nbytes(record: object) -> int:
    """Bytes of all arrays in nested tuples; of a wheel without kinds of events that do not occur."""
    if hasattr(record, "nbytes"):
        return int(record.nbytes)
    return sum(map(nbytes, record)) if isinstance(record, tuple) else 0


def wheel_index_bytes(wheel) -> int:
    """What is small next to the slots: their limits."""
    return nbytes((wheel.first, wheel.end))


@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from("PNR"),
    st.integers(1, 9),
    st.integers(0, 70),
    st.integers(1, 70),
)
def test_a_mesh_is_as_large_as_its_arrays(x, y, family, depth, extra, interval):
    """But for events of kinds that do not occur, and the half of the cargo that belongs to credits."""
    n = x * y
    links = np.full((n, 5), extra), np.full((n, 5), interval)
    mesh = network_arrays(Mesh(x, y, *links), Router(family, depth)).mesh
    slots, kinds = mesh.wheel.mask + 1, 2 + (interval > 1) + (family == "R")
    unused = slots * 6 * n * (4 * (4 - kinds) + 8)
    found = mesh_bytes(n, depth, SlowestLink(extra, interval), ENDLESS, asks=family == "R")
    assert found == nbytes(mesh) - nbytes((mesh.pick, mesh.active[:1])) - wheel_index_bytes(mesh.wheel) - unused


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 9), st.integers(0, 70), st.integers(1, 70))
def test_a_mesh_of_virtual_channels_is_as_large_as_its_arrays(x, y, depth, extra, interval):
    n = x * y
    mesh = network_arrays(Mesh(x, y, np.full((n, 5), extra), np.full((n, 5), interval)), Router("V", depth)).mesh_vc
    unused = (mesh.wheel.mask + 1) * 6 * n * 4 * (2 - (interval > 1))
    found = mesh_vc_bytes(n, depth, SlowestLink(extra, interval), ENDLESS)
    assert found == nbytes(mesh) - nbytes(mesh.pick) - wheel_index_bytes(mesh.wheel) - unused


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_closed_form_is_as_large_as_its_arrays(x, y):
    closed = network_arrays(Mesh(x, y), Router("P", 1), "estimate").closed
    assert closed_bytes(x * y) == nbytes(closed) - nbytes(closed.peak)


@pytest.mark.parametrize(("gathers", "more"), [(False, 0), (True, GATHERED_BYTES)])
def test_a_packet_is_as_large_as_its_places(gathers, more):
    one, two = (nbytes(scratch(n, gathers=gathers)) for n in (1, 2))
    assert two - one == PACKET_BYTES + more + 8  # and its place in the order


@pytest.mark.parametrize(("width", "slowest"), [(8, (2, 1)), (4096, (61, 222))])
def test_only_chips_side_by_side_have_slow_links(width, slowest):
    """Chip file of loihi-like: 2 cycles more on each link, 59 and 222 cycles per flit between chips."""
    chip = load_chip("loihi-like")
    mapped = map_trace(synthetic_trace("silent", [width, width], ops=False, head=False), chip)
    assert slowest_link(mapped.placement, chip) == slowest
    short, long = (network_bytes(mapped.placement, chip, cycles) for cycles in (1, 1000))
    assert short < long


def test_memory_grows_with_tokens_whatever_the_network():
    traces = (synthetic_trace("silent", [4, 4], tokens=n) for n in (10, 1010))
    few, many = (kept_bytes(map_trace(trace, make_chip()).trace) for trace in traces)
    assert many - few >= 1000 * 900  # 0.9 kB for a token of two stages, measured


def test_memory_grows_with_the_packets_of_a_timestep():
    chip = make_chip(core__limits={"axons_in": 4096, "neurons": 4096}, core__sram__capacity="64 MiB")
    small, large = (synthetic_trace("full", [n, 8], ops=False, head=False) for n in (100, 1100))
    need = [work_bytes(map_trace(trace, chip), 1) for trace in (small, large)]
    assert need[1] - need[0] >= 1000 * 8 * np.dtype(np.int64).itemsize  # at least eight words a packet


@pytest.mark.parametrize(("tokens", "at_once"), [(1, 1), (2, 2), (9, 3)])
def test_as_many_stages_send_at_once_as_a_pipeline_has_tokens(tokens, at_once):
    """Three stages of 100 activations, each of which drives a layer of 8 outputs on one core."""
    free = {"core__limits": {"axons_in": 4096, "neurons": 4096}, "core__sram__capacity": "64 MiB"}
    sizes = [100, 100, 100, 8]
    trace = synthetic_trace("silent", sizes, tokens=tokens, ops=False, head=False)
    chips = (make_chip(**free, noc__model="ideal", schedule__kind=kind) for kind in ("pipelined", "sequential"))
    together, alone = (work_bytes(map_trace(trace, chip), 1) for chip in chips)
    assert together - alone == (at_once - 1) * 100 * np.dtype(np.int64).itemsize


@pytest.mark.parametrize("name", ["loihi-like", "truenorth-like", "seneca-like", "odin-like", "dense-int8-45nm"])
@pytest.mark.parametrize("schedule", ["pipelined", "sequential"])
def test_no_mapping_takes_less_than_the_least(name, schedule, monkeypatch):
    monkeypatch.setattr(memory_estimate, "PAGE_BYTES", 0)
    monkeypatch.setattr(memory_estimate, "process_bytes", lambda: 0)
    chip = load_chip(name, [f"schedule.kind={schedule}"])
    trace = synthetic_trace("poisson", [300, 200, 100, 40], tokens=3)
    mapped = [map_trace(trace, chip)]
    if fixed_by(chip) is None:
        mapped.append(optimize(chip, trace, "energy", check=False).best.mapped)
    least = least_bytes(trace, chip, 2)
    assert kept_bytes(trace) < least <= min(kept_bytes(each.trace) + work_bytes(each, 2) for each in mapped)


@pytest.mark.parametrize(
    ("compiled", "of_other_kinds", "in_process", "found"),
    [
        (False, set(), (), "missing"),
        (True, set(), (), "cached"),
        (True, set(), ("one",), "begun"),
        (True, {"handshake-V-cycle"}, (), "begun"),
        (True, {"barrier-P-cycle"}, ("one",), "loaded"),
    ],
)
def test_a_kernel_that_the_mapper_has_used_is_not_counted_twice(
    monkeypatch, compiled, of_other_kinds, in_process, found
):
    class Kernel:
        signatures = in_process

    monkeypatch.setattr(warmup, "_LOADED", of_other_kinds)
    monkeypatch.setattr(warmup, "is_compiled", lambda kind: compiled)
    monkeypatch.setattr(warmup, "run_transfer", Kernel)
    assert warmup.kernels_of(make_chip()) == found
