"""Prefill and decode: a prompt in one pass, then one token after another, each the choice of the pass before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelError
from simulator.model.llama_config import LlamaConfig
from simulator.model.perplexity import score_logits
from simulator.model.prediction import Perplexity
from simulator.model.tokenizer import Passage

# token_ids [n], which follow all that were passed before -> logits [n, V].
Pass = Callable[[NDArray[np.int64]], NDArray[np.float32]]


@dataclass(frozen=True)
class Decode:
    """How many tokens are generated, and how each is chosen from the logits.

    Attributes
    ----------
    n_tokens
        Tokens that are generated and passed, one by one; what the last of them predicts is not used.
    temperature
        0 takes the most likely token; else one is drawn from ``softmax(logits / temperature)``.
    seed
        Of the draws.
    """

    n_tokens: int
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_tokens < 1:
            raise ModelError(f"decode {self.n_tokens} tokens, expected at least 1")
        if not 0 <= self.temperature < float("inf"):
            raise ModelError(f"temperature {self.temperature}, expected a number from 0 (the most likely token)")
        if self.seed < 0:
            raise ModelError(f"seed {self.seed}, expected 0 or more")

    def check(self, n_prompt: int, config: LlamaConfig) -> None:
        """Raise ModelError when the model's context cannot hold a prompt of so many tokens and what is generated."""
        needed, limit = n_prompt + self.n_tokens, config.max_position_embeddings
        if needed > limit:
            raise ModelError(
                f"a prompt of {n_prompt} tokens and {self.n_tokens} to generate need a context of {needed}, the model"
                f" holds {limit} ({needed - limit} over); pass fewer tokens of the prompt or generate fewer"
            )


def generate(prompt: Passage, decode: Decode, passed: Pass) -> tuple[Perplexity, NDArray[np.int64]]:
    """Pass the prompt, then generate; returns the perplexity of the prompt and the generated ids [n_tokens].

    Raises
    ------
    ModelError
        When a logit overflows.
    """
    generator = np.random.Generator(np.random.PCG64(decode.seed))
    logits = passed(prompt.token_ids)
    quality = score_logits(logits, prompt, 1)
    generated: list[int] = []
    for _ in range(decode.n_tokens):
        generated.append(choose(logits[-1], decode.temperature, generator))
        logits = passed(np.array(generated[-1:], dtype=np.int64))
        if not np.isfinite(logits).all():
            raise ModelError(f"generated token {len(generated)}: the logits hold NaN or infinity, expected finite ones")
    return quality, np.array(generated, dtype=np.int64)


def choose(logits: NDArray[np.float32], temperature: float, generator: np.random.Generator) -> int:
    """The most likely token (the lowest of several) at temperature 0; otherwise a draw, the same for a seed."""
    if temperature == 0:
        return int(logits.argmax())
    wide = logits.astype(np.float64) / temperature
    shares = np.exp(wide - wide.max()).cumsum()
    return int(np.searchsorted(shares, generator.random() * shares[-1], side="right"))
