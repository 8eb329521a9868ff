"""Capture a checkpoint that does not fit in the memory it is given: a random one, written for the purpose.

Writes a random bf16 checkpoint of a shape, with the tokenizer of the sample model, to a temporary folder, captures some
tokens of a text in a process of its own and prints its time and its peak memory: the whole (VmHWM), and the largest
anonymous and file-backed parts seen (RssAnon, RssFile, sampled 50 times a second). Linux only.

    python benchmarks/large_checkpoint.py                                    1.1 billion parameters (TinyLlama), 2.2 GB
    python benchmarks/large_checkpoint.py --shape llama-2-7b                 6.7 billion parameters, 13.5 GB of disk
    python benchmarks/large_checkpoint.py --shape llama-2-7b --blocks 2      two of the 32 blocks, at full width

Weights are normal with the deviation 1/sqrt(n_in): the perplexity means nothing, time and memory do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

from simulator.model.checkpoint import TensorSpec, tensor_specs
from simulator.model.encoder import encoding_for
from simulator.model.llama_config import read_config
from simulator.model.statistical_trace import SHAPES

SAMPLE = Path(__file__).parents[1] / "traces" / "model"
TINY_LLAMA: dict[str, Any] = {  # TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T, config.json
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 22,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "torch_dtype": "bfloat16",
}
SHARD_BYTES = 500 * 10**6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="tiny-llama", help="tiny-llama, or a shipped shape")
    parser.add_argument("--blocks", type=int, help="blocks instead of all of the shape")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--timesteps", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--capture", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.capture is not None:
        print(json.dumps(measure(arguments.capture, arguments.tokens, arguments.timesteps)))
        return
    fields = shape_fields(arguments.shape, arguments.blocks)
    with tempfile.TemporaryDirectory() as folder:
        written = write_checkpoint(Path(folder), fields)
        command = [sys.executable, __file__, "--capture", folder, "--tokens", str(arguments.tokens)]
        command += ["--timesteps", str(arguments.timesteps)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found = {"shape": arguments.shape, "blocks": fields["num_hidden_layers"]} | written | found
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        report(found)


def report(found: dict[str, Any]) -> None:
    print(f"{found['shape']}, {found['blocks']} blocks: {found['parameters'] / 1e9:.2f} billion parameters,", end=" ")
    print(f"{found['file_bytes'] / 1e9:.2f} GB in {found['shards']} shards, {found['tokens']} tokens")
    print(f"capture (spiking and float pass): {found['wall_s']:.1f} s wall, {found['cpu_s']:.1f} s CPU")
    print(f"spiking pass alone: {found['spiking_s']:.1f} s wall")
    print(f"peak resident {found['peak_mb']:.0f} MB; largest RssAnon {found['anon_mb']:.0f} MB,", end=" ")
    print(f"RssFile {found['file_mb']:.0f} MB; before the capture {found['before_mb']:.0f} MB")


def shape_fields(shape: str, blocks: int | None) -> dict[str, Any]:
    fields = TINY_LLAMA if shape == "tiny-llama" else json.loads((SHAPES / f"{shape}.json").read_text())
    return fields | ({} if blocks is None else {"num_hidden_layers": blocks})


def write_checkpoint(folder: Path, fields: dict[str, Any]) -> dict[str, int]:
    """Write the directory, shard by shard; what it holds."""
    (folder / "config.json").write_text(json.dumps(fields))
    shutil.copy(SAMPLE / "tokenizer.json", folder)
    specs = list(tensor_specs(read_config(folder)).values())
    weight_map: dict[str, str] = {}
    size = shards = 0
    for part in parts(specs):
        shards += 1
        shard = f"model-{shards:05d}.safetensors"
        tensors = {spec.name: random_tensor(spec, len(weight_map)) for spec in part}
        save_file(tensors, folder / shard, {"format": "pt"})
        weight_map |= dict.fromkeys(tensors, shard)
        size += sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return {"parameters": size // 2, "file_bytes": size, "shards": shards}


def parts(specs: list[TensorSpec]) -> Iterator[list[TensorSpec]]:
    """The tensors in groups of about a shard."""
    group: list[TensorSpec] = []
    size = 0
    for spec in specs:
        group.append(spec)
        size += 2 * int(np.prod(spec.shape))
        if size >= SHARD_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def random_tensor(spec: TensorSpec, seed: int) -> np.ndarray:
    if len(spec.shape) == 1:
        return np.ones(spec.shape, ml_dtypes.bfloat16)
    values = np.random.default_rng(seed).standard_normal(spec.shape, np.float32)
    return (values / np.float32(np.sqrt(spec.shape[1]))).astype(ml_dtypes.bfloat16)


class PeakMemory(threading.Thread):
    """Samples this process until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = {"RssAnon": 0, "RssFile": 0}
        self.stopped = threading.Event()

    def run(self) -> None:
        """Keep the largest of each."""
        while not self.stopped.wait(0.02):
            now = memory_kb()
            self.largest = {key: max(value, now[key]) for key, value in self.largest.items()}


def memory_kb() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {
        words[0].rstrip(":"): int(words[1])
        for words in lines
        if words and words[0].startswith(("VmHWM", "Rss", "VmRSS"))
    }


def measure(folder: Path, tokens: int, timesteps: int) -> dict[str, float]:
    from simulator.model.capture import capture

    text = (SAMPLE / "heldout_sample.txt").read_text()
    before, peak = memory_kb()["VmRSS"], PeakMemory()
    peak.start()
    wall, cpu = time.perf_counter(), time.process_time()
    trace, found = capture(folder, text, encoding_for("ternary", timesteps), tokens)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak.stopped.set()
    return {
        "tokens": trace.n_tokens,
        "wall_s": wall,
        "cpu_s": cpu,
        "spiking_s": found.seconds,
        "peak_mb": memory_kb()["VmHWM"] / 1e3,
        "anon_mb": peak.largest["RssAnon"] / 1e3,
        "file_mb": peak.largest["RssFile"] / 1e3,
        "before_mb": before / 1e3,
    }


if __name__ == "__main__":
    main()
