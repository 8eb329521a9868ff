"""Commands of the language model: capture, quality, calibration, traces without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from simulator.cli.app import MODELS, app
from simulator.cli.options import (
    DEFAULT_TRACE,
    MODEL,
    AsJson,
    AttentionMode,
    Bos,
    EncodingName,
    IgnoredKeys,
    KvBits,
    MaxTokens,
    Model,
    OfCode,
    PresetName,
    Quiet,
    Text,
    Timesteps,
    TimestepsOf,
    given,
)
from simulator.cli.output import print_answer, print_lines
from simulator.trace.codes import Code


@app.command(rich_help_panel=MODELS)
def capture(
    called: typer.Context,
    out: Annotated[Path, typer.Option(help="trace file to write (.npz)")],
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    prefill: Annotated[Path | None, typer.Option(help="text file with one prompt, instead of --text")] = None,
    decode: Annotated[int | None, typer.Option(min=1, help="tokens to generate after --prefill")] = None,
    temperature: Annotated[float, typer.Option(min=0, help="sampling temperature for --decode (0 = greedy)")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="random seed for sampling")] = 0,
    preset: PresetName = None,
    encoding: OfCode = None,
    timesteps: TimestepsOf = None,
    attention: AttentionMode = None,
    kv_bits: KvBits = None,
    tokens: MaxTokens = None,
    bos: Bos = None,
    ignore_config_keys: IgnoredKeys = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a text through the spike-driven model, generate more tokens if asked, and save the spikes as a trace."""
    from simulator.model.model_options import parse_options
    from simulator.simulation.capture_request import CaptureRequest, run_capture
    from simulator.simulation.preset_choice import PresetChoice

    request = CaptureRequest(
        model=model,
        text=text,
        out=out,
        prefill=prefill,
        decode=decode,
        temperature=temperature,
        seed=seed,
        preset=PresetChoice(preset, encoding, timesteps, attention, kv_bits),
        max_tokens=tokens,
        options=parse_options(bos, ignore_config_keys),
        given=given(called),
    )
    print_answer(run_capture(request).answer(), as_json=as_json, quiet=quiet)


@app.command(rich_help_panel=MODELS)
def perplexity(
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    preset: PresetName = None,
    encoding: Annotated[Code | None, typer.Option(help="spike code; float without this and without a preset")] = None,
    timesteps: TimestepsOf = None,
    attention: AttentionMode = None,
    kv_bits: KvBits = None,
    tokens: MaxTokens = None,
    bos: Bos = None,
    ignore_config_keys: IgnoredKeys = None,
    protocol: Annotated[
        str, typer.Option(help="passages, or wikitext2-2048 as in papers, for the raw test set of WikiText-2")
    ] = "passages",
    window: Annotated[
        int | None, typer.Option(min=2, help="tokens of one pass; longer passages take several windows")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(min=1, help="tokens from one window to the next; default: the window")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="also run the float model: KL divergence from it, agreement of top-1 tokens"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute the perplexity of a model on a text, float or spiking, by a stated protocol."""
    from simulator.model.model_options import parse_options
    from simulator.simulation.perplexity_request import PerplexityRequest, run_perplexity
    from simulator.simulation.preset_choice import PresetChoice

    request = PerplexityRequest(
        model=model,
        text=text,
        preset=PresetChoice(preset, encoding, timesteps, attention, kv_bits),
        max_tokens=tokens,
        options=parse_options(bos, ignore_config_keys),
        protocol=protocol,
        window=window,
        stride=stride,
        compare=compare,
    )
    print_answer(run_perplexity(request).answer(), as_json=as_json)


@app.command(rich_help_panel=MODELS)
def calibrate(
    out: Annotated[Path, typer.Option(help="preset file to write (.yaml)")],
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    target: Annotated[
        float | None, typer.Option(min=0, help="search: allowed loss of perplexity compared with INT8, in percent")
    ] = None,
    objective: Annotated[
        Literal["spikes", "energy"],
        typer.Option(
            help="energy: compare timesteps, steps and codes on --chip, and take the least energy in --target"
        ),
    ] = "spikes",
    chip: Annotated[
        str | None, typer.Option(help="chip of --objective energy, name or path (default sdllm-asic-45nm)")
    ] = None,
    preset: Annotated[str, typer.Option(help="where the calibration starts")] = "sdllm",
    timesteps: TimestepsOf = None,
    tokens: Annotated[
        int | None,
        typer.Option(min=2, help="use at most this many tokens of the text (default 8192; for a search 1000)"),
    ] = None,
    bos: Bos = None,
    ignore_config_keys: IgnoredKeys = None,
    quiet: Quiet = False,
) -> None:
    """Tune a preset on a text: measure its channel scales, or with --target find the fewest spikes within a loss."""
    from simulator.model.model_options import parse_options
    from simulator.report.progress import ProgressLine
    from simulator.simulation.calibration_request import CalibrationRequest, run_calibration
    from simulator.simulation.preset_choice import PresetChoice

    if chip is not None and objective != "energy":
        raise typer.BadParameter("a chip is used by --objective energy alone", param_hint="--chip")
    request = CalibrationRequest(
        out=out,
        model=model,
        text=text,
        target=target,
        preset=PresetChoice(preset, timesteps=timesteps),
        max_tokens=tokens,
        options=parse_options(bos, ignore_config_keys),
    )
    with ProgressLine(quiet=quiet) as progress:
        if objective == "energy":
            from simulator.sweep.front_request import FrontRequest, run_front

            found = run_front(FrontRequest(request, chip or "sdllm-asic-45nm"), progress)
        else:
            found = run_calibration(request, progress)
    print_answer(found)


@app.command(rich_help_panel=MODELS)
def synthesize(
    called: typer.Context,
    out: Annotated[Path, typer.Option(help="trace file to write (.npz)")],
    pattern: Annotated[Literal["silent", "single", "full", "poisson"], typer.Argument()] = "poisson",
    sizes: Annotated[str, typer.Option(help="widths of a chain of layers, such as 64,32,16")] = "64,32,16",
    encoding: EncodingName = "ternary",
    timesteps: Timesteps = 7,
    tokens: Annotated[int, typer.Option(min=1)] = 4,
    mean_count: Annotated[float, typer.Option(min=0, help="mean spike count of the poisson pattern")] = 1.0,
    shape: Annotated[
        str | None, typer.Option(help="model shape instead of a pattern: llama-2-7b, or path of a config.json")
    ] = None,
    like: Annotated[str, typer.Option(help="captured trace that gives the statistics of the counts (with --shape)")] = (
        DEFAULT_TRACE
    ),
    phase: Annotated[
        Literal["prefill", "decode"] | None, typer.Option(help="phase of the synthetic tokens (with --shape)")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=0, help="tokens before the first one (with --shape); default: as captured")
    ] = None,
    ignore_config_keys: IgnoredKeys = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write a synthetic trace: a pattern through a chain of layers, or the shape of a model with drawn spikes."""
    from simulator.model.model_options import parse_options
    from simulator.simulation.synthesis_request import SynthesisRequest, run_synthesis

    request = SynthesisRequest(
        out=out,
        pattern=pattern,
        sizes=sizes,
        encoding=encoding,
        timesteps=timesteps,
        mean_count=mean_count,
        shape=shape,
        like=like,
        phase=phase,
        context=context,
        tokens=tokens,
        seed=seed,
        options=parse_options(None, ignore_config_keys),
        given=given(called),
    )
    print_lines(run_synthesis(request))
