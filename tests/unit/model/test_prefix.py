"""A float prefix: BOS is the float model's own, has no spikes, and the other tokens see it so."""

from __future__ import annotations

import numpy as np

from simulator.model import compensation
from simulator.model.capture import capture
from simulator.model.checkpoint import read_checkpoint
from simulator.model.compensation import compensated
from simulator.model.evaluate import evaluate
from simulator.model.generation import Decode
from simulator.model.kv_cache import KVCache
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.model_options import ModelOptions
from simulator.model.perplexity import perplexity
from simulator.model.prefix import float_prefix, spiking_linear
from simulator.model.prepare import massive_activations, prepared
from simulator.model.preset import EncoderFields, WeightFields, load_preset
from simulator.model.tokenizer import Passage, Tokenizer, tokenize
from simulator.model.transformer import final_states, forward

TEXT = "the cat sat\n<|endoftext|>\non the mat."
# The table of the embedding stays as it is in the files, so that BOS enters both models alike.
PREFIXED = load_preset("sdllm-4").model_copy(update={"weights": WeightFields(head_bits=16)})


def passage(*ids: int) -> tuple[Passage, ...]:
    return (Passage(np.array(ids), 1, 0),)


def test_first_token_is_that_of_the_float_model_and_the_others_are_not(write_model):
    checkpoint = read_checkpoint(write_model())
    ids = np.array([checkpoint.config.bos_token_id, 5, 6, 7, 8])
    ready, settled, _ = prepared(checkpoint, PREFIXED, passage(*ids))
    exact = final_states(checkpoint, (ids,), FloatLinear(checkpoint))
    found = final_states(ready, (ids,), spiking_linear(ready, settled))
    np.testing.assert_allclose(found[0], exact[0], atol=1e-4)
    assert np.abs(found[1:] - exact[1:]).max(axis=1).min() > 1e-2
    without = final_states(ready, (ids,), SpikingLinear(ready, settled))
    assert np.abs(without[0] - exact[0]).max() > 1e-2
    assert (without[1:] != found[1:]).any(axis=1).all()  # they attend to it


def test_prefix_of_compensated_weights_passes_the_weights_before_they_were_rounded(write_model):
    checkpoint = read_checkpoint(write_model())
    ids = np.array([checkpoint.config.bos_token_id, 5, 6, 7, 8])
    preset = PREFIXED.model_copy(update={"weights": WeightFields(bits=4, head_bits=16, rounding="gptq")})
    ready, settled, _ = prepared(checkpoint, preset, passage(*ids))
    found = final_states(ready, (ids,), spiking_linear(ready, settled))
    exact = final_states(checkpoint, (ids,), FloatLinear(checkpoint))
    np.testing.assert_allclose(found[0], exact[0], atol=1e-4)


def test_weights_are_rounded_on_the_tokens_behind_the_prefix(write_model, monkeypatch):
    """The first layer sees the embedding alone, so the products of its inputs are those of the other tokens."""
    checkpoint = read_checkpoint(write_model())
    ids = np.array([checkpoint.config.bos_token_id, 5, 6, 7, 8])
    preset = PREFIXED.model_copy(update={"rotation": "none", "weights": WeightFields(bits=4, rounding="gptq")})
    seen = []
    products = compensation.input_products
    monkeypatch.setattr(compensation, "input_products", lambda inputs: seen.append(inputs) or products(inputs))
    prefix = float_prefix(checkpoint, preset)
    behind = compensated(checkpoint, preset, [ids, ids], prefix)
    assert {len(inputs) for inputs in seen} == {8}
    alone, seen[:] = seen[0], []
    whole = compensated(checkpoint, preset, [ids, ids], None)
    assert {len(inputs) for inputs in seen} == {10}
    np.testing.assert_array_equal(alone, seen[0][[1, 2, 3, 4, 6, 7, 8, 9]])
    assert (behind.weights["blocks.0.q"] != whole.weights["blocks.0.q"]).any()


def test_a_sequence_that_begins_with_another_token_is_encoded_whole(write_model):
    checkpoint = read_checkpoint(write_model())
    ready, settled, notes = prepared(checkpoint, PREFIXED, passage(5, 6, 7))
    ids = np.array([5, 6, 7])
    np.testing.assert_array_equal(
        forward(ready, ids, spiking_linear(ready, settled)), forward(ready, ids, SpikingLinear(ready, settled))
    )
    assert "1 of 1 passages do not begin with BOS" in notes[0]


def test_capture_keeps_the_prefix_as_a_token_without_spikes(write_model):
    trace, report = capture(write_model(), TEXT, PREFIXED)
    first = trace.positions == 0
    assert first.sum() == 2
    for stream in trace.streams:
        silent = ~trace.counts(stream.stream_id).any(axis=1)
        np.testing.assert_array_equal(silent, first)
    assert report.n_sums_verified > 0
    assert trace.origin["preset"]["prefix"] == "bos"


def test_quality_of_a_capture_is_that_of_perplexity(write_model):
    folder = write_model()
    _, report = capture(folder, TEXT, PREFIXED)
    assert report.spiking_perplexity.nats == perplexity(folder, TEXT, PREFIXED).nats


def test_decoding_with_the_cache_equals_one_pass(write_model):
    checkpoint = read_checkpoint(write_model())
    ids = np.array([checkpoint.config.bos_token_id, 5, 6, 7, 8])
    ready, settled, _ = prepared(checkpoint, PREFIXED, passage(*ids))
    linear, cache = spiking_linear(ready, settled), KVCache()
    at_once = forward(ready, ids, linear)
    parts = [forward(ready, part, linear, cache=cache) for part in (ids[:2], ids[2:3], ids[3:])]
    np.testing.assert_allclose(np.concatenate(parts), at_once, atol=1e-5)
    trace, _ = capture(write_model(), "the cat", PREFIXED, decode=Decode(3))
    assert trace.counts("blocks.1.mlp_in").any(axis=1).tolist() == [False] + [True] * (trace.n_tokens - 1)


def test_prefix_of_spiking_attention_and_head(write_model):
    preset = load_preset("sdllm-attention").model_copy(update={"prefix": "bos"})
    trace, report = capture(write_model(), TEXT, preset)
    assert report.n_sums_verified > 0
    assert trace.counts("head_in").any(axis=1).all()  # the head meets BOS too: it predicts the first token


def test_a_model_without_bos_is_encoded_whole(write_model):
    checkpoint = read_checkpoint(write_model(), ModelOptions(bos="none"))
    ids = np.array([4, 5, 6, 7])
    plain = PREFIXED.model_copy(update={"prefix": None})
    ready, settled, notes = prepared(checkpoint, PREFIXED, passage(*ids))
    expected, same, _ = prepared(checkpoint, plain, passage(*ids))
    assert settled == same
    np.testing.assert_array_equal(
        forward(ready, ids, spiking_linear(ready, settled)), forward(expected, ids, spiking_linear(expected, same))
    )
    assert "the model puts no token in front of a text, so every token is encoded" in notes[0]


def test_weights_are_rounded_without_a_prefix_where_the_model_has_no_bos(write_model):
    """Its shipped presets take a prefix, and a model without BOS must pass them all."""
    preset = PREFIXED.model_copy(update={"weights": WeightFields(bits=4, rounding="gptq")})
    found = perplexity(write_model(), TEXT, preset, options=ModelOptions(bos="none"))
    whole = preset.model_copy(update={"prefix": None})
    plain = perplexity(write_model(), TEXT, whole, options=ModelOptions(bos="none"))
    assert found.nats == plain.nats


def test_static_threshold_warns_of_massive_activations_and_a_prefix_keeps_them_out(write_model, tiny_tensors_of):
    tensors = tiny_tensors_of()
    bos = 1
    tensors["model.embed_tokens.weight"][bos] *= 0
    tensors["model.embed_tokens.weight"][bos, 3] = 1e4  # after the norm one channel holds all
    fields = {"rotation": "none", "encoder": EncoderFields(threshold="static", gamma=1.0), "streams": {}}
    static = load_preset("sdllm-4").model_copy(update={**fields, "prefix": None})
    checkpoint = read_checkpoint(write_model(tensors))
    ids = (bos, 5, 6, 7)
    _, plain, _ = prepared(checkpoint, static, passage(*ids))
    _, kept, _ = prepared(checkpoint, static.model_copy(update={"prefix": "bos"}), passage(*ids))
    step = {name: p.encoder_of("blocks.0.attn_in").rule.step for name, p in (("plain", plain), ("kept", kept))}
    assert step["plain"] > step["kept"] > 0


def test_massive_activations_are_named_with_their_size():
    x = np.ones((4, 8), np.float32)
    assert massive_activations({"blocks.0.mlp_hidden": x}) == ()
    x[0, 2] = -5000
    (found,) = massive_activations({"blocks.0.mlp_hidden": x, "blocks.0.attn_in": np.ones((4, 8), np.float32)})
    assert "1 streams (in blocks.0.mlp_hidden 5,000 times the median size)" in found
    assert "`prefix: bos`" in found


def test_evaluation_hands_on_the_counts_of_every_token(write_model):
    """As a capture has them, so that a trace can be made of them."""
    trace, _ = capture(write_model(), TEXT, PREFIXED)
    folder = write_model()
    checkpoint = read_checkpoint(folder)
    passages = tokenize(Tokenizer(folder, checkpoint.config), TEXT, checkpoint.config.max_position_embeddings, None)
    counts: dict[str, list[np.ndarray]] = {}
    evaluate(checkpoint, PREFIXED, passages, lambda stream_id, part: counts.setdefault(stream_id, []).append(part))
    assert {stream.stream_id for stream in trace.streams} == set(counts)
    for stream_id, parts in counts.items():
        np.testing.assert_array_equal(np.concatenate(parts), trace.counts(stream_id))
