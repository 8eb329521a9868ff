"""How well a text was predicted: perplexity, right tokens, and how far that is from the float model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.errors import ModelError


@dataclass(frozen=True)
class Comparison:
    """How far a model is from the float model on the same tokens.

    Attributes
    ----------
    nats
        Negative log-likelihood of all predicted tokens under the float model.
    divergence_nats
        Kullback-Leibler divergence from the float model, summed over the predicted tokens.
    n_agreeing
        Predicted tokens at which both models have the same most likely token.
    n_right
        Predicted tokens that are the most likely ones of the float model.
    """

    nats: float
    divergence_nats: float
    n_agreeing: int
    n_right: int


@dataclass(frozen=True)
class Perplexity:
    """How well a text was predicted.

    Attributes
    ----------
    nats
        Negative log-likelihood of all predicted tokens together.
    n_tokens
        Predicted tokens: all but the BOS of each passage.
    n_bytes
        UTF-8 bytes of text that they stand for.
    n_right
        Predicted tokens that are the most likely ones of the model.
    n_beyond
        Tokens that were left out because the context of the model ended before their passage did.
    warnings
        What a reader should know: defaults taken, values clipped, a text that the preset was calibrated on.
    comparison
        With the float model, where that was asked for.
    protocol
        How it was measured (`Protocol.stated`).
    """

    nats: float
    n_tokens: int
    n_bytes: int
    n_right: int = 0
    n_beyond: int = 0
    warnings: tuple[str, ...] = ()
    comparison: Comparison | None = None
    protocol: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def nats_per_token(self) -> float:
        """Token-weighted mean over the passages."""
        return self.nats / self.n_tokens

    @property
    def perplexity(self) -> float:
        """The exponential of the mean per token; raises ModelError where that is beyond the largest float."""
        try:
            return math.exp(self.nats_per_token)
        except OverflowError:
            nats = f"{self.nats_per_token:.3g} nats per token"
            raise ModelError(
                f"the perplexity exceeds the largest float ({nats}); the weights are too large, check the checkpoint"
            ) from None

    @property
    def bits_per_byte(self) -> float:
        """Comparable between tokenizers."""
        return self.nats / math.log(2) / self.n_bytes

    @property
    def accuracy(self) -> float:
        """Share of the tokens that are the most likely ones of the model."""
        return self.n_right / self.n_tokens

    @property
    def float_accuracy(self) -> float:
        """The same of the float model; of a comparison only."""
        return self._compared.n_right / self.n_tokens

    @property
    def float_perplexity(self) -> float:
        """That of the float model on the same tokens; of a comparison only."""
        return math.exp(self._compared.nats / self.n_tokens)

    @property
    def divergence_per_token(self) -> float:
        """Kullback-Leibler divergence from the float model, nats per predicted token; of a comparison only."""
        return self._compared.divergence_nats / self.n_tokens

    @property
    def agreement(self) -> float:
        """Share of the tokens at which the float model has the same most likely token; of a comparison only."""
        return self._compared.n_agreeing / self.n_tokens

    @property
    def _compared(self) -> Comparison:
        if self.comparison is None:
            raise ValueError("no comparison with the float model, ask for it with compare=True")
        return self.comparison

    def as_json(self) -> dict[str, object]:
        """The numbers and how they were measured, in JSON types."""
        found: dict[str, object] = {
            "perplexity": self.perplexity,
            "bits_per_byte": self.bits_per_byte,
            "top1_accuracy": self.accuracy,
            "tokens_predicted": self.n_tokens,
            "tokens_beyond_context": self.n_beyond,
        }
        if self.comparison is not None:
            found |= {
                "float_perplexity": self.float_perplexity,
                "kl_to_float_nats_per_token": self.divergence_per_token,
                "top1_agreement": self.agreement,
                "float_top1_accuracy": self.float_accuracy,
            }
        return found | {"protocol": dict(self.protocol), "warnings": list(self.warnings)}
