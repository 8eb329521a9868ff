"""Passages: split at separator lines, BOS in front, cut to the context, their bytes counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import AddedToken, Regex, normalizers
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers.models import BPE, Unigram
from tokenizers.pre_tokenizers import Whitespace

from simulator.errors import ModelError
from simulator.model.llama_config import read_config
from simulator.model.perplexity import perplexity
from simulator.model.tokenizer import Tokenizer, split_passages, text_warnings, tokenize


@pytest.fixture
def tokenizer(write_model):
    folder = write_model()
    return Tokenizer(folder, read_config(folder))


def test_bos_then_the_text(tokenizer):
    passage = tokenizer.passage("abcé", 24)
    assert passage.token_ids.tolist() == [1, 3, 4, 5, 33]
    assert passage.n_bytes == 5  # é takes two
    assert passage.n_cut == 0


def test_cut_counts_only_the_bytes_of_predicted_tokens(tokenizer):
    passage = tokenizer.passage("éabc", 3)
    assert passage.token_ids.tolist() == [1, 33, 3]
    assert (passage.n_bytes, passage.n_cut) == (3, 2)
    alone = tokenizer.passage("abc", 1)
    assert (alone.token_ids.tolist(), alone.n_bytes, alone.n_cut) == ([1], 0, 3)


def test_split_at_separator_lines_only():
    text = "one <|endoftext|> still one\n<|endoftext|>\n\n  two\n <|endoftext|>\t\n<|endoftext|>\nthree"
    assert split_passages(text) == ("one <|endoftext|> still one", "two", "three")
    assert split_passages("a\r\n<|endoftext|>\r\nb") == ("a", "b")


def test_budget_of_tokens_over_passages(tokenizer):
    text = "abcd\n<|endoftext|>\nefgh\n<|endoftext|>\nijkl"
    lengths = [len(p.token_ids) for p in tokenize(tokenizer, text, 24, 8)]
    assert lengths == [5, 3]
    assert [len(p.token_ids) for p in tokenize(tokenizer, text, 4, None)] == [4, 4, 4]


@pytest.mark.parametrize(
    ("text", "max_tokens", "message"),
    [
        ("", None, "the text is empty"),
        ("\n<|endoftext|>\n", 9, "the text is empty"),
        ("abc", 1, "max_tokens 1, expected at"),
    ],
)
def test_nothing_to_predict(tokenizer, text, max_tokens, message):
    with pytest.raises(ModelError, match=message):
        tokenize(tokenizer, text, 24, max_tokens)


def test_a_tokenizer_smaller_than_the_vocabulary_says_what_it_lacks(write_model):
    folder = write_model()
    small = HuggingFaceTokenizer(BPE({"a": 3, "b": 4, "ab": 5}, [("a", "b")]))
    small.pre_tokenizer = Whitespace()
    small.save(str(folder / "tokenizer.json"))
    tokenizer = Tokenizer(folder, read_config(folder))
    assert tokenizer.passage("ab a", 24).token_ids.tolist() == [1, 5, 3]
    assert tokenizer.without_text(np.array([1, 3, 5, 39])) == [1, 39]
    with pytest.raises(ModelError, match=r"no tokens for 2 characters of the text .*'Z', U\+005A"):
        tokenizer.passage("ab \nZb Z", 24)


def test_file_faults(write_model):
    folder = write_model()
    config = read_config(folder)
    small = write_model(vocab_size=20)
    with pytest.raises(ModelError, match=r"34 tokens, expected at most vocab_size 20 of config\.json"):
        Tokenizer(small, read_config(small))
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json: not a tokenizer"):
        Tokenizer(folder, config)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json: no such file"):
        Tokenizer(folder, config)


def test_shared_model_tokens_as_documented(stories):
    folder = stories / "stories260K"
    golden = np.load(folder / "golden.npz")
    tokenizer = Tokenizer(folder, read_config(folder))
    text = HuggingFaceTokenizer.from_file(str(folder / "tokenizer.json")).decode(golden["input_ids"].tolist())
    assert tokenizer.passage(text, 48).token_ids.tolist() == golden["input_ids"].tolist()


def test_added_tokens_may_stand_in_the_vocabulary_too(write_model):
    """As CodeLlama's infill tokens do, and every token of a GGUF file; the model ends before them."""
    folder = write_model(vocab_size=34)
    path = folder / "tokenizer.json"
    fields = json.loads(path.read_text())
    extra = {"<PRE>": 34, "<MID>": 35}
    fields["model"]["vocab"] |= extra
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
    fields["added_tokens"] += [{"id": i, "content": token} | flags for token, i in extra.items()]
    path.write_text(json.dumps(fields))
    tokenizer = Tokenizer(folder, read_config(folder))
    assert tokenizer.passage("ab", 24).token_ids.tolist() == [1, 3, 4]
    with pytest.raises(ModelError, match="the text holds the token '<MID>' with id 35"):
        tokenizer.passage("ab<MID>", 24)


def changed(folder, change):
    """The tokenizer of a folder after a change to the library's own object, or that object replaced by another."""
    path = str(folder / "tokenizer.json")
    tokenizer = HuggingFaceTokenizer.from_file(path)
    tokenizer = change(tokenizer) or tokenizer
    tokenizer.save(path)
    return Tokenizer(folder, read_config(folder))


@pytest.mark.parametrize("form", [normalizers.NFC(), normalizers.NFKC()])
def test_composed_characters_are_not_left_out(write_model, form):
    """Qwen2's tokenizer composes: e and U+0301 become one character, of which the library gives the first place only.

    The ids are those of the composed text, as transformers 5.24 gives them; the bytes are those of the text that came.
    """

    def compose(tokenizer):
        tokenizer.normalizer = form

    folder = write_model()
    tokenizer = changed(folder, compose)
    decomposed = tokenizer.passage("cafe\u0301 e\u0301a", 24)
    assert decomposed.token_ids.tolist() == tokenizer.passage("caf\u00e9 \u00e9a", 24).token_ids.tolist()
    assert (decomposed.n_bytes, decomposed.n_unknown) == (11, 0)
    assert tokenizer.passage("e\u0301a", 2).n_bytes == 3  # cut after the composed letter: both its code points

    def forget(tokenizer):
        tokenizer.model = BPE({"a": 3, "e": 4}, [])

    with pytest.raises(ModelError, match=r"no tokens for 1 characters of the text .*'.', U\+00E9"):
        changed(folder, forget).passage("e\u0301a", 24)


def test_unknown_characters_are_counted(tokenizer):
    passage = tokenizer.passage("a1b2", 24)
    assert (passage.token_ids.tolist(), passage.n_unknown) == ([1, 3, 0, 4, 0], 2)
    assert tokenizer.passage("a1b2", 4).n_unknown == 1  # as far as it is passed
    assert text_warnings([passage])[0].startswith("2 of 5 tokens are the unknown token of the tokenizer")
    assert text_warnings([tokenizer.passage("ab", 24)]) == ()


def test_an_unknown_token_that_the_text_spells_is_known(write_model):
    def special(tokenizer):
        tokenizer.add_special_tokens([AddedToken("<unk>", special=True)])

    passage = changed(write_model(), special).passage("a<unk>1", 24)
    assert (passage.token_ids.tolist(), passage.n_unknown) == ([1, 3, 0, 0], 1)


def test_unknown_characters_of_a_unigram_model(write_model):
    def unigram(tokenizer):
        return HuggingFaceTokenizer(Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0)], unk_id=0))

    assert changed(write_model(), unigram).passage("ab1", 24).n_unknown == 1


def test_a_tokenizer_without_its_unknown_token_is_refused(write_model):
    """The library raises bare Exception at the first character of the text."""

    def empty(tokenizer):
        tokenizer.model = BPE({}, [], unk_token="<unk>")

    with pytest.raises(ModelError, match=r"tokenizer\.json: cannot tokenize the text: Unk token `<unk>` not found"):
        changed(write_model(), empty).passage("abc", 24)


def test_an_added_token_beyond_the_vocabulary_is_refused_when_a_text_uses_it(write_model):
    """A [PAD] added after training: transformers runs the model as long as no text has the token."""

    def pad(tokenizer):
        tokenizer.add_special_tokens([AddedToken("[PAD]", special=True)])

    folder = write_model(vocab_size=34)
    tokenizer = changed(folder, pad)
    assert tokenizer.passage("abc", 24).token_ids.tolist() == [1, 3, 4, 5]
    assert tokenizer.passage("ab[PAD]", 3).token_ids.tolist() == [1, 3, 4]  # cut before it
    with pytest.raises(ModelError, match=r"the token '\[PAD\]' with id 34, but the vocabulary .* ends at id 33"):
        tokenizer.passage("ab[PAD]", 24)


def test_marks_between_passages_are_no_text(tokenizer):
    joined = "\ufeffabc\n\ufeff<|endoftext|>\n\ufeff\nde"  # files of an editor, one after another
    assert split_passages(joined) == ("abc", "de")
    inside = tokenizer.passage("a\ufeffb", 24)
    assert inside.n_marks == 1
    assert "1 byte order marks (U+FEFF) inside" in text_warnings([inside])[1]


@pytest.mark.parametrize("n_tokens", [2, 9, 64, 500])
def test_a_long_text_is_tokenized_as_far_as_needed(shipped_model, n_tokens, monkeypatch):
    tokenizer = Tokenizer(shipped_model, read_config(shipped_model))
    text = (shipped_model / "heldout_sample.txt").read_text(encoding="utf-8").replace("<|endoftext|>", "")
    whole = tokenizer.passage(text, None).token_ids.tolist()
    longest = 0
    encode = tokenizer._encode

    def measured(part, *rest):
        nonlocal longest
        longest = max(longest, len(part))
        return encode(part, *rest)

    monkeypatch.setattr(tokenizer, "_encode", measured)
    passage = tokenizer.passage(text * 20, n_tokens)
    assert passage.token_ids.tolist() == whole[:n_tokens]
    assert longest < 16 * n_tokens + 2 * 4096
    assert passage.n_bytes + passage.n_unread_bytes < len((text * 20).encode())


def test_a_long_word_is_tokenized_as_the_whole(write_model):
    """No space to cut at, and a first part of too few tokens: merges make one token of 16 letters."""
    merges = [("a" * n, "a" * n) for n in (1, 2, 4, 8)]

    def merging(tokenizer):
        tokenizer.model = BPE({"<unk>": 0} | {"a" * n: 3 + i for i, n in enumerate((1, 2, 4, 8, 16))}, merges)

    tokenizer = changed(write_model(), merging)
    assert tokenizer.passage("a" * 100_000, 24).token_ids.tolist() == [1] + 23 * [7]
    assert tokenizer.passage("a" * 100_000, 24).n_bytes == 23 * 16


def test_perplexity_beyond_the_largest_float_is_refused(write_model, tiny_tensors_of):
    tensors = tiny_tensors_of()
    tensors["model.norm.weight"][:] = 1e30
    with pytest.raises(ModelError, match=r"the perplexity exceeds the largest float .*; the weights are too large"):
        _ = perplexity(write_model(tensors), "hello").perplexity


@pytest.mark.parametrize(
    ("steps", "growth"),
    [
        ([normalizers.Replace("o", "oo")] * 7, "128"),
        ([normalizers.Replace("", "x")], "inf"),
        ([normalizers.Prepend("x" * 10), normalizers.Replace(Regex("o"), "x" * 10)], "110"),
    ],
)
def test_a_normalizer_that_makes_long_texts_of_short_ones(steps, growth, write_model):
    path = write_model() / "tokenizer.json"
    changed = HuggingFaceTokenizer.from_file(str(path))
    changed.normalizer = normalizers.Sequence(steps)
    changed.save(str(path))
    with pytest.raises(ModelError, match=rf"normalizer: a text may become {growth} times as long, expected at most 64"):
        Tokenizer(path.parent, read_config(path.parent))
