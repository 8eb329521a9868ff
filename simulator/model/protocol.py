"""How perplexity is measured: which tokens of a text are passed together, and which of them are predicted.

``passages``: each passage of the text on its own, BOS in front, cut to the context of the model. With a window, a
longer passage is passed in several windows, whose starts are a stride apart. A window predicts the tokens that no
window before it held, but not its first (Hugging Face, "Perplexity of fixed-length models").

``wikitext2-2048``: what papers on quantized language models print as "WikiText-2". The rows of the raw test set are
joined by two line feeds and tokenized at once, with the special tokens that the tokenizer itself adds. Windows of 2048
tokens follow each other, and the rest is dropped. Each window predicts its tokens 1 to 2047 from those before them
(Frantar et al., GPTQ, ICLR 2023: ``get_wikitext2`` of ``datautils.py`` and ``llama_eval`` of ``llama.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.errors import ModelError, did_you_mean
from simulator.model.llama_config import LlamaConfig
from simulator.model.tokenizer import Passage, Tokenizer, split_passages, tokenize

JOINED = "wikitext2-2048"


@dataclass(frozen=True)
class Protocol:
    """Windows of a text.

    Attributes
    ----------
    name
        ``passages`` or ``wikitext2-2048``.
    window
        Tokens that are passed together, BOS included; None for the context of the model, what is beyond it left out.
    stride
        Tokens from the start of a window to that of the next; None for the window.
    """

    name: str = "passages"
    window: int | None = None
    stride: int | None = None

    def stated(self, tokenizer: Tokenizer, config: LlamaConfig) -> dict[str, object]:
        """What a number that was measured so has to state, in JSON types."""
        window = self.window or config.max_position_embeddings
        of_tokenizer = "as the tokenizer adds it to the whole text"
        return {
            "name": self.name,
            "window": window,
            "stride": self.stride or window,
            "bos": of_tokenizer if self.name == JOINED else config.bos_token_id,
            "level": "token",
            "tokenizer_sha256": tokenizer.sha256,
        }


PASSAGES = Protocol()
PROTOCOLS = {protocol.name: protocol for protocol in (PASSAGES, Protocol(JOINED, 2048, 2048))}


def protocol_for(name: str, window: int | None = None, stride: int | None = None) -> Protocol:
    """A protocol by its name, with a window and stride of its own where it leaves them open.

    Raises
    ------
    ModelError
        The name is not known, the protocol has a window already, or the stride is not 1 to the window.
    """
    if name not in PROTOCOLS:
        raise ModelError(f"protocol {name!r}, expected {' or '.join(PROTOCOLS)}{did_you_mean(name, PROTOCOLS)}")
    if window is None and stride is None:
        return PROTOCOLS[name]
    if name == JOINED:
        raise ModelError(f"protocol {name}: its window and stride are 2048 tokens; leave --window and --stride out")
    if window is None or window < 2:
        raise ModelError(f"window {window}, expected at least 2 tokens: the first predicts the second")
    if stride is not None and not 1 <= stride <= window:
        raise ModelError(f"stride {stride}, expected 1 to the window of {window} tokens")
    return Protocol(name, window, stride)


def windows(
    protocol: Protocol, tokenizer: Tokenizer, text: str, config: LlamaConfig, max_tokens: int | None
) -> tuple[Passage, ...]:
    """The tokens of ``text`` as the protocol passes them, ``max_tokens`` of the text at most.

    Raises
    ------
    ModelError
        There is nothing to predict, or a window is longer than the context of the model.
    """
    if protocol.window is None:
        return tokenize(tokenizer, text, config.max_position_embeddings, max_tokens)
    if protocol.window > config.max_position_embeddings:
        raise ModelError(
            f"window {protocol.window}, expected at most the context of the model, {config.max_position_embeddings}"
            " tokens"
        )
    found = tuple(
        _joined(protocol, tokenizer, text, max_tokens)
        if protocol.name == JOINED
        else _in_passages(protocol, tokenizer, text, max_tokens)
    )
    if not found:
        raise ModelError(f"the text is too short for protocol {protocol.name}, expected at least one token to predict")
    return found


def _joined(protocol: Protocol, tokenizer: Tokenizer, text: str, max_tokens: int | None) -> Iterator[Passage]:
    assert protocol.window is not None
    stream = tokenizer.passage(joined_rows(text), max_tokens, own_special=True)
    return (part for part in cut(stream, protocol.window) if len(part.token_ids) == protocol.window)


def _in_passages(protocol: Protocol, tokenizer: Tokenizer, text: str, max_tokens: int | None) -> Iterator[Passage]:
    assert protocol.window is not None
    left = max_tokens
    for passage in split_passages(text):
        if left == 0:
            break
        stream = tokenizer.passage(passage, left)
        left = None if left is None else left - len(stream.token_ids)
        yield from cut(stream, protocol.window, protocol.stride)


def cut(stream: Passage, window: int, stride: int | None = None) -> Iterator[Passage]:
    """Windows of a tokenized text, each with the bytes of the tokens that it predicts."""
    n, begin, held = len(stream.token_ids), 0, 0
    while True:
        end = min(begin + window, n)
        given = max(held - begin, 1)
        if end - begin > given:
            n_bytes = int(stream.byte_ends[end - 1] - stream.byte_ends[begin + given - 1])
            first = begin == 0
            yield Passage(
                token_ids=stream.token_ids[begin:end],
                n_bytes=n_bytes,
                n_cut=0,
                n_unknown=stream.n_unknown if first else 0,
                n_marks=stream.n_marks if first else 0,
                n_given=given,
            )
        held = end
        if end == n:
            return
        begin += stride or window


def joined_rows(text: str) -> str:
    r"""The rows of a WikiText file as papers join them: ``"\n\n".join(rows)``, a line of spaces being an empty row.

    A row is a line with its line feed, as the data set ``wikitext-2-raw-v1`` of the Hugging Face hub reads the file.
    """
    return "\n\n".join(line if line.strip() else "" for line in re.findall(r"[^\n]*\n|[^\n]+", text))


def protocol_warnings(protocol: Protocol, text: str) -> tuple[str, ...]:
    """A warning where the text is not what the protocol is defined on."""
    n = text.count("<unk>") if protocol.name == JOINED else 0
    if not n:
        return ()
    return (f"the text holds {n} times <unk>, as wikitext-2-v1 does: papers use wikitext-2-raw-v1",)
