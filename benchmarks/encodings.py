"""Every encoding on a model and a text: perplexity, spikes, zeros, and the energy on a chip.

    python benchmarks/encodings.py --model DIR --text FILE [--stories N] [--windows 8] [--json] [--figure PNG]

    python benchmarks/encodings.py --real --model SmolLM2-135M.gguf --text wikitext2_test.txt --bytes 60000
                                                     the targets on a real model, without energy

Passages of the text stand between lines ``<|endoftext|>``; ``--stories`` takes the first N. Several ``--model`` and
``--text`` make several tables, and a row each in the figure. Spiking rows take INT8 weights. The energy is that of
``--windows`` windows of ``--energy-tokens`` tokens, evenly spaced over the text and replayed on ``--chip``: their mean,
and their standard deviation; dense rows (graded packets) multiply there. The windows are the same in every
row, so the differences between rows are far better known than each figure.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import simulator as sw
from simulator.model.checkpoint import Checkpoint, read_checkpoint
from simulator.model.encoder import encoding_for
from simulator.model.evaluate import Evaluation, evaluate, float_quality
from simulator.model.preset import EncoderFields, Preset, WeightFields, as_preset, load_preset
from simulator.model.program import build_program
from simulator.model.recorder import Recorder
from simulator.model.tokenizer import Passage, Tokenizer, tokenize
from simulator.sweep.pareto import pareto_mask

GAMMAS = (1.0, 0.998, 0.995, 0.99, 0.98, 0.96)
CLIPPED = {"threshold": "quantile", "gamma": 0.98}


def rows() -> dict[str, Preset]:
    """Name of a row -> its preset, in the order of the table."""
    table = {name: load_preset(name) for name in ("int8", "int4", "int4-group")}
    for levels in (14, 15, 30):
        table[f"unidirectional T={levels}"] = load_preset("unidirectional").with_timesteps(levels)
    for levels in (3, 4, 7, 15):
        plain = as_preset(encoding_for("ternary", levels))
        rotated = load_preset("sdllm").with_timesteps(levels)
        table[f"ternary T={levels} absmax"] = plain
        table[f"ternary T={levels} clip"] = plain.model_copy(update={"encoder": EncoderFields(**CLIPPED)})
        table[f"ternary T={levels} rotation (sdllm)"] = rotated
        table[f"ternary T={levels} rotation, clip"] = rotated.model_copy(update={"encoder": EncoderFields(**CLIPPED)})
    table["ternary T=7 (sdllm-7)"] = load_preset("sdllm-7")
    for timesteps in (3, 4):
        table[f"bitwise T={timesteps} absmax"] = as_preset(encoding_for("bitwise", timesteps))
        table[f"bitwise T={timesteps} rotation (sdllm-bitwise)"] = load_preset("sdllm-bitwise").with_timesteps(
            timesteps
        )
    table["bitwise_twos T=5 absmax"] = as_preset(encoding_for("bitwise_twos", 5))
    table["spikingbrain"] = load_preset("spikingbrain")
    return table


def sdllm_grid() -> dict[str, Preset]:
    """`sdllm` with and without a rotation under each quantile: what its settings are chosen from."""
    table = {"int8": load_preset("int8")}
    for timesteps in (15, 7):
        base = load_preset("sdllm").with_timesteps(timesteps)
        for rotation in ("none", "hadamard"):
            for gamma in GAMMAS:
                fields = {"rotation": rotation, "encoder": EncoderFields(threshold="quantile", gamma=gamma)}
                table[f"ternary T={timesteps} rotation {rotation} gamma {gamma:g}"] = base.model_copy(update=fields)
    return table


# Row of the targets -> preset, largest perplexity over that of the float model, most spikes per activation.
INT4 = WeightFields(bits=4, group=64, rounding="gptq", head_bits=8)  # as the shipped presets of INT4 weights
TARGETS: dict[str, tuple[Preset, float | None, float | None]] = {
    "int8": (load_preset("int8"), None, None),
    "sdllm": (load_preset("sdllm"), 1.035, 4.2),
    "sdllm-7": (load_preset("sdllm-7"), 1.14, 2.2),
    "sdllm-4": (load_preset("sdllm-4"), 1.45, None),
    "sdllm-7-mixed": (load_preset("sdllm-7-mixed"), 1.14, 2.2),
    "sdllm-4-mixed": (load_preset("sdllm-4-mixed"), 1.45, None),
    "sdllm-7, INT4 per 64 inputs": (load_preset("sdllm-7").model_copy(update={"weights": INT4}), 1.30, None),
    "sdllm-attention": (load_preset("sdllm-attention"), 1.10, None),
    "sdllm-paper": (load_preset("sdllm-paper"), None, None),
}


def print_targets(folder: Path, text: str, only: list[str], rounding_text: Path | None) -> None:
    """Each preset of the targets on a text, compared with the float model; a line as soon as it is known.

    Weights that are rounded by GPTQ know the ``rounding_text``, or a short shipped one.
    """
    checkpoint = read_checkpoint(folder)
    passages = tokenize(Tokenizer(folder, checkpoint.config), text, checkpoint.config.max_position_embeddings, None)
    print("preset: perplexity, over float (target), spikes (target), KL, same top token, cloze accuracy (float)")
    for name, (preset, most, spikes) in TARGETS.items():
        if only and name not in only:
            continue
        if rounding_text is not None and preset.weights.rounding == "gptq":
            fields = {"text": str(rounding_text)}
            preset = preset.model_copy(update={"weights": preset.weights.model_copy(update=fields)})
        found = evaluate(checkpoint, preset, passages, reference=checkpoint)
        quality, per_activation = found.quality, found.tally.spikes_per_activation
        print(
            f"{name}: {found.perplexity:.3f}, {found.perplexity / quality.float_perplexity:.4f}x"
            f" ({most or '-'}), {per_activation:.3f} ({spikes or '-'}), {quality.divergence_per_token:.4f},"
            f" {100 * quality.agreement:.1f} %, {100 * quality.accuracy:.1f} % ({100 * quality.float_accuracy:.1f} %)",
            flush=True,
        )


def energies_uj(
    checkpoint: Checkpoint,
    found: Evaluation,
    recorder: Recorder,
    passages: tuple[Passage, ...],
    options: argparse.Namespace,
) -> list[float]:
    """Energy per token of each window on a chip, in microjoules."""
    lengths = [len(p.token_ids) for p in passages]
    program = build_program(checkpoint.config, found.preset, checkpoint.stored_bits, longest=max(lengths))
    trace, chip = recorder.trace(found.preset.name, program, lengths, {}), sw.load_chip(options.chip)
    n = min(options.energy_tokens, trace.n_tokens)
    starts = np.linspace(0, trace.n_tokens - n, options.windows).astype(int)
    parts = [trace.take(slice(start, start + n)) for start in starts]
    return [float(sw.simulate(chip, part).ledger.total_pj) / n / 1e6 for part in parts]


def measure(folder: Path, text: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for the float model and for each preset."""
    checkpoint = read_checkpoint(folder)
    passages = tokenize(Tokenizer(folder, checkpoint.config), text, checkpoint.config.max_position_embeddings, None)
    table: list[dict[str, Any]] = [{"name": "float", "perplexity": float_quality(checkpoint, passages).perplexity}]
    for name, preset in (sdllm_grid() if options.grid else rows()).items():
        recorder = Recorder(preset.encoding)
        found = evaluate(checkpoint, preset, passages, recorder.record)
        row = {
            "name": name,
            "perplexity": found.perplexity,
            "spikes_per_activation": found.tally.spikes_per_activation,
            "firing_rate": found.tally.firing_rate,
            "zero_share": found.tally.zero_share,
            "clipped_share": found.n_clipped.total() / found.tally.activations.total(),
            "dense": preset.encoding.multiplies,
        }
        if options.energy_tokens:
            energies = energies_uj(checkpoint, found, recorder, passages, options)
            row["uj_per_token"], row["uj_deviation"] = float(np.mean(energies)), float(np.std(energies))
        table.append(row)
        print(f"{folder.name}: {name} {found.perplexity:.3f}", file=sys.stderr)
    spiking = [row for row in table if "dense" in row and not row["dense"]]
    for key in ("spikes_per_activation", "uj_per_token"):
        if all(key in row for row in spiking):
            edge = pareto_mask(np.array([[row["perplexity"], row[key]] for row in spiking]))
            for row, on_edge in zip(spiking, edge, strict=True):
                row[f"edge_{key}"] = bool(on_edge)
    return table


def print_table(folder: Path, table: list[dict[str, Any]]) -> None:
    int8 = next(row["perplexity"] for row in table if row["name"] == "int8")
    print(
        f"\n{folder.name}: perplexity, against INT8, spikes per activation, firing rate, zero share, clipped, uJ/token"
        " and the deviation of its windows"
    )
    for row in table:
        start = f"{row['name']:42s} {row['perplexity']:9.3f} {100 * (row['perplexity'] / int8 - 1):+7.1f} %"
        if "spikes_per_activation" not in row:
            print(start)
            continue
        marks = "".join("*" if row.get(f"edge_{key}") else " " for key in ("spikes_per_activation", "uj_per_token"))
        energy = f"{row['uj_per_token']:9.2f} +-{row['uj_deviation']:5.2f}" if "uj_per_token" in row else ""
        print(
            f"{start} {row['spikes_per_activation']:7.3f} {row['firing_rate']:6.3f} {row['zero_share']:6.3f}"
            f" {row['clipped_share']:7.4f} {energy} {marks}"
        )
    print("* on the lower-left edge of the spiking rows: first by spikes, second by energy")


def draw(tables: dict[str, list[dict[str, Any]]], figure: Path) -> None:
    """Loss of perplexity against spikes per activation, and against energy; the lower-left edge joined by a line."""
    import matplotlib.pyplot as plt

    axes_of = {"spikes_per_activation": "spikes per activation", "uj_per_token": "energy per token (uJ)"}
    fig, panels = plt.subplots(len(tables), 2, figsize=(11, 4.2 * len(tables)), squeeze=False, layout="constrained")
    numbers = {row["name"]: i for i, row in enumerate(next(iter(tables.values()))[1:], 1)}
    for (model, table), line in zip(tables.items(), panels, strict=True):
        exact = table[0]["perplexity"]
        for (key, label), axes in zip(axes_of.items(), line, strict=True):
            shown = [row for row in table if key in row and not row["dense"]]
            points = {r["name"]: (r[key], 100 * (r["perplexity"] / exact - 1)) for r in shown}
            edge = sorted(points[row["name"]] for row in shown if row[f"edge_{key}"])
            axes.plot(*zip(*edge, strict=True), color="#D55E00", lw=1, zorder=1)
            for name, (x, y) in points.items():
                color = "#D55E00" if (x, y) in edge else "#0072B2"
                axes.scatter(x, y, s=20, color=color, label=f"{numbers[name]} {name}", zorder=2)
                axes.annotate(numbers[name], (x, y), fontsize=8, xytext=(3, 3), textcoords="offset points")
            axes.set(title=model, xlabel=label, ylabel="perplexity above float (%)", xscale="log", yscale="log")
            axes.grid(which="both", lw=0.3)
    handles, labels = panels[0][0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, handlelength=0.5, frameon=False)
    fig.savefig(figure, dpi=70)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--text", type=Path, action="append", required=True)
    parser.add_argument("--stories", type=int, default=None, help="passages to take of each text")
    parser.add_argument("--chip", default="sdllm-asic-45nm")
    parser.add_argument("--energy-tokens", type=int, default=24, help="of a window; 0: no energy")
    parser.add_argument("--windows", type=int, default=8, help="windows of the text whose energy is taken")
    parser.add_argument("--grid", action="store_true", help="rotation and gamma of sdllm instead of the table")
    parser.add_argument("--real", action="store_true", help="the targets on a real model instead of the table")
    parser.add_argument("--bytes", type=int, default=60_000, help="of the text, for --real")
    parser.add_argument("--row", action="append", default=[], help="of --real: rows to measure, all when absent")
    parser.add_argument("--rounding-text", type=Path, help="text that GPTQ rounds INT4 weights on, for --real")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if len(options.model) != len(options.text):
        parser.error("expected as many --text as --model")
    if options.real:
        for folder, path in zip(options.model, options.text, strict=True):
            text = path.read_bytes()[: options.bytes].decode("utf-8", errors="ignore")
            print_targets(folder, text, options.row, options.rounding_text)
        return
    tables = {}
    for folder, path in zip(options.model, options.text, strict=True):
        passages = path.read_text(encoding="utf-8").split("<|endoftext|>")[: options.stories]
        text = "\n<|endoftext|>\n".join(part.strip() for part in passages)
        tables[folder.resolve().name] = measure(folder, text, options)
        if not options.json:
            print_table(folder.resolve(), tables[folder.resolve().name])
    if options.json:
        print(json.dumps(tables, indent=1))
    if options.figure is not None:
        draw(tables, options.figure)


if __name__ == "__main__":
    main()
