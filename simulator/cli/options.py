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


def given(called: typer.Context) -> frozenset[str]:
    """Names of the options that stand on the command line."""
    sources = {name: called.get_parameter_source(name) for name in called.params}
    return frozenset(name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE")
