"""Closed forms behind the energies that papers print, to rebuild a published number from a model's shape alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.energy.cmos45 import PRESETS, OpEnergy, scaled_ac, scaled_mac

if TYPE_CHECKING:
    import pandas as pd

SDLLM = "SDLLM, arXiv 2604.16475, Table 5"
SPIKINGBRAIN = "SpikingBrain technical report, section 5.5"
# LLaMA-2-7B; a prompt of 1024 tokens and attention over all pairs is the reading that meets the printed digits.
LLAMA2_7B = (32, 4096, 11008, 1024)  # blocks, width, feed-forward width, tokens


class Claim(NamedTuple):
    """A published number beside ours; ``digits`` are those after the point that the paper prints.

    ``published`` is None for what follows from a paper and is not stated there.
    """

    quantity: str
    source: str
    published: float | None
    ours: float
    digits: int


def claims() -> tuple[Claim, ...]:
    """Energies that papers print, rebuilt from shapes and the 45 nm table alone.

    SDLLM's own 0.67 J is not rebuilt but read backwards: the spikes per MAC that it implies, when an accumulate is
    scaled to 4 bits as their multiply-accumulate is (our inference). SpikingBrain prints 1 / (1 - saving), the savings
    rounded to 0.1 % first and 1.13 spikes x 0.03 pJ to 0.034 pJ.
    """
    macs = decoder_macs(*LLAMA2_7B)
    fp16, int8, add = PRESETS["fp16"].mac_pj, PRESETS["int8"].mac_pj, PRESETS["int8"].ac_pj
    per_activation = round(1.13 * add, 3)
    return (
        Claim("LLaMA-2-7B, full precision, J", SDLLM, 31.77, op_energy_j(macs, PRESETS["fp32"].mac_pj), 2),
        Claim("LLaMA-2-7B, 4 bits (DuQuant), J", SDLLM, 3.97, op_energy_j(macs, scaled_mac(4)), 2),
        Claim("spikes per MAC implied by 0.67 J", SDLLM, None, spikes_per_mac(0.67, macs, scaled_ac(4)), 2),
        Claim("FP16 MAC over spikes", SPIKINGBRAIN, 43.48, 1 / (1 - round(1 - per_activation / fp16, 3)), 2),
        Claim("INT8 MAC over spikes", SPIKINGBRAIN, 6.76, 1 / (1 - round(1 - per_activation / int8, 3)), 2),
        Claim(
            "FP16 MAC over spikes, unrounded", SPIKINGBRAIN, 43.48, energy_ratio(fp16, 1.13, PRESETS["int8"].ac_pj), 2
        ),
        Claim(
            "INT8 MAC over spikes, unrounded", SPIKINGBRAIN, 6.76, energy_ratio(int8, 1.13, PRESETS["int8"].ac_pj), 2
        ),
    )


def claims_table() -> pd.DataFrame:
    """`claims` with a verdict: ``quantity, source, published, ours, difference`` (exact, or per cent)."""
    import pandas as pd

    rows = [(c.quantity, c.source, _published(c), f"{c.ours:.{c.digits + 2}f}", _difference(c)) for c in claims()]
    return pd.DataFrame(rows, columns=["quantity", "source", "published", "ours", "difference"])


def _published(claim: Claim) -> str:
    return "not stated" if claim.published is None else f"{claim.published:.{claim.digits}f}"


def _difference(claim: Claim) -> str:
    if claim.published is None:
        return ""
    if round(claim.ours, claim.digits) == claim.published:
        return "none in the printed digits"
    return f"{claim.ours / claim.published - 1:+.2%}"


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


def llama_macs(model: str, context: int, *, batch: int = 1, causal: bool = False, head: bool = False) -> int:
    """`decoder_macs` of a model of `SHAPES` for ``batch`` prompts of ``context`` tokens, with or without its head."""
    shape = SHAPES[model]
    blocks = decoder_macs(shape.n_blocks, shape.d_model, shape.d_ffn, context, d_kv=shape.d_kv, causal=causal)
    return batch * (blocks + head * context * shape.d_model * shape.vocabulary)


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
