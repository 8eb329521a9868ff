"""What loads the ports of a network in closed form, and which load its mean of steady traffic does not describe."""

from __future__ import annotations

from simulator.engine.kernels.carry import NetworkArrays
from simulator.engine.kernels.closed_form_waiting import FIFO
from simulator.engine.network.links import DIRECTIONS

# Of the time of a port, or of the flits of its FIFO: above it queues grow, or full FIFOs stop the routers before them.
ESTIMATE_LOAD_MAX = 0.9


def peak_load(network: NetworkArrays) -> float:
    """Highest share of time in which a port was busy, or of a FIFO in use, in any step; 0 but in closed forms."""
    return 0.0 if network.closed is None else float(network.closed.peak[0])


def overload(network: NetworkArrays) -> str:
    """Which port has more to do than ``estimate`` describes, in a line; empty where none has."""
    load = peak_load(network)
    if network.closed is None or not network.closed.estimate or load <= ESTIMATE_LOAD_MAX:
        return ""
    port, kind = int(network.closed.peak[1]), int(network.closed.peak[2])
    name = f"{(*DIRECTIONS, 'local')[port & 7]} of router {port >> 3}"
    loaded = (f"output {name} is busy", f"input {name} is busy", f"the FIFO of input {name} is filled to")[kind]
    share = f"{load:.2f} of {'its flits' if kind == FIFO else 'the time in which a step sends'}"
    return (
        f"network: {loaded} {share}, expected at most {ESTIMATE_LOAD_MAX:.2f} for noc.model=estimate: queues"
        " grow in such a burst; use noc.model=cycle, or noc.model=ideal for a lower bound"
    )
