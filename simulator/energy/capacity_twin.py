"""The capacity-matched twin of Yan et al. 2024: a dense network that can say as much per activation as T timesteps.

Z. Yan, Z. Bai and W.-F. Wong, Reconsidering the energy efficiency of spiking neural networks, arXiv 2409.08290, 2024.
"""

from __future__ import annotations

from typing import NamedTuple

SOURCE = "Z. Yan et al., Reconsidering the energy efficiency of spiking neural networks, arXiv 2409.08290, 2024"


class Costs(NamedTuple):
    """Energies in pJ: an accumulate, a multiply-accumulate of the twin, a weight fetched, bits and events moved.

    ``move_bit_pj`` and ``move_event_pj`` are per hop; ``hops`` is how far an activation travels.
    """

    accumulate_pj: float
    mac_pj: float
    fetch_pj: float = 0.0
    move_bit_pj: float = 0.0
    move_event_pj: float = 0.0
    hops: float = 0.0


YAN_22NM = Costs(  # 22 nm, 0.8 V: E_ACC; the MAC of b bits as b additions; dense 0.25 pJ/bit/hop, an event 3.0 pJ/hop
    accumulate_pj=0.05448, mac_pj=4 * 0.05448, fetch_pj=0.0, move_bit_pj=0.25, move_event_pj=3.0, hops=1.0
)


def twin_bits(timesteps: int) -> int:
    """Bits of the activation that holds the T + 1 values of a spike train of T timesteps: ``ceil(log2(T + 1))``."""
    return timesteps.bit_length()


def break_even_rate(timesteps: int, fan_out: int, costs: Costs, twin_sparsity: float = 0.0) -> float:
    """Spike rate (per neuron and timestep) at which a layer costs what its capacity-matched twin costs.

    Per input neuron, spiking: ``T x rate x (N (E_acc + E_fetch) + hops x E_event)``; twin: ``N ((1 - gamma) E_mac +
    E_fetch) + bits x hops x E_bit``: it fetches a weight once, computes where the activation is no zero, and moves all
    of its bits. ``gamma`` is the twin's sparsity. Without fetch and movement the rate is ``k (1 - gamma) / T`` with
    ``k = E_mac / E_acc``.
    """
    moved = twin_bits(timesteps) * costs.hops * costs.move_bit_pj
    twin = fan_out * ((1 - twin_sparsity) * costs.mac_pj + costs.fetch_pj) + moved
    per_spike = fan_out * (costs.accumulate_pj + costs.fetch_pj) + costs.hops * costs.move_event_pj
    return twin / (timesteps * per_spike)


def longest_window(rate: float, fan_out: int, costs: Costs, most: int = 1024) -> int:
    """Most timesteps at which a layer of this rate costs no more than its twin; 0 when one is too many."""
    return max((t for t in range(1, most + 1) if rate <= break_even_rate(t, fan_out, costs)), default=0)
