"""The command line: every command is a call of the library, and what it found on stdout."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from simulator.errors import OutputError, SpikewattError, TraceError, did_you_mean

if TYPE_CHECKING:
    from simulator.model.preset import Preset
    from simulator.trace.trace import Trace


class FigureFile(StrEnum):
    """Kinds of figure files that are made on request."""

    png = "png"
    pdf = "pdf"


app = typer.Typer(
    name="spikewatt",
    help="Replay the spikes of a spike-driven LLM on a chip model, and see where the energy and the time go.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ROOT = Path(__file__).resolve().parent.parent
TRACES = ROOT / "traces"
MODEL = TRACES / "model"
DEFAULT_TRACE = "shakespeare-ternary-T15"
INTERRUPTED = 130
SHOWN_CHANGES = 12  # of a comparison on the terminal
SHOWN_POINTS = 40  # of a sweep on the terminal

ChipName = Annotated[str, typer.Option("--chip", help="shipped chip name, or path of a chip file")]
TraceName = Annotated[str, typer.Option("--trace", help="shipped trace name, or path of a trace file")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help='override, e.g. core.sram.capacity="256 KiB"')]
Model = Annotated[Path, typer.Option("--model", help="Hugging Face directory of a LLaMA model")]
Text = Annotated[Path, typer.Option("--text", help="text file; passages between lines <|endoftext|>")]
MaxTokens = Annotated[int | None, typer.Option("--tokens", min=2, help="pass at most so many tokens")]
Code = Literal["ternary", "binary", "bitwise", "bitwise_twos", "graded"]
EncodingName = Annotated[Code, typer.Option("--encoding")]
AttentionMode = Annotated[
    Literal["dense", "spiking"] | None,
    typer.Option("--attention", help="spikes in QK^T and PV, or dense products; default as in the preset"),
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


@app.command()
def simulate(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    encoding: Annotated[Code | None, typer.Option(help="replay the counts under this code")] = None,
    set_: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="report folder; default reports/<chip>/<trace>")] = None,
    dense_twin: Annotated[
        bool, typer.Option(help="simulate the trace on the dense chip of the same node (45 nm for others) as well")
    ] = True,
    noc: Annotated[
        Literal["cycle", "estimate", "ideal"] | None,
        typer.Option(
            help="model of the network, for noc.model of the chip file: flit by flit, closed form, lower bound"
        ),
    ] = None,
    schedule: Annotated[
        Literal["sequential", "pipelined"] | None,
        typer.Option(help="how tokens follow one another, for schedule.kind of the chip file"),
    ] = None,
    chunk: Annotated[
        int | None, typer.Option(min=1, help="tokens of a prompt that pass each stage together, for schedule.chunk")
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(help="model of the trace: check that delivered spikes add up to the sums of its forward pass"),
    ] = None,
    timeline: Annotated[Path | None, typer.Option(help="write a timeline for Perfetto, e.g. timeline.json.gz")] = None,
    memory_limit: Annotated[
        str | None, typer.Option(help='refuse to start where more memory is needed, e.g. "4 GiB"')
    ] = None,
    op_count: Annotated[Literal["fp32", "fp16", "int8"], typer.Option(help="precision of the 45 nm op count")] = "fp32",
    allow_uncosted: Annotated[bool, typer.Option(help="name work without a price instead of refusing it")] = False,
    figures: Annotated[list[FigureFile] | None, typer.Option(help="figures as files of this kind besides SVG")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="tables for a paper as well, in tables/*.tex")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="one row per layer")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a trace on a chip and write a report."""
    from simulator.config import load_chip
    from simulator.config.files import dense_twin_of
    from simulator.outputs import check_writable_file
    from simulator.report.files import check_place, write_report
    from simulator.report.progress import ProgressLine
    from simulator.report.terminal import make_console, print_report
    from simulator.report.timeline import SLICES_MAX, write_timeline
    from simulator.trace.files import load_trace
    from simulator.trace.recode import as_encoding

    options = {"noc.model": noc, "schedule.kind": schedule, "schedule.chunk": chunk}
    overrides = [*(set_ or []), *(f"{path}={value}" for path, value in options.items() if value is not None)]
    chip_config = load_chip(chip, overrides)
    captured = load_trace(find_trace(trace))
    if encoding is not None:
        captured = as_encoding(captured, encoding)
    folder = out if out is not None else Path("reports") / chip_config.name / captured.name
    check_place(folder)
    if timeline is not None:
        check_writable_file(timeline)
    twin = load_chip(dense_twin_of(chip_config)) if dense_twin and chip_config.replay != "dense" else None
    with ProgressLine(quiet=quiet or as_json) as progress:
        progress.say(f"{captured} on {chip_config.name}; the first run on a machine compiles the kernels")
        from simulator.report.export import write_latex
        from simulator.report.html import write_page
        from simulator.report.simulation import simulate as run_simulation

        run = run_simulation(
            chip_config,
            captured,
            dense_chip=twin,
            precision=op_count,
            allow_uncosted=allow_uncosted,
            command=shlex.join(["spikewatt", *sys.argv[1:]]),
            progress=progress,
            memory_limit_bytes=None if memory_limit is None else _size("--memory-limit", memory_limit),
        )
        if timeline is not None and (left_out := write_timeline(run, timeline)):
            progress.say(f"{timeline}: {left_out} slices beyond the first {SLICES_MAX} are left out")
        checked = None
        if verify is not None:
            from simulator.verify import verify as run_verify

            checked = run_verify(captured, chip_config, run.placement, verify)
        progress.say("writing the report")
        pages = [partial(write_page, formats=[kind.value for kind in figures]) if figures else write_page]
        write_report(run, folder, writers=[*pages, write_latex] if latex else pages)
    if as_json:
        typer.echo((folder / "result.json").read_text(), nl=False)
        return
    print_report(run, make_console(), verbose=verbose, quiet=quiet)
    if checked is not None:
        typer.echo(
            f"verified: {checked.n_sums} sums of {checked.n_layers} layers, made of {checked.n_deliveries} delivered"
            " packets, are those of the forward pass"
        )
    typer.echo(f"report: {folder / 'report.html'}")


@app.command()
def report(
    folders: Annotated[list[Path] | None, typer.Argument(help="report folders; default all below reports/")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare finished reports, one line each."""
    from simulator.report.overview import find_reports, overview

    table = overview(folders or find_reports(Path("reports")))
    if as_json:
        _print_json(_json_rows(table))
    else:
        _print_table(table, "reports")


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(help="report folders; each is compared with the first")],
    out: Annotated[Path, typer.Option(help="page to write")] = Path("reports/compare.html"),
) -> None:
    """Say what changed between reports, and what that did to energy and time."""
    from simulator.report.compare import changes, read_reports
    from simulator.report.compare_page import write_comparison
    from simulator.report.terminal import make_console, print_comparison

    first, *others = read_reports(folders)
    for other in others:
        print_comparison(first, other, make_console())
        _print_table(changes(first, other).head(SHOWN_CHANGES), "what was changed (the page has all)")
    typer.echo(f"comparison: {write_comparison([first, *others], out)}")


@app.command()
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
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Pass a text through the spike-driven model, generate on, and keep the spikes as a trace."""
    from simulator.model.capture import capture as run_capture
    from simulator.model.generation import Decode
    from simulator.outputs import check_writable_file

    check_writable_file(out)
    if (prefill is None) != (decode is None):
        raise SpikewattError("found one of --prefill and --decode, wanted both or neither")
    if prefill is None:
        _refuse_options(called, "without --decode", "temperature", "seed")
    else:
        _refuse_options(called, "with --prefill", "text")
    chosen = _with_attention(_chosen_preset(preset, encoding, timesteps), attention, kv_bits)
    trace, found = run_capture(
        model,
        _read_text(prefill or text),
        chosen,
        tokens,
        out.stem,
        decode=None if decode is None else Decode(decode, temperature, seed),
    )
    _save_trace(trace, out)
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
        _print_json(summary | {"activity": _json_rows(found.activity)})
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
        _print_table(found.activity[columns], "spikes by the type of the layers that they drive")
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")


@app.command()
def perplexity(
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    preset: PresetName = None,
    encoding: Annotated[Code | None, typer.Option(help="float when neither this nor a preset is given")] = None,
    timesteps: TimestepsOf = None,
    attention: AttentionMode = None,
    kv_bits: KvBits = None,
    tokens: MaxTokens = None,
    as_json: AsJson = False,
) -> None:
    """Perplexity of a model on a text, float or spiking."""
    from simulator.model.perplexity import perplexity as run_perplexity

    chosen = None if preset is None and encoding is None else _chosen_preset(preset, encoding, timesteps)
    if chosen is not None:
        chosen = _with_attention(chosen, attention, kv_bits)
    elif attention is not None or kv_bits is not None:
        raise SpikewattError("the float model has dense attention on floats, wanted --encoding or --preset as well")
    found = run_perplexity(model, _read_text(text), chosen, tokens)
    mode = "float" if chosen is None else f"{chosen.name}, T={chosen.encoding.n_timesteps}"
    mode += f", {attention} attention" if attention is not None else ""
    mode += f", {kv_bits}-bit KV cache" if kv_bits is not None else ""
    if as_json:
        quality = {"perplexity": found.perplexity, "bits_per_byte": found.bits_per_byte}
        _print_json({"mode": mode, **quality, "tokens_beyond_context": found.n_beyond})
    else:
        typer.echo(
            f"perplexity {found.perplexity:.3f} ({mode}), {found.nats_per_token:.4f} nats per token,"
            f" {found.bits_per_byte:.4f} bits per byte, {found.n_tokens} tokens predicted"
        )
        if found.n_beyond:
            typer.echo(f"warning: {found.n_beyond} tokens were left out: their passages are longer than the context")


@app.command()
def calibrate(
    out: Annotated[Path, typer.Option(help="preset file to write (.yaml)")],
    model: Model = MODEL,
    text: Text = MODEL / "heldout_sample.txt",
    target: Annotated[float, typer.Option(min=0, help="allowed loss of perplexity against INT8, in percent")] = 5.0,
    preset: Annotated[str, typer.Option(help="where the search starts")] = "sdllm",
    timesteps: TimestepsOf = None,
    tokens: Annotated[int, typer.Option(min=2, help="pass at most so many tokens of the text")] = 1000,
    quiet: Quiet = False,
) -> None:
    """Choose gamma, steps, clip and dead zone per type of stream: a quality at the fewest spikes."""
    import hashlib

    from simulator.model.calibrate import calibrate as run_calibrate
    from simulator.model.calibrate import write_preset
    from simulator.model.checkpoint import read_checkpoint
    from simulator.model.tokenizer import Tokenizer, tokenize
    from simulator.outputs import check_writable_file

    check_writable_file(out)
    content, checkpoint = _read_text(text), read_checkpoint(model)
    config = checkpoint.config
    passages = tokenize(Tokenizer(model, config), content, config.max_position_embeddings, tokens)
    base = _chosen_preset(preset, None, timesteps)
    say = (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True))
    found = run_calibrate(checkpoint, passages, base, target / 100, say)
    write_preset(found, out, model.resolve().name, hashlib.sha256(content.encode()).hexdigest())
    typer.echo(
        f"{out}: perplexity {found.found.perplexity:.3f}, {100 * found.loss:+.2f} % against INT8;"
        f" {found.found.tally.spikes_per_activation:.3f} spikes per activation, {base.name} has"
        f" {found.base.tally.spikes_per_activation:.3f} at {found.base.perplexity:.3f}; {found.n_tried} settings tried"
    )


@app.command()
def fit(chip: ChipName = "loihi-like", trace: TraceName = DEFAULT_TRACE, set_: Overrides = None) -> None:
    """Show how a trace fits a chip, without simulating."""
    from simulator.config import load_chip
    from simulator.mapping.fit import fit as run_fit
    from simulator.trace.files import load_trace

    captured = load_trace(find_trace(trace))
    found = run_fit(captured, load_chip(chip, set_ or []))
    _print_table(found.rows, f"{captured.name} on {chip}: the largest block of each owner; util = used / limit")
    chips = "chip" if found.n_chips == 1 else "chips"
    typer.echo(f"{found.cores_used} of {found.cores_total} cores on {found.n_chips} {chips}")


@app.command("map")
def map_(
    chip: ChipName = "loihi-like",
    trace: TraceName = DEFAULT_TRACE,
    set_: Overrides = None,
    compare: Annotated[bool, typer.Option("--compare", help="every strategy with every placement")] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="time with the network flit by flit, not its lower bound")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what the mapping of a trace costs, or compare all ways to map it."""
    from simulator.config import load_chip
    from simulator.report.mappings import compare_mappings, own_mapping
    from simulator.report.progress import ProgressLine
    from simulator.trace.files import load_trace

    captured, chip_config = load_trace(find_trace(trace)), load_chip(chip, set_ or [])
    network: Literal["cycle", "ideal"] = "cycle" if simulate else "ideal"
    with ProgressLine(quiet=quiet or as_json) as progress:
        way = compare_mappings if compare else own_mapping
        table = way(captured, chip_config, network, progress)
    if as_json:
        _print_json(_json_rows(table))
    else:
        time = "simulated time" if simulate else "time at least"
        _print_table(table, f"{captured.name} on {chip_config.name}, whole trace; {time}")


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="sweep file")],
    out: Annotated[Path | None, typer.Option(help="folder of the points; default reports/sweeps/<name>")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes")] = 1,
    shard: Annotated[str, typer.Option(help="i/N: only the i-th of N parts, for job arrays")] = "1/1",
    dask: Annotated[str | None, typer.Option(help="address of a Dask scheduler, in place of local processes")] = None,
    quiet: Quiet = False,
) -> None:
    """Simulate every point of a sweep file; points already there are reused."""
    from simulator.config import load_sweep
    from simulator.report.progress import ProgressLine
    from simulator.sweep.page import save_page
    from simulator.sweep.picture import save_picture
    from simulator.sweep.runner import parse_shard, run_sweep

    config = load_sweep(file)
    folder = out if out is not None else Path("reports") / "sweeps" / config.name
    with ProgressLine(quiet=quiet) as progress:
        found = run_sweep(config, folder, jobs=jobs, progress=progress, shard=parse_shard(shard), dask=dask)
    save_picture(found)
    page = save_page(found, config, f"spikewatt sweep {shlex.quote(str(file))}")
    _print_table(found.summary.head(SHOWN_POINTS), config.summary)
    if len(found.frame) > SHOWN_POINTS:
        typer.echo(f"{len(found.frame) - SHOWN_POINTS} more points are in {folder / 'points.csv'}")
    typer.echo(f"computed {found.computed}, reused {found.reused}, failed {found.failed}: {page}")
    if found.failed:
        raise typer.Exit(1)


@app.command()
def rerun(
    point: Annotated[str, typer.Argument(help="id of a point (or its beginning), or its folder")],
    sweeps: Annotated[Path, typer.Option("--in", help="a sweep folder, or a folder of them")] = Path("reports/sweeps"),
    out: Annotated[Path | None, typer.Option(help="write the whole report of the point to this folder")] = None,
) -> None:
    """Compute one point of a sweep again and compare the bytes; exit code 1 when they differ."""
    from simulator.sweep.rerun import rerun_point

    found = rerun_point(point, sweeps)
    if out is not None:
        from simulator.report.files import write_report
        from simulator.report.html import write_page

        typer.echo(f"report: {write_report(found.run, out, writers=[write_page]) / 'report.html'}")
    if found.same_bytes:
        typer.echo(f"{found.path}: the same bytes")
        return
    why = "" if found.same_code else " (it was computed by another version of the program)"
    typer.echo(f"{found.path}: differs{why}")
    for line in found.differences:
        typer.echo(f"  {line}")
    raise typer.Exit(1)


@app.command()
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
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write a synthetic trace: a pattern through a chain of layers, or a model drawn like a captured trace."""
    from simulator.outputs import check_writable_file

    check_writable_file(out)
    if shape is not None:
        from simulator.model.statistical import statistical_trace
        from simulator.trace.files import load_trace

        _refuse_options(called, "with --shape", "pattern", "sizes", "encoding", "timesteps", "mean_count")
        captured = load_trace(find_trace(like))
        trace = statistical_trace(shape, captured, tokens, phase=phase, context=context, seed=seed, name=out.stem)
    else:
        from simulator.model.encoder import encoding_for
        from simulator.trace.synthetic import parse_sizes, synthetic_trace

        _refuse_options(called, "without --shape", "like", "phase", "context")
        code = encoding_for(encoding, timesteps)
        trace = synthetic_trace(
            pattern,
            parse_sizes(sizes),
            code=code.code,
            levels=code.levels,
            tokens=tokens,
            mean_count=mean_count,
            seed=seed,
            name=out.stem,
        )
    typer.echo(f"{out}: {_save_trace(trace, out)}")


def _refuse_options(called: typer.Context, when: str, *names: str) -> None:
    """Raise SpikewattError when one of these options was given, though it has no meaning here."""
    for name in names:
        source = called.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise SpikewattError(f"{name} has no meaning {when}, leave it out")


@app.command()
def validate(files: Annotated[list[Path], typer.Argument(help="chip files, sweep files and traces")]) -> None:
    """Check files; every problem of every file, one line each."""
    from simulator.validation import validate_file

    failed = False
    for file in files:
        try:
            typer.echo(f"{file}: {validate_file(file)}")
        except SpikewattError as error:
            failed = True
            _print_error(error)
    if failed:
        raise typer.Exit(2)


@app.command()
def chips() -> None:
    """List the shipped chips."""
    from simulator.config import list_chips

    for name, summary in list_chips():
        typer.echo(f"{name:18s} {summary}")


@app.command()
def schema() -> None:
    """Write the JSON schema of chip files to stdout."""
    from simulator.config import chip_schema

    _print_json(chip_schema())


@app.command()
def claims(
    model: Annotated[str | None, typer.Option(help="op count of a shape instead: llama-2-7b, -13b, llama-3-8b")] = None,
    tokens: Annotated[int, typer.Option(min=1, help="length of the prompt")] = 1024,
    batch: Annotated[int, typer.Option(min=1, help="prompts")] = 1,
    causal: Annotated[bool, typer.Option(help="attention over the positions before each token, not over all")] = False,
    head: Annotated[bool, typer.Option(help="count the LM head")] = False,
    spikes: Annotated[float, typer.Option(min=1e-6, help="spikes per multiply-accumulate")] = 1.0,
) -> None:
    """Compare energies that papers print with the same op counts made here."""
    from simulator.energy.claims import SHAPES, claims_table, shape_table

    if model is None:
        _print_table(claims_table(), "published op-count energies, rebuilt from shapes and the 45 nm table")
        return
    if model not in SHAPES:
        raise SpikewattError(f"--model {model}: wanted one of {', '.join(SHAPES)}{did_you_mean(model, SHAPES)}")
    attention, with_head = "causal" if causal else "full", "in" if head else "out"
    table = shape_table(model, tokens, spikes, batch=batch, causal=causal, head=head)
    _print_table(table, f"{model}, {batch} x {tokens} tokens, {attention} attention, head {with_head}")


@app.command(name="export-ert")
def export_ert(
    chip: ChipName = "loihi-like",
    set_: Overrides = None,
    area: Annotated[bool, typer.Option(help="the area reference table (ART) instead")] = False,
) -> None:
    """Write the prices of a chip as an Accelergy energy reference table (ERT) to stdout."""
    from simulator.config import load_chip
    from simulator.energy.accelergy import art_text, ert_text

    table = art_text if area else ert_text
    typer.echo(table(load_chip(chip, set_ or [])), nl=False)


@app.command(name="import-ert")
def import_ert(
    file: Annotated[Path, typer.Argument(help="Accelergy energy reference table (.yaml)")],
    base: Annotated[str, typer.Option(help="chip that the new one extends")] = "sdllm-asic-45nm",
    name: Annotated[str, typer.Option(help="name of the new chip")] = "imported",
) -> None:
    """Write a chip file with the energies of an Accelergy table to stdout."""
    from simulator.energy.accelergy import chip_text_from_ert

    typer.echo(chip_text_from_ert(file, base, name), nl=False)


@app.command()
def breakeven(
    chip: ChipName = "sdllm-asic-45nm",
    trace: TraceName = DEFAULT_TRACE,
    dense: Annotated[str | None, typer.Option(help="chip with replay: dense; default that of the same node")] = None,
    set_: Overrides = None,
    tokens: Annotated[int, typer.Option(min=1, help="prompt tokens simulated per layer")] = 16,
    as_json: AsJson = False,
) -> None:
    """Find the spikes per activation at which each layer costs as much as on the dense twin."""
    from simulator.config import load_chip
    from simulator.config.files import dense_twin_of
    from simulator.energy.breakeven import break_even_lines, break_even_table
    from simulator.trace.files import load_trace

    captured = load_trace(find_trace(trace))
    spiking = load_chip(chip, set_ or [])
    dense = dense_twin_of(spiking) if dense is None else dense
    table = break_even_table(captured, spiking, load_chip(dense), tokens)
    if as_json:
        _print_json([{k: None if v == float("inf") else v for k, v in row.items()} for row in _json_rows(table)])
    else:
        _print_table(table, f"{captured.name}: {chip} against {dense}, each layer alone, energies per token")
        for line in break_even_lines(table):
            typer.echo(line)


@app.command(name="validate-silicon")
def validate_silicon(as_json: AsJson = False) -> None:
    """Replay measurements on real chips whose events are published: measured, simulated, error."""
    from simulator.energy.silicon import run_case, silicon_notes, silicon_table
    from simulator.energy.silicon_cases import silicon_cases

    verdicts = [run_case(case) for case in silicon_cases()]
    if as_json:
        _print_json({"cases": _json_rows(silicon_table(verdicts)), "notes": silicon_notes(verdicts)})
        return
    _print_table(silicon_table(verdicts), "measured on silicon and simulated; nothing is tuned on the case tested")
    for line in silicon_notes(verdicts):
        typer.echo(f"- {line}")


@app.command()
def warmup() -> None:
    """Compile the kernels, so that the next simulation starts at once."""
    from simulator.engine.warmup import warm_up

    typer.echo(f"kernels ready in {warm_up():.1f} s")


def find_trace(name: str) -> Path:
    """Path of a trace file, or of a shipped trace by its name; raises TraceError listing the shipped ones."""
    path = Path(name)
    if path.is_file() or path.suffix or len(path.parts) > 1:  # a folder, e.g. a report, may have a trace's name
        return path
    shipped = {p.stem: p for p in sorted(TRACES.glob("*.npz"))}
    if name not in shipped:
        wanted = f"a file or one of {', '.join(shipped)}" if shipped else "a file"
        raise TraceError(f"{name}: no such trace, wanted {wanted}{did_you_mean(name, shipped)}")
    return shipped[name]


def _chosen_preset(preset: str | None, encoding: str | None, timesteps: int | None) -> Preset:
    """The preset, by its name or file or by a plain encoding, with its own timesteps or these."""
    from simulator.model.encoder import encoding_for
    from simulator.model.preset import as_preset, load_preset

    if preset is None:
        return as_preset(encoding_for(encoding or "ternary", timesteps or 15))
    if encoding is not None:
        raise typer.BadParameter("found --preset and --encoding, wanted one of them")
    loaded = load_preset(preset)
    return loaded if timesteps is None else loaded.with_timesteps(timesteps)


def _with_attention(preset: Preset, attention: Literal["dense", "spiking"] | None, kv_bits: int | None) -> Preset:
    """The preset with its own attention, or with that of the options."""
    from simulator.model.attention_rule import rule_for

    if attention is None and kv_bits is None:
        return preset
    return preset.with_attention(rule_for(preset.attention.rule() if attention is None else attention, kv_bits))


def _size(option: str, text: str) -> int:
    """Bytes of a size such as ``4 GiB``, or one clear line."""
    from simulator.units import parse_quantity

    try:
        return int(parse_quantity(text, "size"))
    except ValueError as error:
        raise SpikewattError(f"{option}: {error}") from error


def _read_text(path: Path) -> str:
    """Content of a text file, or one clear line."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SpikewattError(f"{path}: cannot read the text: {reason}") from error


def _save_trace(trace: Trace, path: Path) -> str:
    """Write a trace, making the folders above it; returns its content hash."""
    from simulator.trace.files import save_trace

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return save_trace(trace, path)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def _print_error(error: SpikewattError) -> None:
    """Every problem on a line of its own."""
    for line in str(error).splitlines():
        print(f"error: {line}", file=sys.stderr)


def _json_rows(frame: Any) -> list[dict[str, object]]:
    """Rows of a table; JSON has no NaN, so a number that is none is null."""
    return [{k: None if v != v else v for k, v in row.items()} for row in frame.to_dict("records")]


def _print_table(frame: Any, title: str) -> None:
    from simulator.report.terminal import make_console, print_frame

    print_frame(frame, title, make_console())


def main() -> NoReturn:
    """Run the program: a fault of the input is one clear line on stderr and exit code 2."""
    # Before numpy loads: two BLAS threads fight over the cores of a small machine and made numpy 20 times slower there.
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a letter must not stop a result
    try:
        app(standalone_mode=True)
    except SpikewattError as error:
        _print_error(error)
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # what typer makes of Ctrl-C
            print("stopped; nothing half-written is left", file=sys.stderr)
        raise
    sys.exit(0)
