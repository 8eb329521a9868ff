"""Prefill and decode in one trace."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.model.attention_rule import DENSE, SPIKING
from simulator.model.capture import capture
from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import encoding_for
from simulator.model.generation import Decode, choose
from simulator.model.linear import SpikingLinear
from simulator.model.perplexity import perplexity
from simulator.model.preset import as_preset
from simulator.model.tokenizer import Tokenizer
from simulator.model.transformer import forward
from simulator.trace.trace_files import save_trace, verify_trace
from simulator.trace.trace_program import Layer, Stage

PROMPT = "the cat sat"  # BOS and 11 letters
ENCODING = encoding_for("ternary", 7)


@pytest.fixture
def folder(write_model):
    return write_model()


def test_greedy_tokens_are_those_of_full_passes(folder):
    _, report = capture(folder, PROMPT, ENCODING, decode=Decode(5))
    checkpoint = read_checkpoint(folder)
    tokenizer = Tokenizer(folder, checkpoint.config)
    ids = tokenizer.passage(PROMPT, 99).token_ids.tolist()
    for _ in range(5):
        ids.append(int(forward(checkpoint, np.array(ids), SpikingLinear(checkpoint, ENCODING))[-1].argmax()))
    assert report.generated == tokenizer.text(np.array(ids[12:]))


@pytest.mark.parametrize("rule", [DENSE, SPIKING], ids=["dense", "spiking"])
def test_both_phases_are_in_the_trace(folder, tmp_path, rule):
    preset = as_preset(ENCODING).with_attention(rule)
    trace, report = capture(folder, PROMPT, preset, decode=Decode(5))
    save_trace(trace, tmp_path / "both.npz")
    trace = verify_trace(tmp_path / "both.npz")
    assert trace.positions.tolist() == list(range(17))
    assert trace.phases.tolist() == [0] * 12 + [1] * 5
    assert trace.phase == "mixed"
    assert report.n_tokens == 17
    assert len(trace.origin["generated_ids"]) == 5
    assert report.spiking_perplexity == perplexity(folder, PROMPT, preset)
    assert trace.take(trace.phases == 1).phase == "decode"
    # The prompt counts as it does without what follows.
    alone, _ = capture(folder, PROMPT, preset)
    for stream in alone.streams:
        assert np.array_equal(
            trace.spike_counts(stream.stream_id)[:12, : stream.n], alone.spike_counts(stream.stream_id)
        )


def test_attention_streams_of_a_capture(folder):
    """h = 4, hd = 4: 16 query elements, 4 probabilities for each position of the context."""
    trace, report = capture(folder, PROMPT, as_preset(ENCODING).with_attention(SPIKING), decode=Decode(5))
    assert (trace.stream_by_id["blocks.1.attn_q"].n, trace.stream_by_id["blocks.1.attn_q"].live) == (16, (16, 0))
    assert (trace.stream_by_id["blocks.1.attn_p"].n, trace.stream_by_id["blocks.1.attn_p"].live) == (4 * 17, (0, 4))
    assert trace.op_by_id["blocks.1.qk"].stream == "blocks.1.attn_q"
    assert trace.live("blocks.1.attn_p").tolist() == [4 * c for c in range(1, 18)]
    first = trace.spike_counts("blocks.0.attn_p")[0]
    assert first[:4].tolist() == [7] * 4  # the first token looks at itself alone, with its whole share
    assert not first[4:].any()
    activity = report.activity.set_index("kind")
    assert activity.index.tolist() == ["q/k/v", "qk", "pv", "o", "gate/up", "down", "all"]
    assert activity.loc["pv", "activations"] == 2 * sum(4 * c for c in range(1, 18))
    # First token of each of 6 passes, 2 blocks: 96 outputs of layers, 4 x c scores, 16 mixed values.
    contexts = [12, 13, 14, 15, 16, 17]
    assert report.n_sums_verified == sum(2 * (96 + 4 * c + 16) for c in contexts)


def test_draws_follow_the_seed(folder):
    texts = [capture(folder, PROMPT, ENCODING, decode=Decode(8, 1.5, seed))[1].generated for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


def test_draws_have_the_shares_of_softmax():
    logits, generator = np.log(np.float32([1, 2, 5])), np.random.Generator(np.random.PCG64(0))
    drawn = np.bincount([choose(logits, 1.0, generator) for _ in range(4000)], minlength=3) / 4000
    assert drawn.tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.03)
    assert choose(np.float32([1, 3, 3]), 0.0, generator) == 1


def test_a_context_that_is_too_short_is_refused(folder):
    with pytest.raises(ModelError, match=r"a prompt of 12 tokens and 13 to generate need .* 25.*24 \(1 over\)"):
        capture(folder, PROMPT, ENCODING, decode=Decode(13))
    with pytest.raises(ModelError, match="a prompt of 60 tokens"):  # not cut behind the user's back
        capture(folder, "abc " * 15, ENCODING, decode=Decode(1))
    trace, report = capture(folder, "abc " * 15, ENCODING, 20, decode=Decode(4))
    assert (trace.n_tokens, report.warnings[0]) == (
        24,
        "the text is longer than --tokens or the context: 40 tokens are not used",
    )
    # The tiny vocabulary has 6 tokens more than its tokenizer knows.
    n_unknown = sum(i >= 34 for i in trace.origin["generated_ids"])
    assert n_unknown > 0
    assert report.warnings[1].startswith(f"{n_unknown} generated tokens, such as 3")


def test_a_prompt_is_one_passage(folder):
    with pytest.raises(ModelError, match="a prompt of 2 passages, expected one"):
        capture(folder, "a\n<|endoftext|>\nb", ENCODING, decode=Decode(1))
    with pytest.raises(ModelError, match="the text is empty"):
        capture(folder, " \n", ENCODING, decode=Decode(1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Decode(0), "decode 0 tokens, expected at least 1"),
        (lambda: Decode(1, -1.0), "temperature -1.0"),
        (lambda: Decode(1, float("nan")), "temperature nan"),
        (lambda: Decode(1, 1.0, -1), "seed -1"),
    ],
)
def test_refuses_what_it_cannot_generate(make, message):
    with pytest.raises(ModelError, match=message):
        make()


def test_a_spiking_head_is_a_layer(folder, tmp_path):
    """V = 40 logits from d = 12 encoded values; decoding takes the same head."""
    preset = as_preset(ENCODING).model_copy(update={"head": "spiking"})
    trace, report = capture(folder, PROMPT, preset, decode=Decode(3))
    save_trace(trace, tmp_path / "head.npz")
    assert trace.layers[-1] == Layer("lm_head", "head", 12, 40, 8, "head_in")
    last = ("blocks.1.dequant_down", "blocks.1.residual_mlp", "norm_final", "encode_head_in")
    assert trace.stages[-2:] == (
        Stage("head_in", 12, last, "head_in", ("lm_head",), ("blocks.1.down",), ("blocks.1.mlp_in",)),
        Stage("head", 40, ("dequant_head",), None, (), ("lm_head",)),
    )
    assert "lm_head" not in trace.op_by_id
    assert report.activity["kind"].tolist() == ["q/k/v", "o", "gate/up", "down", "head", "all"]
    assert report.n_sums_verified == 4 * (2 * 96 + 40)
    dense = capture(folder, PROMPT, ENCODING, decode=Decode(3))[1].spiking_perplexity.perplexity
    assert report.spiking_perplexity.perplexity != dense
    assert report.spiking_perplexity.perplexity == pytest.approx(dense, rel=0.2)
