"""Text to token ids, by the model's own ``tokenizer.json``, and text to passages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as HuggingFaceTokenizer

from simulator.errors import ModelError, SpikewattError
from simulator.model.llama_config import LlamaConfig

TOKENIZER_FILE = "tokenizer.json"
SEPARATOR = re.compile(r"^[ \t]*<\|endoftext\|>[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class Passage:
    """A text that is passed through the model on its own, from position 0.

    Attributes
    ----------
    token_ids
        int64 [tokens]: BOS, then the text.
    n_bytes
        UTF-8 bytes of the text that the tokens after BOS stand for.
    n_cut
        Tokens of the text that were cut off at its end.
    """

    token_ids: NDArray[np.int64]
    n_bytes: int
    n_cut: int


class Tokenizer:
    """The tokenizer of a model directory; it puts BOS in front itself, whatever the file's post-processor does."""

    def __init__(self, model_dir: Path, config: LlamaConfig) -> None:
        path = model_dir / TOKENIZER_FILE
        if not path.is_file():
            raise ModelError(f"{path}: no such file, expected the tokenizer")
        try:
            self._tokenizer = HuggingFaceTokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception for every fault of the file
            raise ModelError(f"{path}: not a tokenizer: {error}") from None
        size = self._tokenizer.get_vocab_size()
        if size > config.vocab_size:
            raise ModelError(f"{path}: {size} tokens, but config.json says vocab_size {config.vocab_size}")
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._bos = config.bos_token_id

    def passage(self, text: str, max_tokens: int) -> Passage:
        """BOS and the tokens of ``text``, cut after ``max_tokens`` tokens in all.

        Raises
        ------
        ModelError
            When the tokenizer has no token for a character, and leaves it out.
        """
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        _check_covered(text, encoded.offsets)
        ids = [self._bos, *encoded.ids][:max_tokens]
        end = encoded.offsets[len(ids) - 2][1] if len(ids) > 1 else 0
        return Passage(np.array(ids, dtype=np.int64), len(text[:end].encode()), len(encoded.ids) + 1 - len(ids))

    def without_text(self, token_ids: NDArray[np.int64]) -> list[int]:
        """Those of the tokens that the file does not know: a vocabulary may be larger than its tokenizer."""
        return [i for i in token_ids.tolist() if self._tokenizer.id_to_token(i) is None]

    def text(self, token_ids: NDArray[np.int64]) -> str:
        """The text of tokens, special ones written out."""
        return str(self._tokenizer.decode(token_ids.tolist(), skip_special_tokens=False))


def _check_covered(text: str, offsets: list[tuple[int, int]]) -> None:
    """Refuse a text of which some characters, other than space, are in no token."""
    covered = np.zeros(len(text), np.bool_)
    for start, end in offsets:
        covered[start:end] = True
    missing = sum(not text[i].isspace() for i in np.flatnonzero(~covered))
    if missing:
        raise ModelError(f"the tokenizer leaves out {missing} characters of the text: it has no tokens for them")


def split_passages(text: str) -> tuple[str, ...]:
    """The passages of ``text``: what stands between lines ``<|endoftext|>``, stripped; empty ones are left out."""
    return tuple(passage for part in SEPARATOR.split(text) if (passage := part.strip()))


def tokenize(tokenizer: Tokenizer, text: str, context: int, max_tokens: int | None) -> tuple[Passage, ...]:
    """The passages of ``text`` as tokens: each cut to ``context`` tokens, all together to ``max_tokens``.

    Raises
    ------
    ModelError
        When there is no text, or ``max_tokens`` leaves no token to predict (BOS is the first token).
    """
    if max_tokens is not None and max_tokens < 2:
        raise ModelError(
            f"max_tokens {max_tokens}, expected at least 2: the first token is BOS and predicts the second"
        )
    passages: list[Passage] = []
    left = max_tokens
    for passage_text in split_passages(text):
        if left == 0:
            break
        passage = tokenizer.passage(passage_text, context if left is None else min(context, left))
        passages.append(passage)
        left = None if left is None else left - len(passage.token_ids)
    if not any(len(passage.token_ids) > 1 for passage in passages):
        raise ModelError("the text is empty, expected at least one passage of at least one token")
    return tuple(passages)


def read_text(path: Path) -> str:
    """Content of a text file; raises SpikewattError when it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SpikewattError(f"{path}: cannot read the text: {reason}") from error
