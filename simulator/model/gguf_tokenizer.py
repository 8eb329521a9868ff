"""The tokenizer of a GGUF file, rebuilt from its metadata as the ``tokenizer.json`` of its model describes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from simulator.errors import ModelError
from simulator.model.gguf_file import GgufFile

# Token types of llama.cpp; the others, plain (1) and unused (5), are nothing but entries of the vocabulary.
UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6
SPACE = "▁"  # of SentencePiece

# How a text is cut before the merges, by ``tokenizer.ggml.pre``: the patterns of the models' own tokenizer.json.
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN_SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {
    "llama-bpe": LLAMA3_SPLIT,
    "llama3": LLAMA3_SPLIT,
    "llama-v3": LLAMA3_SPLIT,
    "smaug-bpe": LLAMA3_SPLIT,
    "falcon3": LLAMA3_SPLIT,
    "qwen2": QWEN2_SPLIT,
    "deepseek-r1-qwen": QWEN2_SPLIT,
    "megrez": QWEN2_SPLIT,
    "tekken": TEKKEN_SPLIT,
}
# The pattern of GPT-2, which ByteLevel has itself; single digits apart where the second is true.
GPT2_SPLITS = {"gpt-2": False, "smollm": True, "starcoder": True, "refact": True}
# Models whose tokenizer composes characters first (NFC).
COMPOSED = ("qwen2",)


def gguf_tokenizer(file: GgufFile) -> Tokenizer:
    """The tokenizer that the metadata of a GGUF file describes.

    Raises
    ------
    ModelError
        The file has no vocabulary, or one of a kind that is not supported.
    """
    kind, where = _field(file, "model"), f"{file.path}: tokenizer.ggml"
    builders = {"gpt2": _byte_level, "llama": _sentencepiece}
    if kind not in builders:
        raise ModelError(f"{where}.model: {kind!r} is not supported, expected {' or '.join(builders)}")
    tokens = _field(file, "tokens")
    if not isinstance(tokens, list) or len(set(tokens)) < len(tokens):
        raise ModelError(f"{where}.tokens: expected a list of tokens, each once")
    try:
        tokenizer = builders[kind](file, {token: i for i, token in enumerate(tokens)})
    except ModelError:
        raise
    except Exception as error:  # the library raises bare Exception for every fault
        raise ModelError(f"{where}: not a tokenizer: {error}") from None
    _add_whole_tokens(tokenizer, tokens, _types(file, len(tokens)))
    return tokenizer


def _field(file: GgufFile, name: str) -> Any:
    return file.metadata.get(f"tokenizer.ggml.{name}")


def _types(file: GgufFile, n: int) -> list[int]:
    """The type of each token; all plain where the file has none."""
    stated = _field(file, "token_type")
    if stated is None:
        return [1] * n
    if not isinstance(stated, np.ndarray) or len(stated) != n:
        raise ModelError(f"{file.path}: tokenizer.ggml.token_type: expected {n} integers, one for each token")
    return [int(kind) for kind in stated]


def _byte_level(file: GgufFile, vocabulary: dict[str, int]) -> Tokenizer:
    """BPE over bytes (Radford et al. 2019), as LLaMA 3, Qwen and SmolLM have it."""
    pre, merges = _field(file, "pre"), _field(file, "merges")
    if pre not in SPLITS and pre not in GPT2_SPLITS:
        known = ", ".join((*SPLITS, *GPT2_SPLITS))
        raise ModelError(f"{file.path}: tokenizer.ggml.pre: {pre!r} is not supported, expected one of {known}")
    if not isinstance(merges, list):
        raise ModelError(f"{file.path}: tokenizer.ggml.merges: expected a list of merges")
    tokenizer = Tokenizer(models.BPE(vocabulary, [_pair(file, merge) for merge in merges], ignore_merges=pre in SPLITS))
    if pre in SPLITS:
        cut = pre_tokenizers.Split(Regex(SPLITS[pre]), "isolated")
        tail = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, tail])
    else:
        digits = [pre_tokenizers.Digits(individual_digits=True)] if GPT2_SPLITS[pre] else []
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [*digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
        )
    if pre in COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pair(file: GgufFile, merge: str) -> tuple[str, str]:
    left, space, right = merge.partition(" ")
    if not space:
        raise ModelError(f"{file.path}: tokenizer.ggml.merges: {merge!r}, expected two tokens with a space between")
    return left, right


def _sentencepiece(file: GgufFile, vocabulary: dict[str, int]) -> Tokenizer:
    """BPE over characters, unknown ones as bytes (SentencePiece), as LLaMA 2, Mistral and TinyLlama have it."""
    scores, unknown = _field(file, "scores"), _field(file, "unknown_token_id")
    if not isinstance(scores, np.ndarray) or len(scores) != len(vocabulary):
        raise ModelError(f"{file.path}: tokenizer.ggml.scores: expected {len(vocabulary)} numbers, one for each token")
    names = list(vocabulary)
    tokenizer = Tokenizer(
        models.BPE(
            vocabulary,
            _merges(vocabulary, scores),
            unk_token=names[unknown] if isinstance(unknown, int) and unknown < len(names) else None,
            fuse_unk=True,
            byte_fallback=BYTE in _types(file, len(vocabulary)),
        )
    )
    spaces = normalizers.Replace(" ", SPACE)
    prefixed = _field(file, "add_space_prefix") is not False
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), spaces]) if prefixed else spaces
    stripped = [decoders.Strip(" ", 1, 0)] if prefixed else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *stripped]
    )
    return tokenizer


def _merges(vocabulary: dict[str, int], scores: np.ndarray) -> list[tuple[str, str]]:
    """The merges that a SentencePiece vocabulary implies: of every token into two others, the best token first.

    Merges of equal score come longest part first, as ``transformers`` converts such a vocabulary.
    """
    found = [
        (-float(scores[i]), -cut, cut - len(token), token[:cut], token[cut:])
        for token, i in vocabulary.items()
        for cut in range(1, len(token))
        if token[:cut] in vocabulary and token[cut:] in vocabulary
    ]
    found.sort(key=lambda merge: merge[:3])
    return [(left, right) for *_, left, right in found]


def _add_whole_tokens(tokenizer: Tokenizer, tokens: list[str], types: list[int]) -> None:
    """Make control tokens and those that a user defined match as a whole, as llama.cpp and ``transformers`` do."""
    kinds, special = list(zip(tokens, types, strict=True)), (UNKNOWN, CONTROL)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t, k in kinds if k in special])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, k in kinds if k == USER_DEFINED])
