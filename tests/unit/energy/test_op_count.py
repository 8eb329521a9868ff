"""Choices of the op count by hand on the toy: 2 blocks, width 16, feed-forward 32, 4 tokens, head of 16 x 24."""

from pathlib import Path

import pytest
from factories import make_trace

from simulator.energy.claims import decoder_macs, llama_macs
from simulator.energy.cmos45 import cmos45
from simulator.energy.op_count import Options, op_count
from simulator.trace.trace_files import load_trace

TRACE = make_trace()
TRACES = Path(__file__).resolve().parents[3] / "traces"


def test_the_usual_form_is_cmos45():
    for precision in ("fp32", "fp16", "int8"):
        usual, ours = cmos45(TRACE, precision), op_count(TRACE, Options(precision=precision))
        assert (ours.synops, ours.layer_macs) == (usual.synops, usual.macs)
        assert ours.spiking_pj == pytest.approx(usual.ac_pj, rel=1e-12)
        assert ours.dense_pj == pytest.approx(usual.dense_mac_pj, rel=1e-12)


def test_attention_and_head_by_hand():
    """QK^T and PV: 16 MACs per position each, 2 blocks; causal 1 + 2 + 3 + 4 positions, full 4 x 4. Head: 384 x 4."""
    assert op_count(TRACE, Options(attention="causal")).other_macs == 2 * 2 * 16 * 10
    assert op_count(TRACE, Options(attention="full")).other_macs == 2 * 2 * 16 * 16
    assert op_count(TRACE, Options(head=True)).other_macs == 16 * 24 * 4
    assert op_count(TRACE).other_macs == 0


def test_dense_work_is_dense_in_the_spiking_number_too():
    without, found = op_count(TRACE), op_count(TRACE, Options(head=True))
    assert found.spiking_pj - without.spiking_pj == pytest.approx(4.6 * 16 * 24 * 4)


def test_batch_and_bits_scale():
    one, eight = op_count(TRACE, Options(bits=4)), op_count(TRACE, Options(bits=4, batch=8))
    assert eight.spiking_pj == pytest.approx(8 * one.spiking_pj)
    assert one.dense_pj == pytest.approx(op_count(TRACE).dense_pj / 8)


def test_the_closed_form_of_a_shape_has_the_same_choices():
    """LLaMA-2-7B, 1024 tokens: the head adds 1024 x 4096 x 32000, a batch multiplies, causal halves the pairs."""
    blocks = decoder_macs(32, 4096, 11008, 1024)
    assert llama_macs("llama-2-7b", 1024) == blocks
    assert llama_macs("llama-2-7b", 1024, head=True) == blocks + 1024 * 4096 * 32000
    assert llama_macs("llama-2-7b", 1024, batch=3) == 3 * blocks
    assert blocks - llama_macs("llama-2-7b", 1024, causal=True) == 32 * 2 * 4096 * (1024 * 1024 - 1024 * 1025 // 2)


def test_products_that_spikes_drive_count_as_the_dense_ones():
    """The shipped trace of spiking attention: 5 blocks of width 128, QK^T and PV over n (n + 1) / 2 or n^2 pairs."""
    file = TRACES / "shakespeare-attention-T15.npz"
    trace = load_trace(file)
    n = trace.n_tokens
    assert op_count(trace, Options(attention="causal")).other_macs == 5 * 2 * 128 * n * (n + 1) // 2
    assert op_count(trace, Options(attention="full")).other_macs == 5 * 2 * 128 * n * n
