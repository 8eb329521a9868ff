"""What the engine refuses before it simulates anything: demand, bound and gap in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_chip
from pydantic import ValidationError

from simulator.engine import machine_memory
from simulator.engine.engine import replay
from simulator.errors import CapacityError, SpikewattError, TraceError
from simulator.mapping.grid import Grid
from simulator.mapping.place import map_trace
from simulator.trace.synthetic import synthetic_trace

TRACE = synthetic_trace("poisson", [9, 7, 5])


def test_an_axon_table_that_is_too_small():
    mapped = map_trace(TRACE, make_chip())
    small = make_chip(core__limits={"axons_in": 8, "neurons": 64})
    with pytest.raises(CapacityError, match=r"layers.0 needs 9 in-axons on core 1, limit 8 \(1 over\)"):
        replay(replace(mapped, chip=small))


def test_a_mesh_that_is_too_small():
    mapped = map_trace(TRACE, make_chip())
    cut = replace(mapped.placement, grid=Grid(1, 1))
    with pytest.raises(CapacityError, match=r"the mesh of 1 x 1 has 1 \(\d+ missing\)"):
        replay(replace(mapped, placement=cut))


def test_a_layer_that_is_not_on_the_chip():
    mapped = map_trace(TRACE, make_chip())
    placement = mapped.placement
    without = replace(placement, blocks=tuple(b for b in placement.blocks if b.owner != "layers.1"))
    with pytest.raises(CapacityError, match=r"layer layers.1: 0 of its 35 weights are on a core, expected all"):
        replay(replace(mapped, placement=without))


def test_layers_that_do_not_chain():
    first, second, *others = TRACE.stages
    broken = replace(TRACE, stages=(replace(first, sources=("layers.1",)), second, *others))
    with pytest.raises(TraceError, match=r"layers\.1"):
        replay(replace(map_trace(TRACE, make_chip()), trace=broken))


def test_a_network_whose_cycle_takes_no_time():
    with pytest.raises(ValidationError, match=r"noc\.cycle\.value\n.*at least 1 ps"):
        make_chip(noc__cycle={"value": "0 ps", "source": "toy", "grade": "assumed"})


def test_markers_beside_longer_spikes_on_a_torus():
    """Counts of 300 levels are two flits of 8 bits; with multicast every flit of them goes for itself."""
    trace = synthetic_trace("poisson", [9, 7], code="graded", levels=300)
    ring = {"noc__topology": "torus", "noc__buffer_flits": 8, "noc__flit_bits": "8 bit"}
    chip = make_chip(**ring, sync__kind="handshake")
    with pytest.raises(CapacityError, match="markers of 1 flit and spikes of 2; set noc"):
        replay(map_trace(trace, chip))
    for mended in ({"sync__kind": "barrier"}, {"sync__kind": "handshake", "noc__multicast": True}):
        other = make_chip(**ring, **mended)
        replay(map_trace(trace, other))


def test_more_memory_than_allowed():
    chip = make_chip()
    mapped = map_trace(TRACE, chip)
    with pytest.raises(SpikewattError, match=r"needs about (\d{3,4}) MiB of memory, limit 0 MiB \(\1 over\)"):
        replay(mapped, memory_limit_bytes=1000)
    replay(mapped, memory_limit_bytes=4 << 30)


def test_the_default_limit_is_that_of_the_container_where_it_is_less(tmp_path, monkeypatch):
    for text, expected in (("1000000", 800_000), ("max", None), ("9" * 30, None)):
        (tmp_path / "memory.max").write_text(text)
        monkeypatch.setattr(machine_memory, "CGROUP_FILES", (str(tmp_path / "memory.max"), str(tmp_path / "none")))
        found = machine_memory.default_limit_bytes()
        assert found == expected or (expected is None and found > 1 << 26)
