"""The network against BookSim2 (tests/data/booksim): each open trace, packet by packet.

Reference: Jiang et al., "A detailed and flexible cycle-accurate Network-on-Chip simulator", ISPASS 2013, at commit
28f43299. Files with a delivery time per packet must be met in every packet; of the other runs the summary is compared,
to all digits it is given with.
"""

import csv
import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from simulator.engine.network.packets import simulate_packets
from simulator.engine.network.shape import Mesh, Router

DATA = Path(__file__).resolve().parents[1] / "data" / "booksim"
PORT_NAMES = ("+x", "-x", "+y", "-y", "eject")


def _rows():
    with (DATA / "booksim_trace.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    return [pytest.param(row, id=f"{row['trace']}-{row['router']}-{row['packet_size']}flit") for row in rows]


@cache
def _trace(name):
    """Columns time, src, dst."""
    with gzip.open(DATA / "traces" / f"{name}.txt.gz", "rt") as lines:
        return np.loadtxt(lines, dtype=np.int64, ndmin=2).T


@pytest.mark.parametrize("row", _rows())
def test_trace_is_delivered_as_in_booksim(row):
    time, src, dst = _trace(row["trace"])
    side = int(row["k"])
    found = simulate_packets(time, src, dst, int(row["packet_size"]), Mesh(side, side), Router.named(row["router"]))
    if row["per_packet_file"]:
        with gzip.open(DATA / "packets" / row["per_packet_file"], "rt") as lines:
            expected = np.loadtxt(lines, delimiter=",", skiprows=1, dtype=np.int64)[:, 1]
        np.testing.assert_array_equal(found.cycle, expected)
    latency = found.cycle - time
    assert found.last_cycle == int(row["makespan"])
    assert f"{latency.mean():.4f}" == row["avg_packet_latency"]
    assert latency.max() == int(row["max_latency"])
    for percent in (50, 95, 99):
        assert np.percentile(latency, percent) == pytest.approx(float(row[f"p{percent}_latency"]), abs=0.0501)
    flits = int(row["packets"]) * int(row["packet_size"])
    assert found.flit_hops / flits == pytest.approx(float(row["avg_hops"]), abs=5e-5)
    node, output = row["busiest_port"].removeprefix("node").split(":")
    busiest = found.link_flits[int(node), PORT_NAMES.index(output)]
    assert busiest == found.link_flits.max() == int(row["max_port_packets"]) * int(row["packet_size"])
