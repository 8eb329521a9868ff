"""Spiking attention: by hand, against dense attention, with a cache against one pass, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import ConservationError, ModelError
from simulator.model import attention
from simulator.model.attention import SpikingAttention, attention_for, dense_attention, fold
from simulator.model.attention_rule import DENSE, SPIKING, AttentionRule, rule_for
from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import encoding_for
from simulator.model.kv_cache import CachedRows, KVCache
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.preset import EncoderFields, as_preset
from simulator.model.transformer import forward
from simulator.trace.encoding import Encoding

ALL = AttentionRule(queries=True, keys=True, values=True, probabilities=True, kv_bits=8)
IDS = np.array([1, 4, 7, 30, 12, 9, 22, 22, 5])


def heads(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q [4, n, 8], k and v [2, n, 8]."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal((h, n, 8)).astype(np.float32) for h in (4, 2, 2))


def test_one_head_by_hand():
    """Levels 3, hd 2, two tokens; the second looks at both.

    k0 = (3, 0), k1 = (0, -6), counts (3, 0) and (0, -3), steps 1 and 2. q1 = (3, 1.5) -> step 1, counts (3, 2): two of
    its 5 spikes add -3 at the second position twice, three add 3 at the first. Sums (9, -6); scores x step 1 x
    (1, 2) / sqrt(2). v0 = (3, 3), v1 = (-6, 0) -> counts (3, 3), (-3, 0), steps 1, 2. Shares almost (1, 0):
    weighted (1, 0) -> counts (3, 0), step 1/3; sums 3 x (3, 3); mixed (3, 3).
    """
    recorded: dict[str, np.ndarray] = {}
    spiking = SpikingAttention(ALL, Encoding("ternary", 3), recorded.__setitem__, verify_tokens=2)
    q, k, v = (np.float32([x]) for x in ([[3, 3], [3, 1.5]], [[3, 0], [0, -6]], [[3, 3], [-6, 0]]))
    mixed = spiking("b", q, k, v, KVCache())
    assert recorded["b.attn_q"].tolist() == [[3, 3], [3, 2]]
    assert recorded["b.attn_p"].tolist() == [[3, 0], [3, 0]]
    scores = np.array([9, -6]) * np.array([1, 2]) / np.sqrt(2)
    share = 1 / (1 + np.exp(scores[1] - scores[0]))
    assert mixed.tolist() == pytest.approx(np.array([[3, 3], [3 * share, 3 * share]]))
    assert spiking.n_verified == 2 * 2 + 2 * 2  # scores of 2 positions and 2 mixed values, for each of 2 tokens


@pytest.mark.parametrize("code", ["ternary", "binary", "bitwise"])
def test_nears_dense_attention_with_levels(code):
    q, k, v = heads(12)
    exact = dense_attention("b", q, k, v, KVCache())
    rule = AttentionRule(queries=True, probabilities=True, kv_bits=8)
    errors = [
        np.abs(SpikingAttention(rule, Encoding(code, n))("b", q, k, v, KVCache()) - exact).max() for n in (7, 127)
    ]
    assert errors[1] < 0.03 < errors[0] < 0.5


THRESHOLDS = {
    "absmax": EncoderFields(),
    "quantile": EncoderFields(threshold="quantile", gamma=0.8),
    "mean": EncoderFields(threshold="mean", k=3.0),
}


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("spiking", [None, *THRESHOLDS])
def test_with_a_cache_as_in_one_pass(spiking, window):
    def run(parts: list[slice]) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
        recorded: dict[str, list[np.ndarray]] = {"b.attn_q": [], "b.attn_p": []}
        rule = AttentionRule(queries=True, probabilities=True, kv_bits=8)
        encoder = THRESHOLDS.get(spiking, EncoderFields())
        encoding = as_preset(Encoding("ternary", 15)).model_copy(update={"encoder": encoder})
        one = (
            SpikingAttention(rule, encoding, lambda i, counts: recorded[i].append(counts))
            if spiking
            else dense_attention
        )
        cache = KVCache()
        mixed = [one("b", q[:, p], k[:, p], v[:, p], cache, window) for p in parts]
        return np.concatenate(mixed), recorded

    q, k, v = heads(10)
    whole, counts = run([slice(0, 10)])
    stepped, pieces = run([slice(0, 4), *(slice(i, i + 1) for i in range(4, 10))])
    assert np.array_equal(whole, stepped) if spiking else np.allclose(whole, stepped, atol=1e-6)
    if spiking:
        width = counts["b.attn_p"][0].shape[1]
        assert width == (3 if window else 10) * 4
        padded = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in pieces["b.attn_p"]]
        assert np.array_equal(np.concatenate(padded), counts["b.attn_p"][0])
        assert np.array_equal(np.concatenate(pieces["b.attn_q"]), counts["b.attn_q"][0])


@pytest.mark.parametrize("window", [None, 5])
def test_a_long_call_in_parts_is_as_one(monkeypatch, window):
    def run(at_once: int) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
        monkeypatch.setattr(attention, "QUERIES_AT_ONCE", at_once)
        recorded: dict[str, list[np.ndarray]] = {"b.attn_q": [], "b.attn_p": []}
        one = SpikingAttention(SPIKING, Encoding("ternary", 15), lambda i, counts: recorded[i].append(counts), 1)
        mixed = one("b", *heads(11), KVCache(), window)
        assert one.n_verified > 0
        return mixed, recorded

    whole, counts = run(11)
    parts, pieces = run(4)
    assert np.array_equal(whole, parts)
    assert np.array_equal(counts["b.attn_q"][0], np.concatenate(pieces["b.attn_q"]))
    width = counts["b.attn_p"][0].shape[1]
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in pieces["b.attn_p"]]
    assert len(padded) == 3
    assert np.array_equal(counts["b.attn_p"][0], np.concatenate(padded))


def test_a_window_hides_what_lies_before_it():
    q, k, v = heads(6)
    near = dense_attention("b", q, k, v, KVCache(), window=2)
    k[:, :3], v[:, :3] = 9, 9  # out of sight of the last token, which sees positions 4 and 5
    assert np.array_equal(near[5], dense_attention("b", q, k, v, KVCache(), window=2)[5])


def test_positions_take_their_places_in_a_window():
    counts = np.arange(1, 6, dtype=np.int16).reshape(1, 1, 5) * np.array([0, 0, 1, 1, 1], np.int16)
    assert fold(counts, 3).tolist() == [[[4, 5, 3]]]  # positions 3, 4, 2 at places 0, 1, 2
    assert fold(counts, None) is counts


@pytest.mark.parametrize("rule", [DENSE, ALL, AttentionRule(kv_bits=4)], ids=["dense", "spiking", "int4"])
def test_decoding_with_a_cache_equals_the_full_pass(write_model, rule):
    checkpoint = read_checkpoint(write_model())
    encoding = Encoding("ternary", 7)

    def run(parts: list[np.ndarray]) -> tuple[np.ndarray, dict[str, list[np.ndarray]]]:
        recorded: dict[str, list[np.ndarray]] = {}
        linear = SpikingLinear(checkpoint, encoding, lambda i, counts: recorded.setdefault(i, []).append(counts))
        cache = KVCache()
        logits = [forward(checkpoint, ids, linear, attention_for(rule, encoding), cache) for ids in parts]
        assert cache.length == len(IDS)
        return np.concatenate(logits), recorded

    whole, counts = run([IDS])
    stepped, pieces = run([IDS[:4], *(IDS[i : i + 1] for i in range(4, 9))])
    assert np.allclose(whole, stepped, atol=1e-5)
    for stream_id, (all_counts,) in counts.items():
        assert np.array_equal(np.concatenate(pieces[stream_id]), all_counts)


def test_float_decoding_equals_the_full_pass(write_model):
    checkpoint = read_checkpoint(write_model())
    cache, layers = KVCache(), FloatLinear(checkpoint)
    parts = [IDS[:2], *(IDS[i : i + 1] for i in range(2, 9))]
    stepped = np.concatenate([forward(checkpoint, ids, layers, dense_attention, cache) for ids in parts])
    assert np.abs(forward(checkpoint, IDS, layers) - stepped).max() < 1e-5


def test_sums_that_differ_from_their_spikes_are_refused(monkeypatch):
    monkeypatch.setattr(attention, "accumulate_spikes", lambda counts, rows, _: counts @ rows.astype(np.int32) + 1)
    with pytest.raises(ConservationError, match="attn_q: 8 sums of cached rows differ"):
        SpikingAttention(SPIKING, Encoding("ternary", 7), verify_tokens=1)("b", *heads(4), KVCache())


def test_rules_that_do_not_hold_together():
    with pytest.raises(ModelError, match=r"spikes of queries need integer rows.*take kv_bits 8 or 4"):
        AttentionRule(queries=True)
    with pytest.raises(ModelError, match="kv_bits 5, expected 4, 8 or 16"):
        AttentionRule(kv_bits=5)
    with pytest.raises(ModelError, match=r"counts up to 15, a KV cache of 4 bits holds 7 \(8 over\)"):
        SpikingAttention(AttentionRule(keys=True, kv_bits=4), Encoding("ternary", 15))
    spiking = SpikingAttention(AttentionRule(queries=True, kv_bits=8), Encoding("ternary", 32767))
    q, k, v = (np.ones((1, 1, 1024), np.float32) for _ in range(3))
    with pytest.raises(ModelError, match=r"attn_q: sums may reach .* an int32 accumulator holds 2147483647"):
        spiking("b", q, k, v, KVCache())


@pytest.mark.parametrize(("letter", "streams"), [("q", {"attn_q"}), ("k", set()), ("v", set()), ("p", {"attn_p"})])
def test_each_operand_is_switched_on_its_own(letter, streams):
    """One operand in 3 levels: its own values become counts, the others stay as they are in 8 bits."""
    rule, encoding, recorded, cache = rule_for(letter, None), Encoding("ternary", 3), {}, KVCache()
    q, k, v = heads(6)
    mixed = SpikingAttention(rule, encoding, recorded.__setitem__, verify_tokens=6)("b", q, k, v, cache)
    assert {stream_id.removeprefix("b.") for stream_id in recorded} == streams
    none = CachedRows(np.zeros((len(k), 0, k.shape[-1]), np.int8), np.zeros((len(k), 0), np.float32))
    for name, kept in (("k", "b.keys"), ("v", "b.values")):
        assert np.abs(cache.append(kept, none).rows).max() == (3 if name == letter else 127)
    exact = SpikingAttention(AttentionRule(kv_bits=8), encoding)("b", q, k, v, KVCache())
    assert 1e-3 < np.abs(mixed - exact).max() < 1


@pytest.mark.parametrize("code", ["ternary", "binary", "bitwise"])
def test_many_small_probabilities_keep_their_mass(code):
    """One position of 1/2 and 200 of 1/400 each: none of these reaches half of a step of 1/30.

    Half of the mass is theirs, and so is half of the mixed value: 3 from the first position, -1 from each other.
    """
    scores = np.log(np.array([0.5, *[0.5 / 200] * 200]))
    k, v = np.zeros((1, 201, 2), np.float32), np.full((1, 201, 2), -1, np.float32)
    k[0, :, 0], v[0, 0] = scores * np.sqrt(2), 3
    q = np.zeros((1, 201, 2), np.float32)
    q[..., 0] = 1
    rule = AttentionRule(probabilities=True, kv_bits=8)
    mixed = SpikingAttention(rule, encoding_for(code, 4 if code == "bitwise" else 15))("b", q, k, v, KVCache())[-1]
    assert mixed == pytest.approx(0.5 * 3 - 0.5, abs=0.12)  # half a step of 3 x 0.5 / 15, and the rounding of keys


def test_a_rotation_leaves_the_scores_and_spreads_an_outlier_of_the_queries():
    """With many levels the mixed values are those without a rotation; with few, an outlier hides the rest without."""
    q, k, v = heads(12)
    q[..., 3] *= 40
    k[..., 3] /= 40
    exact = dense_attention("b", q, k, v, KVCache())

    def error(levels: int, rotation: str) -> float:
        rule = AttentionRule(queries=True, kv_bits=8)
        preset = as_preset(Encoding("ternary", levels)).model_copy(update={"rotation": rotation})
        return float(np.abs(SpikingAttention(rule, preset, verify_tokens=2)("b", q, k, v, KVCache()) - exact).mean())

    assert error(127, "online") < 0.02
    assert error(127, "online") < error(127, "none")
    assert error(15, "online") < 0.5 * error(15, "none")


@pytest.mark.parametrize("wrong", ["", "spike", "qq", "qx"])
def test_an_unknown_attention_is_refused(wrong):
    with pytest.raises(ModelError, match=f"attention '{wrong}', expected dense, spiking, or letters of q, k, v and p"):
        rule_for(wrong, None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("which", "name"), [(0, "attn_q"), (1, "attn_k"), (2, "attn_v")])
def test_an_operand_that_is_not_finite_is_named(which, name, value):
    operands = heads(5)
    operands[which][1, 3, 2] = value
    with pytest.raises(ModelError, match=rf"b\.{name}: token 3 holds NaN or infinity"):
        SpikingAttention(SPIKING, Encoding("ternary", 7))("b", *operands, KVCache())


def test_tokens_and_texts_that_do_not_fit(write_model):
    checkpoint = read_checkpoint(write_model())
    layers = FloatLinear(checkpoint)
    for token in (-1, 40):
        with pytest.raises(ModelError, match=f"token {token} is outside the vocabulary, expected 0 to 39"):
            forward(checkpoint, np.array([1, token]), layers)
    with pytest.raises(ModelError, match="no tokens, expected at least one"):
        forward(checkpoint, np.zeros(0, np.int64), layers)
    with pytest.raises(ModelError, match=r"25 tokens, expected at most the context of the model, 24 \(1 over\)"):
        forward(checkpoint, np.ones(25, np.int64), layers)
    cache = KVCache()
    forward(checkpoint, np.ones(24, np.int64), layers, dense_attention, cache)
    with pytest.raises(ModelError, match=r"25 tokens, expected at most the context"):
        forward(checkpoint, np.ones(1, np.int64), layers, dense_attention, cache)
