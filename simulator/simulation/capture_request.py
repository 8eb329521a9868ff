"""A request for one capture: the command line fills it, `run_capture` carries it out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import SpikewattError
from simulator.model.capture import CaptureReport, capture
from simulator.model.generation import Decode
from simulator.model.model_options import AS_STATED, ModelOptions
from simulator.model.preset import Preset
from simulator.outputs.output_file import TRACE, check_writable_file
from simulator.simulation.answer import Answer, Titled, json_rows
from simulator.simulation.given_options import refuse_together, require_option
from simulator.simulation.preset_choice import PresetChoice
from simulator.text_files import read_text
from simulator.trace.trace_files import write_trace

FEW_TOKENS = 1000  # below: the perplexity of a text varies by several per cent with where it is cut
ACTIVITY_COLUMNS = ["kind", "spikes_per_activation", "firing_rate", "zero_share", "max_count"]


@dataclass(frozen=True)
class CaptureRequest:
    """What is passed through a model, and the trace file that keeps its spikes.

    Attributes
    ----------
    model
        Hugging Face folder, GGUF file, or hub id in the local cache.
    text
        File of the text that is passed.
    out
        Trace file to write.
    prefill, decode
        File that is one prompt, and the tokens to generate after it; both or neither.
    temperature, seed
        Of the generation; 0 takes the most likely token.
    preset
        Encoders, rotation, weights and attention.
    max_tokens
        Tokens of the text in all; None: the whole text.
    options
        Token in front of the text and keys of ``config.json`` to ignore.
    given
        Names of the options that the user gave, to refuse those without meaning.
    """

    model: Path
    text: Path
    out: Path
    prefill: Path | None = None
    decode: int | None = None
    temperature: float = 0.0
    seed: int = 0
    preset: PresetChoice = field(default_factory=PresetChoice)
    max_tokens: int | None = None
    options: ModelOptions = AS_STATED
    given: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Captured:
    """What a capture found, and the preset that it used."""

    request: CaptureRequest
    report: CaptureReport
    preset: Preset

    def answer(self) -> Answer:
        """The result in words, the activity of each layer type, and the command that simulates the trace."""
        activity = Titled(self.report.activity[ACTIVITY_COLUMNS], "spikes per layer type")
        next_line = f"next: spikewatt simulate --trace {shlex.quote(str(self.request.out))}"
        parts: tuple[Titled | str, ...] = (*self._lines(), activity)
        return Answer(parts, self._record(), tuple(self.report.warnings), next_lines=(next_line,))

    def _record(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        found = self.report
        return {
            "trace": str(self.request.out),
            "tokens": found.n_tokens,
            "tokens_per_s": found.tokens_per_s,
            "perplexity_float": found.float_perplexity.perplexity,
            "perplexity_spiking": found.spiking_perplexity.perplexity,
            "generated": found.generated,
            "warnings": list(found.warnings),
            "activity": json_rows(found.activity),
        }

    def _lines(self) -> Iterator[str]:
        """The result in words."""
        found = self.report
        yield (
            f"{self.request.out}: {found.n_tokens} tokens at {found.tokens_per_s:.0f} tokens/s;"
            f" perplexity {found.float_perplexity.perplexity:.3f} float,"
            f" {found.spiking_perplexity.perplexity:.3f} spiking"
            f" ({self.preset.name}, T={self.preset.encoding.n_timesteps})"
        )
        if found.generated:
            yield f"generated {self.request.decode} tokens: {found.generated!r}"
        if found.n_tokens < FEW_TOKENS:
            yield f"{found.n_tokens} tokens are too few to judge the quality of a model: expected {FEW_TOKENS} or more"


def run_capture(request: CaptureRequest) -> Captured:
    """Check the request, pass the text through the model, and write the trace.

    Raises
    ------
    SpikewattError
        When options contradict each other, a file cannot be read or written, or the capture fails.
    """
    check_writable_file(request.out, TRACE, inputs=(request.text, request.prefill, request.model))
    if (request.prefill is None) != (request.decode is None):
        raise SpikewattError("found one of --prefill and --decode, expected both or neither")
    if request.prefill is None:
        require_option(request.given, "decode", ("temperature", "seed"))
    else:
        refuse_together(request.given, "prefill", ("text",))
    preset = request.preset.chosen()
    decode = None if request.decode is None else Decode(request.decode, request.temperature, request.seed)
    trace, report = capture(
        request.model,
        read_text(request.prefill or request.text),
        preset,
        request.max_tokens,
        request.out.stem,
        decode=decode,
        options=request.options,
    )
    write_trace(trace, request.out)
    return Captured(request, report, preset)
