"""Flit-hops per CPU second of the network kernels against the size of the mesh.

    python benchmarks/noc_speed.py [--router P8] [--flits 1] [--json]

Unicast: uniform traffic at half of what the bisection can carry. Multicast: a packet every four cycles from one of four
homes to all routers of a square region of 150, as the spikes of a layer of a large model go, each served by four cores.
"""

from __future__ import annotations

import argparse
import json
import math
import time

import numpy as np

from simulator import Mesh, Router, simulate_packets
from simulator.engine.kernels.carry import carry
from simulator.engine.kernels.network_records import Traffic, empty_log, no_cores
from simulator.engine.network.shape import network_arrays
from simulator.engine.network.trees import TreeTable, xy_tree
from simulator.mapping.grid import Grid

SIDES = (8, 16, 32, 64, 128)
FLIT_HOPS = 12_000_000  # per measurement, about
TREE_ROUTERS, CORES = 150, 4
HOMES = 4


def unicast(side: int, router: str, flits: int) -> tuple[float, float]:
    """(million flit-hops, CPU seconds) under uniform traffic at half of the capacity of the bisection."""
    rng = np.random.default_rng(side)
    occupied = {"N": flits + 1, "R": flits + 2}.get(router[0], flits)
    rate = 0.5 * 4 / side / occupied
    hops = 2 * side / 3 + 1
    n = math.ceil(FLIT_HOPS / hops / flits)
    cycle = np.sort(rng.integers(0, max(1, math.ceil(n / (rate * side * side))), n))
    src, dst = rng.integers(0, side * side, (2, n))
    before = time.process_time()
    found = simulate_packets(cycle, src, dst, flits, Mesh(side, side), Router.named(router))
    return found.flit_hops / 1e6, time.process_time() - before


def multicast(side: int) -> tuple[float, float]:
    """(million flit-hops, CPU seconds) of packets from four homes along a tree each, P8."""
    rng = np.random.default_rng(side)
    region = min(side, math.isqrt(TREE_ROUTERS - 1) + 1)
    x, y = np.meshgrid(np.arange(region), np.arange(region))
    routers = (y * side + x).ravel()
    members = np.repeat(routers, CORES)
    table = TreeTable()
    homes = rng.choice(routers, HOMES)
    roots = np.array([table.add(xy_tree(int(h), members, Grid(side, side)), np.arange(len(members))) for h in homes])
    n = FLIT_HOPS // len(routers) // 2
    cycle = np.sort(rng.integers(0, 4 * n, n))
    which = rng.integers(0, HOMES, n)
    network = network_arrays(Mesh(side, side), Router("P", 8))
    server = np.concatenate([np.arange(len(members))] * HOMES)
    free = np.zeros(len(members), np.int64)
    cores = no_cores(1000)._replace(server=table.members, service_ps=np.full(len(server), 900), free_ps=free)
    columns = (cycle, homes[which], roots[which], np.ones(n, np.int64), np.zeros(n, np.int64))
    before = time.process_time()
    carry(Traffic(n, *columns, table.nodes), network, cores, empty_log())
    return network.links.flits.sum() / 1e6, time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description="Flit-hops per CPU second against the size of the mesh.")
    parser.add_argument("--router", default="P8")
    parser.add_argument("--flits", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    options = parser.parse_args()
    simulate_packets([0], [0], [0], 1, Mesh(1, 1), Router.named(options.router))
    records = []
    for side in SIDES:
        hops, seconds = unicast(side, options.router, options.flits)
        tree_hops, tree_seconds = multicast(side)
        record = {
            "side": side,
            "unicast_mhops_per_s": hops / seconds,
            "multicast_mhops_per_s": tree_hops / tree_seconds,
        }
        records.append(record)
        if not options.json:
            print(
                f"{side:>4} x {side:<4} unicast {hops / seconds:6.1f} M flit-hops/s ({hops:.0f} M)  "
                f"multicast {tree_hops / tree_seconds:6.1f} M flit-hops/s ({tree_hops:.0f} M)"
            )
    if options.json:
        print(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
