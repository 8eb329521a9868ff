"""The layers that load a link, against the flits that the engine counted on it."""

import pytest

from simulator.config.chip_files import load_chip
from simulator.report.figures.link_map import draw_links, links_finding, links_frame
from simulator.report.link_load import link_loaders
from simulator.simulation.simulation import simulate
from simulator.trace.synthetic import synthetic_trace


@pytest.fixture(scope="module", params=["mesh", "torus"])
def run(request):
    """Cores of few neurons spread 24 x 16 x 8 over several tiles; T = 3."""
    trace = synthetic_trace("poisson", [24, 16, 8], levels=3, tokens=2)
    small = [
        "chip.cores_per_tile=1",
        "chip.static_fixed=true",
        "core.limits.neurons=6",
        "core.limits.axons_in=64",
        f"noc.topology={request.param}",
    ]
    return simulate(load_chip("loihi-like", small), trace)


def test_no_link_carries_fewer_flits_than_the_spikes_of_its_layers(run):
    """What the engine counted beyond the spikes are values: outputs and residuals, two flits each at most."""
    links = run.result.links
    used = links[links["flits"] > 0]
    assert len(used) > 5
    loads = [sum(link_loaders(run, row.x, row.y, row.direction).values()) for row in used.itertuples()]
    assert sum(loads) > 0
    assert all(load <= row.flits for load, row in zip(loads, used.itertuples(), strict=True))


def test_the_spikes_of_all_links_are_the_hops_of_all_spike_packets(run):
    """Each spike packet crosses as many links as its home and its target are apart."""
    x, mesh, rows = run.placement.core_router, run.placement.mesh_x, run.placement.mesh_y
    torus = run.chip.noc.topology == "torus"

    def along(distance, side):
        return min(distance, side - distance) if torus else distance

    blocks = {}
    for block in run.placement.blocks:
        blocks.setdefault(block.owner, []).append(block)
    hops = 0
    for stage in run.trace.stages:
        for layer in stage.layers:
            spikes = run.trace.encoding.spikes_per_count(run.trace.spike_counts(stage.stream)).sum(axis=0)
            for home in blocks[stage.stage_id]:
                for target in blocks[layer]:
                    a, b = int(x[home.core]), int(x[target.core])
                    apart = along(abs(a % mesh - b % mesh), mesh) + along(abs(a // mesh - b // mesh), rows)
                    first, last = max(home.col_start, target.row_start), min(home.col_stop, target.row_stop)
                    hops += apart * int(spikes[first : max(first, last)].sum())
    links = run.result.links.itertuples()
    assert sum(sum(link_loaders(run, row.x, row.y, row.direction).values()) for row in links) == hops


def test_links_that_close_a_ring_are_on_the_map(run):
    """Their arrows point out of it, and their names say where they end."""
    frame = links_frame(run)
    mesh_x, mesh_y, _, _ = frame.attrs["mesh"]
    closing = frame[(frame["x"] == mesh_x - 1) & (frame["direction"] == "+x")]
    torus = run.chip.noc.topology == "torus"
    names = [f"({mesh_x - 1},{y}) \u2192 (0,{y})" for y in range(mesh_y)] if torus else []
    assert closing["link"].tolist() == names
    _, ax = draw_links(frame)
    assert (ax.get_xlim()[1] > mesh_x - 0.5) == torus
    assert (ax.get_ylim()[0] < -0.5) == torus


def test_the_finding_names_the_layers(run):
    assert "Spikes for " in links_finding(links_frame(run))


def test_spikes_that_leave_together_load_a_link_once():
    """Lists of up to 8 spikes in one flit: packets by layer and link are the flits that home cores sent over links."""
    trace = synthetic_trace("poisson", [24, 16, 8], levels=3, tokens=2, ops=False, head=False)
    small = ["chip.cores_per_tile=1", "chip.static_fixed=true", "core.limits.neurons=6", "core.limits.axons_in=64"]
    run = simulate(load_chip("loihi-like", [*small, "noc.packet.spikes=8", "noc.packet.address=0 bit"]), trace)
    stages = {stage.stage_id for stage in trace.stages}
    counted = [row for row in run.result.action_counts if row.owner in stages and row.action in ("hop_x", "hop_y")]
    packets = sum(sum(link_loaders(run, row.x, row.y, row.direction).values()) for row in run.result.links.itertuples())
    assert packets == sum(row.count for row in counted)
    assert packets > 0
