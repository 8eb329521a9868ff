"""What loads the ports of a network in closed form, and which load its mean of steady traffic does not describe."""

from __future__ import annotations

from simulator.engine.kernels.carry import NetworkArrays
from simulator.engine.network.links import DIRECTIONS

ESTIMATE_LOAD_MAX = 0.9  # of a port: above it queues grow, which the mean of steady traffic does not describe


def peak_load(network: NetworkArrays) -> float:
    """Highest share of time in which a port was busy in any step; 0 but in the closed forms."""
    return 0.0 if network.closed is None else float(network.closed.peak[0])


def overload(network: NetworkArrays) -> str:
    """Which port has more to do than ``estimate`` describes, in a line; empty where none has."""
    load = peak_load(network)
    if network.closed is None or not network.closed.estimate or load <= ESTIMATE_LOAD_MAX:
        return ""
    port, side = int(network.closed.peak[1]), "input" if network.closed.peak[2] else "output"
    return (
        f"network: {side} {(*DIRECTIONS, 'local')[port & 7]} of router {port >> 3} is busy {load:.2f} of"
        f" the time in which a step sends, expected at most {ESTIMATE_LOAD_MAX:.2f} for noc.model=estimate: queues"
        " grow in such a burst; use noc.model=cycle, or noc.model=ideal for a lower bound"
    )
