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
    chosen_preset,
    refuse_options,
    with_attention,
    write_trace,
)
from simulator.cli.output import json_rows, print_json, print_table
from simulator.errors import SpikewattError
from simulator.trace.codes import Code

# Tokens of a calibration: the moments need many, a search passes its tokens over and over.
SCALE_TOKENS, SEARCH_TOKENS = 8192, 1000


@app.command(rich_help_panel=MODELS)
def capture(
    called: typer.Context,
    out: Annotated[Path, typer.Option(help="trace file to write (.npz)")],
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    prefill: Annotated[Path | None, typer.Option(help="text file that is one prompt, in place of --text")] = None,
    decode: Annotated[int | None, typer.Option(min=1, help="tokens to generate after --prefill")] = None,
    temperature: Annotated[float, typer.Option(min=0, help="of --decode; 0 takes the most likely token")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="of the draws of --temperature")] = 0,
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
    """Pass a text through the spike-driven model, generate on, and keep the spikes as a trace."""
    from simulator.model.capture import capture as run_capture
    from simulator.model.generation import Decode
    from simulator.model.model_options import parse_options
    from simulator.outputs.output_file import TRACE, check_writable_file
    from simulator.text_files import read_text

    check_writable_file(out, TRACE, inputs=(text, prefill))
    if (prefill is None) != (decode is None):
        raise SpikewattError("found one of --prefill and --decode, expected both or neither")
    if prefill is None:
        refuse_options(called, "without --decode", "temperature", "seed")
    else:
        refuse_options(called, "with --prefill", "text")
    chosen = with_attention(chosen_preset(preset, encoding, timesteps), attention, kv_bits)
    trace, found = run_capture(
        model,
        read_text(prefill or text),
        chosen,
        tokens,
        out.stem,
        decode=None if decode is None else Decode(decode, temperature, seed),
        options=parse_options(bos, ignore_config_keys),
    )
    write_trace(trace, out)
    summary = {
        "trace": str(out),
        "tokens": found.n_tokens,
        "tokens_per_s": found.tokens_per_s,
        "perplexity_float": found.float_perplexity.perplexity,
        "perplexity_spiking": found.spiking_perplexity.perplexity,
        "generated": found.generated,
        "warnings": list(found.warnings),
    }
    if as_json:
        print_json(summary | {"activity": json_rows(found.activity)})
        return
    typer.echo(
        f"{out}: {found.n_tokens} tokens at {found.tokens_per_s:.0f} tokens/s;"
        f" perplexity {found.float_perplexity.perplexity:.3f} float,"
        f" {found.spiking_perplexity.perplexity:.3f} spiking ({chosen.name}, T={chosen.encoding.n_timesteps})"
    )
    if found.generated:
        typer.echo(f"generated {decode} tokens: {found.generated!r}")
    if not quiet:
        columns = ["kind", "spikes_per_activation", "firing_rate", "zero_share", "max_count"]
        print_table(found.activity[columns], "spikes by the type of the layers that they drive")
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")


@app.command(rich_help_panel=MODELS)
def perplexity(
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    preset: PresetName = None,
    encoding: Annotated[Code | None, typer.Option(help="float when neither this nor a preset is given")] = None,
    timesteps: TimestepsOf = None,
    attention: AttentionMode = None,
    kv_bits: KvBits = None,
    tokens: MaxTokens = None,
    bos: Bos = None,
    ignore_config_keys: IgnoredKeys = None,
    protocol: Annotated[
        str, typer.Option(help="passages, or wikitext2-2048: what papers print for the raw test set of WikiText-2")
    ] = "passages",
    window: Annotated[
        int | None, typer.Option(min=2, help="tokens passed together; longer passages in several windows")
    ] = None,
    stride: Annotated[int | None, typer.Option(min=1, help="tokens from window to window; default the window")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="also the float model: KL divergence from it, agreement of top-1 tokens")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Perplexity of a model on a text, float or spiking, by a stated protocol."""
    from simulator.model.model_options import parse_options
    from simulator.model.perplexity import perplexity as run_perplexity
    from simulator.model.protocol import protocol_for
    from simulator.text_files import read_text

    chosen = None if preset is None and encoding is None else chosen_preset(preset, encoding, timesteps)
    if chosen is not None:
        chosen = with_attention(chosen, attention, kv_bits)
    elif attention is not None or kv_bits is not None:
        raise SpikewattError("the float model has dense attention on floats, expected --encoding or --preset as well")
    if compare and chosen is None:
        raise SpikewattError("--compare: the float model is the reference, expected --encoding or --preset as well")
    found = run_perplexity(
        model,
        read_text(text),
        chosen,
        tokens,
        options=parse_options(bos, ignore_config_keys),
        protocol=protocol_for(protocol, window, stride),
        compare=compare,
    )
    mode = "float" if chosen is None else f"{chosen.name}, T={chosen.encoding.n_timesteps}"
    mode += f", {attention} attention" if attention is not None else ""
    mode += f", {kv_bits}-bit KV cache" if kv_bits is not None else ""
    if as_json:
        print_json({"mode": mode, **found.as_json()})
        return
    typer.echo(
        f"perplexity {found.perplexity:.3f} ({mode}), {found.nats_per_token:.4f} nats per token,"
        f" {found.bits_per_byte:.4f} bits per byte, {found.n_tokens} tokens predicted"
    )
    if found.comparison is not None:
        typer.echo(
            f"float {found.float_perplexity:.3f}; KL divergence {found.divergence_per_token:.4f} nats per token;"
            f" the same most likely token at {100 * found.agreement:.1f} % of the tokens"
        )
    if found.n_beyond:
        typer.echo(
            f"warning: {found.n_beyond} tokens were left out: their passages are longer than the context"
            " (--window passes them in several windows)"
        )
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
    stated = found.protocol
    typer.echo(
        f"protocol {stated['name']}: window {stated['window']}, stride {stated['stride']}, BOS {stated['bos']},"
        f" {stated['level']} level; tokenizer sha256 {str(stated['tokenizer_sha256'])[:16]}"
    )


@app.command(rich_help_panel=MODELS)
def calibrate(
    out: Annotated[Path, typer.Option(help="preset file to write (.yaml)")],
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    target: Annotated[
        float | None, typer.Option(min=0, help="search: allowed loss of perplexity against INT8, in percent")
    ] = None,
    preset: Annotated[str, typer.Option(help="where the calibration starts")] = "sdllm",
    timesteps: TimestepsOf = None,
    tokens: Annotated[
        int | None, typer.Option(min=2, help="pass at most so many tokens (default 8192; of a search 1000)")
    ] = None,
    bos: Bos = None,
    ignore_config_keys: IgnoredKeys = None,
    quiet: Quiet = False,
) -> None:
    """Measure the channel scales of a preset on a text; with --target search for a quality at the fewest spikes."""
    import hashlib

    from simulator.model.calibrate import calibrate as run_calibrate
    from simulator.model.calibrate import write_preset
    from simulator.model.calibrate_scales import calibrate_scales, write_calibrated
    from simulator.model.checkpoint import read_checkpoint
    from simulator.model.model_location import locate_model
    from simulator.model.model_options import parse_options
    from simulator.model.tokenizer import Tokenizer, text_warnings, tokenize
    from simulator.outputs.output_file import MOMENTS, PRESET, check_writable_file
    from simulator.text_files import read_text

    check_writable_file(out, PRESET, inputs=(text,))
    if target is None:
        check_writable_file(out.with_suffix(".npz"), MOMENTS, inputs=(text,))
    tokens = tokens or (SCALE_TOKENS if target is None else SEARCH_TOKENS)
    content, checkpoint = read_text(text), read_checkpoint(model, parse_options(bos, ignore_config_keys))
    config = checkpoint.config
    passages = tokenize(Tokenizer(model, config), content, config.max_position_embeddings, tokens)
    base = chosen_preset(preset, None, timesteps)
    say = (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True))
    sha256, name = hashlib.sha256(content.encode()).hexdigest(), locate_model(model).name
    if target is None:
        scales = calibrate_scales(checkpoint, passages, base, say)
        moments = write_calibrated(scales, out, base, name, sha256)
        typer.echo(
            f"{out}, {moments}: perplexity {scales.after.perplexity:.3f} on {scales.after.quality.n_tokens} held-out"
            f" tokens, {base.name} {scales.before.perplexity:.3f}, float {scales.float_perplexity:.3f};"
            f" {scales.after.tally.spikes_per_activation:.3f} spikes per activation"
        )
        for warning in (*config.warnings, *text_warnings(passages)):
            typer.echo(f"warning: {warning}")
        return
    found = run_calibrate(checkpoint, passages, base, target / 100, say)
    write_preset(found, out, name, sha256)
    typer.echo(
        f"{out}: perplexity {found.found.perplexity:.3f}, {100 * found.loss:+.2f} % against INT8;"
        f" {found.found.tally.spikes_per_activation:.3f} spikes per activation, {base.name} has"
        f" {found.base.tally.spikes_per_activation:.3f} at {found.base.perplexity:.3f}; {found.n_tried} settings tried"
    )
    for warning in (*config.warnings, *text_warnings(passages)):
        typer.echo(f"warning: {warning}")


@app.command(rich_help_panel=MODELS)
def synthesize(
    called: typer.Context,
    out: Annotated[Path, typer.Option(help="trace file to write (.npz)")],
    pattern: Annotated[Literal["silent", "single", "full", "poisson"], typer.Argument()] = "poisson",
    sizes: Annotated[str, typer.Option(help="widths of a chain of layers")] = "64,32,16",
    encoding: EncodingName = "ternary",
    timesteps: Timesteps = 7,
    tokens: Annotated[int, typer.Option(min=1)] = 4,
    mean_count: Annotated[float, typer.Option(min=0, help="mean spike count of the poisson pattern")] = 1.0,
    shape: Annotated[
        str | None, typer.Option(help="model instead of a pattern: e.g. llama-2-7b, or path of a config.json")
    ] = None,
    like: Annotated[str, typer.Option(help="captured trace whose statistics the counts of --shape have")] = (
        DEFAULT_TRACE
    ),
    phase: Annotated[Literal["prefill", "decode"] | None, typer.Option(help="of the tokens of --shape")] = None,
    context: Annotated[
        int | None, typer.Option(min=0, help="tokens before the first of --shape; default: as captured")
    ] = None,
    ignore_config_keys: IgnoredKeys = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write a synthetic trace: a pattern through a chain of layers, or a model drawn like a captured trace."""
    from simulator.outputs.names import as_name
    from simulator.outputs.output_file import TRACE, check_writable_file
    from simulator.shipped import find_trace

    check_writable_file(out, TRACE, inputs=(find_trace(like),))
    if shape is not None:
        from simulator.model.model_options import parse_options
        from simulator.model.statistical_trace import statistical_trace
        from simulator.trace.trace_files import load_trace

        refuse_options(called, "with --shape", "pattern", "sizes", "encoding", "timesteps", "mean_count")
        captured = load_trace(like)
        options = parse_options(None, ignore_config_keys)
        trace = statistical_trace(
            shape, captured, tokens, phase=phase, context=context, seed=seed, name=as_name(out.stem), options=options
        )
    else:
        from simulator.model.encoder import encoding_for
        from simulator.trace.synthetic import parse_sizes, synthetic_trace

        refuse_options(called, "without --shape", "like", "phase", "context", "ignore_config_keys")
        code = encoding_for(encoding, timesteps)
        trace = synthetic_trace(
            pattern,
            parse_sizes(sizes),
            code=code.code,
            levels=code.levels,
            tokens=tokens,
            mean_count=mean_count,
            seed=seed,
            name=as_name(out.stem),
        )
    typer.echo(f"{out}: {write_trace(trace, out)}")
