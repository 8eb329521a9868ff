"""Closed forms behind the energies that papers print, to rebuild a published number from a model's shape alone."""

from __future__ import annotations


def decoder_macs(
    n_blocks: int, d_model: int, d_ffn: int, context: int, *, d_kv: int | None = None, causal: bool = False
) -> int:
    """Multiply-accumulates of the decoder blocks of a LLaMA-like model for one prompt, batch 1, no embedding, no head.

    ``n_blocks x (L x (2 d^2 + 2 d d_kv + 3 d d_ffn) + 2 L^2 d)``: projections q, o (d x d) and k, v (d x d_kv), three
    of the feed-forward, and QK^T and PV over ``L = context`` positions.

    Parameters
    ----------
    n_blocks, d_model, d_ffn, context
        Shape of the model and length of the prompt in tokens.
    d_kv
        Width of the keys and of the values; ``d_model`` when every head has its own.
    causal
        Count QK^T and PV for the ``L (L + 1) / 2`` pairs a causal model needs, rather than for all ``L^2``.
    """
    kv = d_model if d_kv is None else d_kv
    linear = 2 * d_model * d_model + 2 * d_model * kv + 3 * d_model * d_ffn
    pairs = context * (context + 1) // 2 if causal else context * context
    return n_blocks * (context * linear + 2 * pairs * d_model)


def op_energy_j(ops: float, op_pj: float) -> float:
    """Energy in J of ``ops`` operations of ``op_pj`` pJ each."""
    return ops * op_pj * 1e-12


def spikes_per_mac(energy_j: float, macs: int, ac_pj: float) -> float:
    """Spikes per dense MAC that a published spiking energy implies: ``E / (E_AC x MACs)``."""
    return energy_j / (ac_pj * 1e-12) / macs


def energy_ratio(mac_pj: float, spikes_per_activation: float, ac_pj: float) -> float:
    """How many times a dense MAC costs the accumulates that replace it: ``E_MAC / (spikes x E_AC)``."""
    return mac_pj / (spikes_per_activation * ac_pj)
