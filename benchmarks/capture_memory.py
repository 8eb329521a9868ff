"""Peak memory of a capture next to what it must hold: one layer in float32, activations, and the trace.

    python benchmarks/capture_memory.py --model MODEL --text FILE [--tokens 256] [--preset sdllm]

The peak is that of this process as Linux counts it, with the pages of the checkpoint that are mapped; `libraries` is
what it had before the model was opened.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from simulator.model.capture import capture
from simulator.model.checkpoint import read_checkpoint, tensor_specs

MIB = 1 << 20


def peak_mib() -> float:
    """Most memory that this process has had."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Capture, and print the peak with its parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--preset", default="sdllm")
    options = parser.parse_args()
    libraries = peak_mib()
    trace, report = capture(options.model, options.text.read_text("utf-8"), options.preset, options.tokens)
    config = read_checkpoint(options.model).config
    layer = max(
        4 * rows * columns
        for name, spec in tensor_specs(config).items()
        if name.startswith("blocks.") and len(spec.shape) == 2
        for rows, columns in [spec.shape]
    )
    logits = 4 * report.n_tokens * config.vocab_size
    counts = sum(trace.spike_counts(stream.stream_id).nbytes for stream in trace.streams)
    print(f"{report.n_tokens} tokens of {report.n_passages} passages")
    for name, size in (("peak", peak_mib()), ("libraries", libraries)):
        print(f"{name:24s} {size:8.0f} MiB")
    for name, n_bytes in (("largest layer, float32", layer), ("logits", logits), ("trace", counts)):
        print(f"{name:24s} {n_bytes / MIB:8.0f} MiB")


if __name__ == "__main__":
    main()
