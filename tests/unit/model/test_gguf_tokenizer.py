"""The tokenizer of a GGUF file, from vocabularies small enough to tokenize by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import pre_tokenizers

from simulator.errors import ModelError
from simulator.model.gguf_file import GgufFile
from simulator.model.gguf_tokenizer import gguf_tokenizer

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())


def described(**fields: Any) -> GgufFile:
    """A file with these fields of ``tokenizer.ggml``."""
    return GgufFile(Path("m.gguf"), {f"tokenizer.ggml.{name}": value for name, value in fields.items()}, {})


def byte_level(pre: str, **more: Any) -> GgufFile:
    """All bytes, the digits 123 as one token, two tokens that stay whole: a control token and one of a user."""
    tokens = [*BYTES, "12", "123", "<|end|>", "<think>"]
    types = np.array([1] * (len(BYTES) + 2) + [3, 4], np.int32)
    fields = {"model": "gpt2", "pre": pre, "tokens": tokens, "token_type": types, "merges": ["1 2", "12 3"]}
    return described(**fields | more)


def pieces(file: GgufFile, text: str) -> list[str]:
    return list(gguf_tokenizer(file).encode(text).tokens)


@pytest.mark.parametrize(
    ("pre", "expected"),
    [
        ("llama-bpe", ["123", "4", "5"]),  # runs of three digits
        ("qwen2", ["1", "2", "3", "4", "5"]),  # single digits
        ("smollm", ["1", "2", "3", "4", "5"]),
        ("tekken", ["1", "2", "3", "4", "5"]),
        ("gpt-2", ["123", "4", "5"]),  # whole numbers, merged as far as there are merges
    ],
)
def test_digits_are_cut_as_the_model_was_trained(pre: str, expected: list[str]) -> None:
    assert pieces(byte_level(pre), "12345") == expected


def test_qwen_composes_characters_first() -> None:
    assert pieces(byte_level("qwen2"), "e\u0301") == ["Ã", "©"]  # the bytes C3 A9 of é
    assert pieces(byte_level("llama-bpe"), "e\u0301") == ["e", "Ì", "ģ"]  # e, and CC 81 of the accent


@pytest.mark.parametrize("pre", ["llama-bpe", "smollm", "gpt-2"])
def test_chat_tokens_stay_whole(pre: str) -> None:
    assert pieces(byte_level(pre), "a<|end|>1<think>") == ["a", "<|end|>", "1", "<think>"]
    tokenizer = gguf_tokenizer(byte_level(pre))
    assert tokenizer.decode(tokenizer.encode("a<|end|> é").ids, skip_special_tokens=False) == "a<|end|> é"


def sentencepiece(**more: Any) -> GgufFile:
    """Pieces with scores: of two merges that overlap the one of the higher score comes first."""
    tokens = ["<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", "a", "b", "c", "ab", "bc", "▁a"]
    types = np.array([2, 3, 3, 6, 6] + [1] * 7, np.int32)
    scores = np.array([0] * 5 + [-1e9] * 4 + [-2, -1, -3], np.float32)
    fields = {"model": "llama", "tokens": tokens, "token_type": types, "scores": scores, "unknown_token_id": 0}
    return described(**fields | more)


def test_merges_follow_the_scores() -> None:
    # bc (-1) before ab (-2) before ▁a (-3): "▁abc" -> ▁ a bc -> ▁a bc; "▁ab" -> ▁ ab.
    assert pieces(sentencepiece(), "abc") == ["▁a", "bc"]
    assert pieces(sentencepiece(), "ab") == ["▁", "ab"]
    assert pieces(sentencepiece(add_space_prefix=False), "ab c") == ["ab", "▁", "c"]


def test_characters_without_a_piece_are_bytes_or_unknown() -> None:
    assert pieces(sentencepiece(add_space_prefix=False), "aé") == ["a", "<0xC3>", "<0xA9>"]
    assert pieces(sentencepiece(add_space_prefix=False), "aö") == ["a", "<unk>"]
    assert pieces(sentencepiece(), "</s>") == ["</s>"]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (described(), "tokenizer.ggml.model: None is not supported, expected gpt2 or llama"),
        (described(model="bert"), "tokenizer.ggml.model: 'bert' is not supported"),
        (byte_level("default"), "tokenizer.ggml.pre: 'default' is not supported, expected one of llama-bpe"),
        (byte_level("qwen2", tokens=["a", "a"]), "tokenizer.ggml.tokens: expected a list of tokens, each once"),
        (byte_level("qwen2", tokens=3), "tokenizer.ggml.tokens: expected a list"),
        (byte_level("qwen2", merges=None), "tokenizer.ggml.merges: expected a list of merges"),
        (byte_level("qwen2", merges=["12"]), "tokenizer.ggml.merges: '12', expected two tokens with a space between"),
        (byte_level("qwen2", merges=["1 nothing"]), "tokenizer.ggml: not a tokenizer: "),
        (byte_level("qwen2", token_type=np.array([1])), "tokenizer.ggml.token_type: expected 260 integers"),
        (sentencepiece(scores=None), "tokenizer.ggml.scores: expected 12 numbers, one for each token"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_vocabulary_is_refused(file: GgufFile, message: str) -> None:
    with pytest.raises(ModelError) as error:
        gguf_tokenizer(file)
    assert message in str(error.value)
    assert str(error.value).startswith("m.gguf: tokenizer.ggml")
