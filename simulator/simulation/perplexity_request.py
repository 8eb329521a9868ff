"""A request for one perplexity: the command line fills it, `run_perplexity` carries it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simulator.errors import SpikewattError
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.perplexity import perplexity
from simulator.model.prediction import Perplexity
from simulator.model.preset import Preset
from simulator.model.protocol import protocol_for
from simulator.simulation.answer import Answer
from simulator.simulation.preset_choice import PresetChoice
from simulator.text_files import read_text


@dataclass(frozen=True)
class PerplexityRequest:
    """What is predicted by which model, and by which protocol.

    Attributes
    ----------
    model
        Hugging Face folder, GGUF file, or hub id in the local cache.
    text
        File of the text that is predicted.
    preset
        The spiking model; the float one where neither a preset nor a code is named.
    max_tokens
        Tokens of the text in all; None: the whole text.
    options
        Token in front of the text and keys of ``config.json`` to ignore.
    protocol, window, stride
        See `simulator.model.protocol`.
    compare
        Also the float model: divergence from it, and agreement of the most likely tokens.
    """

    model: Path
    text: Path
    preset: PresetChoice = field(default_factory=PresetChoice)
    max_tokens: int | None = None
    options: ModelOptions = AS_STATED
    protocol: str = "passages"
    window: int | None = None
    stride: int | None = None
    compare: bool = False


@dataclass(frozen=True)
class Predicted:
    """A perplexity, and the preset of the model; None for the float one."""

    request: PerplexityRequest
    found: Perplexity
    preset: Preset | None

    @property
    def mode(self) -> str:
        """The model in words: float, or preset, timesteps, attention and cache."""
        if self.preset is None:
            return "float"
        choice = self.request.preset
        words = [f"{self.preset.name}, T={self.preset.encoding.n_timesteps}"]
        words += [] if choice.attention is None else [f"{choice.attention} attention"]
        words += [] if choice.kv_bits is None else [f"{choice.kv_bits}-bit KV cache"]
        return ", ".join(words)

    def answer(self) -> Answer:
        """The result in words, and what a reader should know of it."""
        return Answer(tuple(self._lines()), {"mode": self.mode, **self.found.as_json()}, tuple(self._warnings()))

    def _lines(self) -> Iterator[str]:
        found = self.found
        yield (
            f"perplexity {found.perplexity:.3f} ({self.mode}), {found.nats_per_token:.4f} nats per token,"
            f" {found.bits_per_byte:.4f} bits per byte, {found.n_tokens} tokens predicted"
        )
        compared = "" if found.comparison is None else f"; of the float model at {100 * found.float_accuracy:.1f} %"
        yield f"cloze accuracy: the most likely token is the right one at {100 * found.accuracy:.1f} %{compared}"
        if found.comparison is not None:
            yield (
                f"float {found.float_perplexity:.3f}; KL divergence {found.divergence_per_token:.4f} nats per token;"
                f" the same most likely token at {100 * found.agreement:.1f} % of the tokens"
            )
        stated = found.protocol
        yield (
            f"protocol {stated['name']}: window {stated['window']}, stride {stated['stride']}, BOS {stated['bos']},"
            f" {stated['level']} level; tokenizer sha256 {str(stated['tokenizer_sha256'])[:16]}"
        )

    def _warnings(self) -> Iterator[str]:
        if self.found.n_beyond:
            yield (
                f"{self.found.n_beyond} tokens are not used: their passages are longer than the context"
                " (--window passes them in several windows)"
            )
        yield from self.found.warnings


def run_perplexity(request: PerplexityRequest) -> Predicted:
    """Check the request and predict the text.

    Raises
    ------
    SpikewattError
        When options contradict each other, or the model or the text cannot be used.
    """
    choice = request.preset
    if choice.is_float and not (choice.attention is None and choice.kv_bits is None):
        raise SpikewattError("--attention and --kv-bits need a spiking model: add --encoding or --preset")
    if choice.is_float and request.compare:
        raise SpikewattError("--compare compares with the float model: add --encoding or --preset")
    preset = None if choice.is_float else choice.chosen()
    found = perplexity(
        request.model,
        read_text(request.text),
        preset,
        request.max_tokens,
        options=request.options,
        protocol=protocol_for(request.protocol, request.window, request.stride),
        compare=request.compare,
    )
    return Predicted(request, found, preset)
