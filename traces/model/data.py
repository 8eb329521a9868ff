"""Tokenizer, training windows and held-out windows of the sample model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor

UNK, BOS, EOS = 0, 1, 2
SPECIAL_TOKENS = ["<unk>", "<s>", "</s>"]
IGNORED = -100  # target that cross_entropy leaves out

Ids = NDArray[np.int64]


def read_documents(path: Path) -> list[str]:
    """Return the documents of a text file; the separator lines themselves are no text."""
    return path.read_text(encoding="utf-8").split("\n<s>\n")


def write_json(path: Path, content: object) -> None:
    """Write JSON with an end of line."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def train_tokenizer(documents: list[str], vocab_size: int) -> Tokenizer:
    """Return a byte-level BPE tokenizer; it adds `<s>` in front unless special tokens are declined."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", BOS)]
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }
    write_json(folder / "tokenizer_config.json", config)


def encode(tokenizer: Tokenizer, documents: list[str]) -> list[Ids]:
    """Return the ids of each document, without special tokens, and check that they decode to the same text."""
    encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in documents]
    for ids, text in zip(encoded, documents, strict=True):
        if tokenizer.decode(ids) != text:
            raise ValueError(f"tokenizer does not round-trip the document that starts {text[:60]!r}")
    return [np.array(ids, dtype=np.int64) for ids in encoded]


@dataclass(frozen=True)
class TrainData:
    """The training tokens on the device: one stream with `<s>` before each document."""

    stream: Tensor
    line_starts: Tensor

    def batch(self, windows: int, context: int) -> tuple[Tensor, Tensor]:
        """Return random windows, half of them from the start of a line, and their targets."""
        device = self.stream.device
        pick = torch.randint(len(self.line_starts), (windows,), device=device)
        free = torch.randint(1, len(self.stream) - context, (windows,), device=device)
        starts = torch.where(torch.arange(windows, device=device) % 2 == 0, self.line_starts[pick], free)
        targets = self.stream[starts[:, None] + torch.arange(context, device=device)]
        inputs = torch.cat([torch.full_like(targets[:, :1], BOS), targets[:, :-1]], dim=1)
        # A document may end inside the window; its successor's `<s>` is not for the model to predict.
        return inputs, targets.masked_fill(targets == BOS, IGNORED)


def make_train_data(documents: list[Ids], tokenizer: Tokenizer, context: int, device: torch.device) -> TrainData:
    """Return the token stream and the positions right after a line end or a `<s>`."""
    stream = np.concatenate([np.append(BOS, ids) for ids in documents])
    ends_line = np.array([tokenizer.decode([i]).endswith("\n") for i in range(tokenizer.get_vocab_size())])
    ends_line[BOS] = True
    starts = np.flatnonzero(ends_line[stream]) + 1
    starts = starts[starts < len(stream) - context]
    return TrainData(torch.from_numpy(stream).to(device), torch.from_numpy(starts).to(device))


def heldout_windows(documents: list[Ids], context: int) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of the held-out protocol, padded to equal length with ignored targets."""
    chunks = [ids[at : at + context - 1] for ids in documents for at in range(0, len(ids), context - 1)]
    inputs = np.full((len(chunks), context - 1), EOS, dtype=np.int64)
    targets = np.full_like(inputs, IGNORED)
    for row, chunk in enumerate(chunks):
        inputs[row, : len(chunk)] = np.append(BOS, chunk[:-1])
        targets[row, : len(chunk)] = chunk
    return torch.from_numpy(inputs), torch.from_numpy(targets)
