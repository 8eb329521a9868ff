"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.errors import OutputError, SpikewattError
from simulator.shipped import sample_model
from simulator.trace.codes import Code

if TYPE_CHECKING:
    from simulator.model.preset import Preset
    from simulator.trace.trace import Trace

MODEL = sample_model()
DEFAULT_TRACE = "shakespeare-ternary-T15"

ChipName = Annotated[str, typer.Option("--chip", help="shipped chip name, or path of a chip file")]
TraceName = Annotated[str, typer.Option("--trace", help="shipped trace name, or path of a trace file")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help='override, e.g. core.sram.capacity="256 KiB"')]
Model = Annotated[
    Path, typer.Option("--model", help="Hugging Face folder, GGUF file, or hub id in the local cache (owner/name)")
]
Bos = Annotated[
    str | None,
    typer.Option("--bos", metavar="none|ID", help="token in front of a passage; default: the model's own"),
]
IgnoredKeys = Annotated[
    list[str] | None,
    typer.Option("--ignore-config-keys", metavar="KEY,..", help="unknown keys of config.json that change no result"),
]
Text = Annotated[Path, typer.Option("--text", help="text file; passages between lines <|endoftext|>")]
MaxTokens = Annotated[int | None, typer.Option("--tokens", min=2, help="pass at most so many tokens")]
EncodingName = Annotated[Code, typer.Option("--encoding")]
AttentionMode = Annotated[
    str | None,
    typer.Option("--attention", help="dense, spiking, or what spikes: letters of q, k, v, p; default as in the preset"),
]
PresetName = Annotated[str | None, typer.Option("--preset", help="shipped preset name, or path of a preset file")]
OfCode = Annotated[Code | None, typer.Option("--encoding", help="absmax counts under this code; default ternary")]
TimestepsOf = Annotated[
    int | None, typer.Option("--timesteps", "-T", min=1, help="timesteps of a spike train; default 15, or the preset's")
]
KvBits = Annotated[int | None, typer.Option("--kv-bits", help="KV cache: 16 (floats), 8 or 4; default 16, spiking 8")]
Timesteps = Annotated[int, typer.Option("--timesteps", "-T", min=1, help="timesteps of one spike train")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="results in one line, no progress")]
AsJson = Annotated[bool, typer.Option("--json", help="results as JSON on stdout")]


def chosen_preset(preset: str | None, encoding: str | None, timesteps: int | None) -> Preset:
    """The preset, by its name or file or by a plain encoding, with its own timesteps or these."""
    from simulator.model.encoder import encoding_for
    from simulator.model.preset import as_preset, load_preset

    if preset is None:
        return as_preset(encoding_for(encoding or "ternary", timesteps or 15))
    if encoding is not None:
        raise typer.BadParameter("found --preset and --encoding, expected one of them")
    loaded = load_preset(preset)
    return loaded if timesteps is None else loaded.with_timesteps(timesteps)


def with_attention(preset: Preset, attention: str | None, kv_bits: int | None) -> Preset:
    """The preset with its own attention, or with that of the options."""
    from simulator.model.attention_rule import rule_for

    if attention is None and kv_bits is None:
        return preset
    return preset.with_attention(rule_for(preset.attention.rule() if attention is None else attention, kv_bits))


def refuse_options(called: typer.Context, when: str, *names: str) -> None:
    """Raise SpikewattError when one of these options was given, though it has no meaning here."""
    for name in names:
        source = called.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise SpikewattError(f"{name} has no meaning {when}, leave it out")


def size_bytes(option: str, text: str) -> int:
    """Bytes of a size such as ``4 GiB``, or one clear line."""
    from simulator.units import parse_quantity

    try:
        return int(parse_quantity(text, "size"))
    except ValueError as error:
        raise SpikewattError(f"{option}: {error}") from error


def write_trace(trace: Trace, path: Path) -> str:
    """Write a trace, making the folders above it; returns its content hash."""
    from simulator.trace.trace_files import save_trace

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return save_trace(trace, path)
