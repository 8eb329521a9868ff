"""Closed forms behind the energies that papers print, to rebuild a published number from a model's shape alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.energy.cmos45 import PRESETS, OpEnergy, scaled_ac, scaled_mac

if TYPE_CHECKING:
    import pandas as pd


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


class Shape(NamedTuple):
    """A LLaMA-like model: blocks, width, width of keys and values, feed-forward width, vocabulary."""

    n_blocks: int
    d_model: int
    d_kv: int
    d_ffn: int
    vocabulary: int


SHAPES = {
    "llama-2-7b": Shape(32, 4096, 4096, 11008, 32000),
    "llama-2-13b": Shape(40, 5120, 5120, 13824, 32000),
    "llama-3-8b": Shape(32, 4096, 1024, 14336, 128256),
}


def shape_macs(shape: Shape, context: int, *, batch: int = 1, attention: str = "full", head: bool = False) -> int:
    """`decoder_macs` of a shape; ``attention`` is ``full``, ``causal``, or anything else to leave its products out."""
    causal = attention == "causal"
    blocks = decoder_macs(shape.n_blocks, shape.d_model, shape.d_ffn, context, d_kv=shape.d_kv, causal=causal)
    if attention not in ("full", "causal"):
        blocks -= shape.n_blocks * 2 * context * context * shape.d_model
    return batch * (blocks + head * context * shape.d_model * shape.vocabulary)


def llama_macs(model: str, context: int, *, batch: int = 1, causal: bool = False, head: bool = False) -> int:
    """`decoder_macs` of a model of `SHAPES` for ``batch`` prompts of ``context`` tokens, with or without its head."""
    attention = "causal" if causal else "full"
    return shape_macs(SHAPES[model], context, batch=batch, attention=attention, head=head)


def shape_table(
    model: str, context: int, spikes: float, *, batch: int = 1, causal: bool = False, head: bool = False
) -> pd.DataFrame:
    """Op-count energies of a model at every precision and at 8 and 4 bits by linear scaling.

    Columns: ``precision, macs, dense_pj, spiking_pj, ratio``; ``spikes`` are per MAC, and drive every one of them.
    """
    import pandas as pd

    macs = llama_macs(model, context, batch=batch, causal=causal, head=head)
    units: dict[str, OpEnergy] = dict(PRESETS.items())
    units |= {f"{bits} bits, linear": OpEnergy(scaled_mac(bits), scaled_ac(bits)) for bits in (8, 4)}
    rows = [
        (name, macs, macs * unit.mac_pj, spikes * macs * unit.ac_pj, unit.mac_pj / (spikes * unit.ac_pj))
        for name, unit in units.items()
    ]
    return pd.DataFrame(rows, columns=["precision", "macs", "dense_pj", "spiking_pj", "ratio"])


def op_energy_j(ops: float, op_pj: float) -> float:
    """Energy in J of ``ops`` operations of ``op_pj`` pJ each."""
    return ops * op_pj * 1e-12


def spikes_per_mac(energy_j: float, macs: int, ac_pj: float) -> float:
    """Spikes per dense MAC that a published spiking energy implies: ``E / (E_AC x MACs)``."""
    return energy_j / (ac_pj * 1e-12) / macs


def energy_ratio(mac_pj: float, spikes_per_activation: float, ac_pj: float) -> float:
    """How many times a dense MAC costs the accumulates that replace it: ``E_MAC / (spikes x E_AC)``."""
    return mac_pj / (spikes_per_activation * ac_pj)
