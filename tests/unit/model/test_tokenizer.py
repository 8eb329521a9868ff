"""Passages: split at separator lines, BOS in front, cut to the context, their bytes counted."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace

from simulator.errors import ModelError
from simulator.model.llama_config import read_config
from simulator.model.tokenizer import Tokenizer, split_passages, tokenize


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
    with pytest.raises(ModelError, match="leaves out 2 characters of the text"):
        tokenizer.passage("ab Zb Z", 24)


def test_file_faults(write_model):
    folder = write_model()
    config = read_config(folder)
    small = write_model(vocab_size=20)
    with pytest.raises(ModelError, match=r"34 tokens, but config\.json says vocab_size 20"):
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
