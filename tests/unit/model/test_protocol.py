"""Protocols of perplexity: windows cut by hand, the join of WikiText as papers have it, numbers of the windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers.processors import TemplateProcessing

from simulator.errors import ModelError
from simulator.model.checkpoint import read_checkpoint
from simulator.model.encoder import encoding_for
from simulator.model.linear import FloatLinear, SpikingLinear
from simulator.model.llama_config import read_config
from simulator.model.perplexity import perplexity
from simulator.model.prepare import prepared
from simulator.model.preset import as_preset
from simulator.model.protocol import JOINED, Protocol, joined_rows, protocol_for, protocol_warnings, windows
from simulator.model.tokenizer import Tokenizer
from simulator.model.transformer import forward


def cut_text(folder, text, protocol, max_tokens=None):
    config = read_config(folder)
    return windows(protocol, Tokenizer(folder, config), text, config, max_tokens)


def test_windows_that_follow_each_other(write_model):
    # BOS a b c | d e f g | h: the first token of a window has nothing before it, and h is alone.
    found = cut_text(write_model(), "abcdefgh", Protocol(window=4))
    assert [part.token_ids.tolist() for part in found] == [[1, 3, 4, 5], [6, 7, 8, 9]]
    assert [(part.n_given, part.n_bytes) for part in found] == [(1, 3), (1, 3)]


def test_windows_that_overlap(write_model):
    # Windows of 4 start 3 apart; each predicts what no window before it held. é takes two bytes.
    found = cut_text(write_model(), "abcdéfg", Protocol(window=4, stride=3))
    assert [part.token_ids.tolist() for part in found] == [[1, 3, 4, 5], [5, 6, 33, 8], [8, 9]]
    assert [(part.n_given, part.n_bytes) for part in found] == [(1, 3), (1, 4), (1, 1)]
    found = cut_text(write_model(), "abcdef", Protocol(window=4, stride=1))
    assert [(part.n_given, part.n_bytes) for part in found] == [(1, 3), (3, 1), (3, 1), (3, 1)]
    assert [part.token_ids[-1] for part in found] == [5, 6, 7, 8]


def test_passages_do_not_meet_in_a_window(write_model):
    found = cut_text(write_model(), "abcd\n<|endoftext|>\nef", Protocol(window=4), 7)
    assert [part.token_ids.tolist() for part in found] == [[1, 3, 4, 5], [1, 7]]


def test_every_token_is_predicted_once_from_its_window(write_model):
    """The nats of overlapping windows, from the logits of each window by itself."""
    folder = write_model()
    checkpoint = read_checkpoint(folder)
    stream = np.array([1, *("abcdefghijklmnopqrstuvwxyz".index(c) + 3 for c in "thequickbrownfoxjumps")])
    nats, begin, held = 0.0, 0, 1
    while held < len(stream):
        part = stream[begin : begin + 8]
        logits = forward(checkpoint, part, FloatLinear(checkpoint)).astype(np.float64)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        nats -= sum(log_p[i - 1, part[i]] for i in range(held - begin, len(part)))
        held, begin = begin + len(part), begin + 5
    found = perplexity(folder, "thequickbrownfoxjumps", protocol=Protocol(window=8, stride=5))
    assert (found.n_tokens, found.n_bytes) == (21, 21)
    assert found.nats == pytest.approx(nats, rel=1e-5)


def test_rows_of_wikitext_are_joined_as_papers_join_them():
    r"""``load_dataset("wikitext", "wikitext-2-raw-v1")`` gives the rows "", " = A = \n", "", " b \n"."""
    assert joined_rows(" \n = A = \n \n b \n") == "\n\n = A = \n\n\n\n\n b \n"
    assert joined_rows("a\u2028b\nc") == "a\u2028b\n\n\nc"  # a line ends at a line feed only


def test_wikitext2_windows(write_model):
    """The tokenizer's own BOS once, at the start of the text; 2048 tokens each; the rest is dropped."""
    folder = write_model(max_position_embeddings=2048)
    text = "ab\n" * 1500  # rows "ab\n" joined by "\n\n": 3 + 2 characters each, 7498 in all
    found = cut_text(folder, text, protocol_for(JOINED))
    assert [len(part.token_ids) for part in found] == [2048] * 3
    assert found[0].token_ids[:7].tolist() == [3, 4, 32, 32, 32, 3, 4]
    assert {(part.n_given, part.n_bytes) for part in found} == {(1, 2047)}
    library = HuggingFaceTokenizer.from_file(str(folder / "tokenizer.json"))
    library.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    library.save(str(folder / "tokenizer.json"))
    with_bos = cut_text(folder, text, protocol_for(JOINED))
    shifted = np.concatenate([part.token_ids for part in with_bos])
    assert shifted[0] == 1
    assert np.array_equal(shifted[1:], np.concatenate([part.token_ids for part in found])[:-1])


def test_wikitext2_perplexity_is_the_mean_of_the_windows(write_model):
    """GPTQ weighs the mean loss of each window by its 2048 tokens."""
    folder = write_model(max_position_embeddings=2048)
    checkpoint = read_checkpoint(folder)
    text = "the cat sat on a mat, the dog ran.\n" * 120
    ids = np.concatenate([part.token_ids for part in cut_text(folder, text, protocol_for(JOINED))]).reshape(-1, 2048)
    losses = []
    for window in ids:
        logits = forward(checkpoint, window, FloatLinear(checkpoint)).astype(np.float64)[:-1]
        losses.append((np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(2047), window[1:]]).mean())
    found = perplexity(folder, text, protocol=protocol_for(JOINED))
    printed = math.exp(sum(2048 * loss for loss in losses) / (len(ids) * 2048))
    assert found.perplexity == pytest.approx(printed, rel=1e-5)
    assert found.protocol["window"] == found.protocol["stride"] == 2048


def test_the_word_level_text_is_not_what_papers_use():
    assert "the text holds 2 times <unk>" in protocol_warnings(protocol_for(JOINED), "a <unk> b <unk>")[0]
    assert protocol_warnings(protocol_for("passages"), "a <unk>") == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("wikitext2",), r"protocol 'wikitext2', expected .* \(did you mean 'wikitext2-2048'\?\)"),
        (("wikitext2-2048", 512), "its window and stride are 2048"),
        (("passages", None, 4), "window None, expected at least 2"),
        (("passages", 1), "window 1, expected at least 2"),
        (("passages", 4, 5), "stride 5, expected 1 to the window of 4"),
    ],
)
def test_faults_of_a_protocol(arguments, message):
    with pytest.raises(ModelError, match=message):
        protocol_for(*arguments)


def test_windows_that_the_model_or_text_cannot_fill(write_model):
    with pytest.raises(ModelError, match="window 25, expected at most the context of the model, 24 tokens"):
        cut_text(write_model(), "abc", Protocol(window=25))
    with pytest.raises(ModelError, match="the text is too short"):
        cut_text(write_model(max_position_embeddings=2048), "abc", protocol_for(JOINED))


def test_divergence_by_hand(write_model):
    """KL and agreement from the logits of both models, in float64."""
    folder = write_model()
    text = "hello there, world"
    found = perplexity(folder, text, encoding_for("ternary", 7), compare=True)
    exact = perplexity(folder, text)
    assert found.float_perplexity == pytest.approx(exact.perplexity)
    checkpoint = read_checkpoint(folder)
    ids = cut_text(folder, text, Protocol())[0].token_ids
    ready = prepared(checkpoint, as_preset(encoding_for("ternary", 7)))[0]
    models = (checkpoint, FloatLinear(checkpoint)), (ready, SpikingLinear(ready, encoding_for("ternary", 7)))
    p, q = (forward(model, ids, linear).astype(np.float64)[:-1] for model, linear in models)
    p, q = (x - np.log(np.exp(x).sum(axis=1, keepdims=True)) for x in (p, q))
    assert found.divergence_per_token == pytest.approx((np.exp(p) * (p - q)).sum() / len(p), rel=1e-4)
    assert found.agreement == (p.argmax(axis=1) == q.argmax(axis=1)).mean()
    assert (found.float_accuracy, found.accuracy) == tuple((x.argmax(axis=1) == ids[1:]).mean() for x in (p, q))
    with pytest.raises(ValueError, match="no comparison"):
        _ = exact.agreement
