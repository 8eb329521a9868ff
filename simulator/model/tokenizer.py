"""Text to token ids, by the model's own tokenizer, and text to passages."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as HuggingFaceTokenizer

from simulator.errors import ModelError
from simulator.model.gguf_file import read_gguf
from simulator.model.gguf_tokenizer import gguf_tokenizer
from simulator.model.llama_config import LlamaConfig
from simulator.model.model_location import locate_model, missing_file, refuse_lfs_pointer
from simulator.model.tokenizer_growth import check_growth
from simulator.text_files import BOM, NotTextError, decode_text

TOKENIZER_FILE = "tokenizer.json"
SEPARATOR = re.compile(r"^[ \t\ufeff]*<\|endoftext\|>[ \t\r]*$", re.MULTILINE)
# Of a long text so many characters are tokenized for each token that is asked for, and some more, before any others.
CHARACTERS_PER_TOKEN, CHARACTERS_MORE = 16, 4096
# Tokens at the end of a part of a text that may differ from those of the whole text: they are not used.
UNSETTLED_TOKENS = 64


@dataclass(frozen=True)
class Passage:
    """A text that is passed through the model on its own, from position 0.

    Attributes
    ----------
    token_ids
        int64 [tokens]: BOS where the model has one, then the text.
    n_bytes
        UTF-8 bytes of the text that the tokens after the first stand for.
    n_cut
        Tokens of the text that were cut off at its end, as far as it was tokenized.
    n_unread_bytes
        UTF-8 bytes after the part of the text that was tokenized.
    n_unknown
        Tokens that are the tokenizer's unknown token, because it has none for the characters.
    n_marks
        Byte order marks inside the text, which are tokens as other characters are.
    n_given
        Tokens at the start that are passed and not predicted.
    byte_ends
        int64 [tokens]: UTF-8 bytes of the text up to the end of each token, where the tokenizer gave them.
    """

    token_ids: NDArray[np.int64]
    n_bytes: int
    n_cut: int
    n_unread_bytes: int = 0
    n_unknown: int = 0
    n_marks: int = 0
    n_given: int = 1
    byte_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)


class Tokenizer:
    """The tokenizer of a model; it puts BOS in front itself, whatever the file's post-processor does.

    Attributes
    ----------
    sha256
        Hash of ``tokenizer.json`` without a byte order mark, or of the tokenizer made from the metadata of a GGUF file.
    """

    def __init__(self, model: Path | str, config: LlamaConfig) -> None:
        location = locate_model(model)
        self._path = location.path if location.is_gguf else location.path / TOKENIZER_FILE
        self._tokenizer, self.sha256 = _load_gguf(self._path) if location.is_gguf else _load(self._path)
        size = _base_size(self._tokenizer)
        if size > config.vocab_size:
            raise ModelError(
                f"{self._path}: {size} tokens, expected at most vocab_size {config.vocab_size} of config.json"
            )
        check_growth(self._tokenizer, self._path)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._bos = [] if config.bos_token_id is None else [config.bos_token_id]
        self._vocab_size = config.vocab_size
        self._unknown = _unknown_token(self._tokenizer)

    def passage(self, text: str, max_tokens: int | None, own_special: bool = False) -> Passage:
        """BOS and the tokens of ``text``, cut after ``max_tokens`` tokens in all.

        With ``own_special`` the file's post-processor adds its special tokens, and nothing else does.

        Raises
        ------
        ModelError
            When the tokenizer has no token for a character and leaves it out, or the model none for one of its tokens.
        """
        read, encoded = self._encode_start(text, len(text) + 1 if max_tokens is None else max_tokens, own_special)
        bos = [] if own_special else self._bos
        ids = [*bos, *encoded.ids][:max_tokens]
        used = len(ids) - len(bos[:max_tokens])
        self._check_covered(read, encoded)
        self._check_known(ids)
        byte_ends = np.concatenate([[0] * len(bos), _byte_ends(read, encoded)])[: len(ids)]
        return Passage(
            token_ids=np.array(ids, dtype=np.int64),
            n_bytes=int(byte_ends[-1] - byte_ends[0]) if ids else 0,
            n_cut=len(encoded.ids) - used,
            n_unread_bytes=len(text[len(read) :].encode()),
            n_unknown=self._n_unknown(read, encoded, used),
            n_marks=read.encode()[: int(byte_ends[-1]) if ids else 0].count(BOM.encode()),
            byte_ends=byte_ends,
        )

    def without_text(self, token_ids: NDArray[np.int64]) -> list[int]:
        """Those of the tokens that the file does not know: a vocabulary may be larger than its tokenizer."""
        return [i for i in token_ids.tolist() if self._tokenizer.id_to_token(i) is None]

    def text(self, token_ids: NDArray[np.int64]) -> str:
        """The text of tokens, special ones written out."""
        with _library_faults(f"{self._path}: cannot make text of tokens"):
            return str(self._tokenizer.decode(token_ids.tolist(), skip_special_tokens=False))

    def _encode(self, text: str, special: bool = False, by: HuggingFaceTokenizer | None = None) -> Any:
        with _library_faults(f"{self._path}: cannot tokenize the text"):
            return (by or self._tokenizer).encode(text, add_special_tokens=special)

    def _encode_start(self, text: str, n_tokens: int, special: bool) -> tuple[str, Any]:
        """A part of ``text`` from its start, and its encoding: at least ``n_tokens`` that do not depend on the rest."""
        size = CHARACTERS_PER_TOKEN * n_tokens + CHARACTERS_MORE
        while size < len(text):
            part = text[: _word_end(text, size)]
            encoded = self._encode(part, special)
            if len(encoded.ids) >= n_tokens + UNSETTLED_TOKENS:
                return part, encoded
            size *= 4
        return text, self._encode(text, special)

    def _check_covered(self, text: str, encoded: Any) -> None:
        """Refuse a text of which some characters, other than space, are in no token."""
        missing, by = _uncovered(text, encoded.offsets), self._tokenizer
        if missing and by.normalizer is not None:
            # A normalizer that composes characters gives the place of the first of them only: look at what it made.
            text, by = by.normalizer.normalize_str(text), self._bare()
            missing = _uncovered(text, self._encode(text, by=by).offsets)
        if missing:
            without = (c for c in dict.fromkeys(text) if not c.isspace() and not self._encode(c, by=by).ids)
            first = next((f" (first: {c!r}, U+{ord(c):04X})" for c in without), "")
            raise ModelError(f"the tokenizer has no tokens for {missing} characters of the text{first}; remove them")

    def _bare(self) -> HuggingFaceTokenizer:
        """The same tokenizer without its normalizer."""
        fields = json.loads(self._tokenizer.to_str()) | {"normalizer": None}
        return HuggingFaceTokenizer.from_str(json.dumps(fields))

    def _check_known(self, ids: Iterable[int]) -> None:
        """Refuse tokens that the tokenizer gained after the training of the model."""
        beyond = next((i for i in ids if i >= self._vocab_size), None)
        if beyond is not None:
            token, last = self._tokenizer.id_to_token(beyond), self._vocab_size - 1
            raise ModelError(
                f"{self._path}: the text holds the token {token!r} with id {beyond},"
                f" but the vocabulary of the model ends at id {last}; remove it from the text"
            )

    def _n_unknown(self, text: str, encoded: Any, n_tokens: int) -> int:
        """How many of the first tokens are unknown, other than those that the text itself spells so."""
        if self._unknown is None:
            return 0
        spelt = self._tokenizer.id_to_token(self._unknown)
        pairs = zip(encoded.ids[:n_tokens], encoded.offsets[:n_tokens], strict=True)
        return sum(token == self._unknown and text[a:b] != spelt for token, (a, b) in pairs)


def _base_size(tokenizer: HuggingFaceTokenizer) -> int:
    """Tokens of the vocabulary, without those that were added after training, which may stand in it as well."""
    added = tokenizer.get_added_tokens_decoder()
    base = tokenizer.get_vocab_size(with_added_tokens=False)
    while base - 1 in added:
        base -= 1
    return int(base)


def _load_gguf(path: Path) -> tuple[HuggingFaceTokenizer, str]:
    """The tokenizer that a GGUF file describes, and the hash of its JSON."""
    tokenizer = gguf_tokenizer(read_gguf(path))
    return tokenizer, hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


def _load(path: Path) -> tuple[HuggingFaceTokenizer, str]:
    """The tokenizer in a file, and the hash of the file."""
    refuse_lfs_pointer(path)
    try:
        data = path.read_bytes()
        with _library_faults(f"{path}: not a tokenizer"):
            text = decode_text(data)
            return HuggingFaceTokenizer.from_str(text), hashlib.sha256(text.encode()).hexdigest()
    except FileNotFoundError:
        raise missing_file(path.parent, path.name, "expected the tokenizer") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except NotTextError as error:
        raise ModelError(f"{path}:{error.line}:{error.column}: not a tokenizer: {error}") from None


@contextmanager
def _library_faults(place: str) -> Iterator[None]:
    """Report faults of the library `tokenizers`, which raises bare Exception, and a panic for a fault of its own."""
    try:
        yield
    except Exception as error:
        raise ModelError(f"{place}: {error}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"{place}: {error}") from None


def _unknown_token(tokenizer: HuggingFaceTokenizer) -> int | None:
    """Id of the token for characters without one of their own; of a unigram model it is in the JSON only."""
    if type(tokenizer.model).__name__ == "Unigram":
        found: int | None = json.loads(tokenizer.to_str())["model"].get("unk_id")
        return found
    named = getattr(tokenizer.model, "unk_token", None)
    return None if named is None else tokenizer.token_to_id(named)


def _word_end(text: str, size: int) -> int:
    """``size``, or the end of the word there, unless that is far."""
    found = re.compile(r"\s").search(text, size, size + CHARACTERS_MORE)
    return size if found is None else found.start()


def _byte_ends(text: str, encoded: Any) -> NDArray[np.int64]:
    """UTF-8 bytes of ``text`` up to the end of each token: to where the next starts, for the last to the end."""
    offsets = np.array(encoded.offsets, dtype=np.int64).reshape(-1, 2)
    ends = np.maximum(offsets[:, 1], np.append(offsets[1:, 0], len(text)))
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    n_bytes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    return np.concatenate([[0], np.cumsum(n_bytes)])[np.maximum.accumulate(ends)]


def _uncovered(text: str, offsets: list[tuple[int, int]]) -> int:
    """How many characters, other than space, are in no token."""
    covered = np.zeros(len(text), np.bool_)
    for start, end in offsets:
        covered[start:end] = True
    return sum(not text[i].isspace() for i in np.flatnonzero(~covered))


def split_passages(text: str) -> tuple[str, ...]:
    """The passages of ``text``: what stands between lines ``<|endoftext|>``, stripped; empty ones are left out."""
    stripped = (part.strip().removeprefix(BOM).strip() for part in SEPARATOR.split(text))
    return tuple(passage for passage in stripped if passage)


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


def text_warnings(passages: Iterable[Passage]) -> tuple[str, ...]:
    """What a reader of a number should know of the text: unknown characters, byte order marks inside."""
    passages = tuple(passages)
    unknown, n_tokens = sum(p.n_unknown for p in passages), sum(len(p.token_ids) for p in passages)
    marks = sum(p.n_marks for p in passages)
    found = []
    if unknown:
        found.append(
            f"{unknown} of {n_tokens} tokens are the unknown token of the tokenizer, which has none for some characters"
            " of the text: the perplexity does not count what they are"
        )
    if marks:
        found.append(f"the text holds {marks} byte order marks (U+FEFF) inside; they are tokenized as characters")
    return tuple(found)
