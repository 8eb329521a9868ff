"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.shipped import sample_model
from simulator.trace.codes import Code

MODEL = sample_model()
DEFAULT_TRACE = "shakespeare-ternary-T15"

ChipName = Annotated[str, typer.Option("--chip", help="shipped chip name, or path of a chip file")]
TraceName = Annotated[str, typer.Option("--trace", help="shipped trace name, or path of a trace file")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help='override, e.g. core.sram.capacity="256 KiB"')]
Batch = Annotated[
    int | None, typer.Option("--batch", min=1, help="texts that generate tokens together (overrides schedule.batch)")
]
Model = Annotated[
    Path, typer.Option("--model", help="Hugging Face folder, GGUF file, or hub id in the local cache (owner/name)")
]
Bos = Annotated[
    str | None,
    typer.Option("--bos", metavar="none|ID", help="token before each passage; default: the model's own"),
]
IgnoredKeys = Annotated[
    list[str] | None,
    typer.Option("--ignore-config-keys", metavar="KEY,..", help="unknown keys of config.json that change no result"),
]
Text = Annotated[Path, typer.Option("--text", help="text file; a line <|endoftext|> separates passages")]
MaxTokens = Annotated[int | None, typer.Option("--tokens", min=2, help="use at most this many tokens of the text")]
EncodingName = Annotated[Code, typer.Option("--encoding")]
AttentionMode = Annotated[
    str | None,
    typer.Option(
        "--attention", help="dense, spiking, or any of q, k, v, p: the operands that spike (default: from the preset)"
    ),
]
PresetName = Annotated[str | None, typer.Option("--preset", help="shipped preset name, or path of a preset file")]
OfCode = Annotated[Code | None, typer.Option("--encoding", help="spike code with absmax thresholds; default ternary")]
TimestepsOf = Annotated[
    int | None,
    typer.Option("--timesteps", "-T", min=1, help="timesteps of a spike train; default: 15, or the preset's"),
]
KvBits = Annotated[
    int | None,
    typer.Option(
        "--kv-bits", help="bits of the KV cache: 16 (floats), 8 or 4; default: 16, or 8 for spiking attention"
    ),
]
Timesteps = Annotated[int, typer.Option("--timesteps", "-T", min=1, help="timesteps of one spike train")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="short output, no progress bar")]
AsJson = Annotated[bool, typer.Option("--json", help="print results as JSON")]


def given(called: typer.Context) -> frozenset[str]:
    """Names of the options that stand on the command line."""
    sources = {name: called.get_parameter_source(name) for name in called.params}
    return frozenset(name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE")
