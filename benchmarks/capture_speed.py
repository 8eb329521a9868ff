"""How long a capture takes compared with the float forward pass of the model in PyTorch: same machine and threads.

A capture here is the spiking forward pass of 256 tokens with every count recorded and the sums of one token checked
spike by spike, as `capture` times it: weights are already read and rounded. PyTorch runs the same weights in float32 on
the same tokens, without gradients. The two are timed in turn, as processor time of one thread, and the ratio of each
turn is taken; printed are the least times, and the median and the extremes of the ratios.

    python benchmarks/capture_speed.py                   the sample model, and 2 blocks of TinyLlama's width
    python benchmarks/capture_speed.py --preset sdllm    under a preset; by default ternary, T=15, absmax
    python benchmarks/capture_speed.py --model MODEL     another model, such as SmolLM2-135M of `make real-model`
    python benchmarks/capture_speed.py --profile         where the time of the capture goes

Needs the extra `torch`.
"""

# ruff: noqa: E402  the number of threads is read when numpy and torch load

from __future__ import annotations

import os

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import argparse
import cProfile
import importlib.util
import json
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from large_checkpoint import TINY_LLAMA, write_checkpoint

from simulator.model.attention import attention_for
from simulator.model.checkpoint import Checkpoint, read_checkpoint, tensor_specs
from simulator.model.encoder import encoding_for
from simulator.model.linear import VERIFY_TOKENS, SpikingLinear
from simulator.model.prepare import prepared
from simulator.model.preset import as_preset, load_preset
from simulator.model.program import DRIVEN
from simulator.model.recorder import Recorder
from simulator.model.transformer import forward

MODEL = Path(__file__).parents[1] / "traces" / "model"
LIMIT = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--preset", help="name or path; by default ternary, T=15, absmax")
    parser.add_argument("--model", type=Path, help="folder or GGUF file, in the place of both")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        models = {arguments.model.name: arguments.model} if arguments.model else both_models(Path(folder))
        rows: list[dict[str, Any]] = [{"model": name} | measure(path, arguments) for name, path in models.items()]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"{row['model']}: capture {row['capture_s'] * 1e3:.1f} ms, PyTorch {row['torch_s'] * 1e3:.1f} ms,", end=" "
        )
        print(
            f"ratio {row['ratio']:.2f} ({row['least_ratio']:.2f} to {row['largest_ratio']:.2f}; limit {LIMIT}),", end=""
        )
        print(f" {row['tokens_per_s']:.0f} tokens/s")


def both_models(folder: Path) -> dict[str, Path]:
    write_checkpoint(folder, TINY_LLAMA | {"num_hidden_layers": 2, "vocab_size": 4096})
    return {"sample model": MODEL, "TinyLlama's width, 2 blocks": folder}


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    checkpoint = read_checkpoint(folder)
    n = min(arguments.tokens, checkpoint.config.max_position_embeddings)
    token_ids = np.random.default_rng(0).integers(3, checkpoint.config.vocab_size, n)
    chosen = as_preset(encoding_for("ternary", 15)) if arguments.preset is None else load_preset(arguments.preset)
    ready, preset, _ = prepared(checkpoint, chosen)
    linear = SpikingLinear(ready, preset, lambda i, counts: recorder.record(i, counts), VERIFY_TOKENS)
    attention, spiking_head = attention_for(preset.attention.rule(), preset), preset.head == "spiking"
    recorder = Recorder(preset.encoding)
    reference, ready = torch_model(checkpoint), in_memory(ready)

    def capture() -> None:
        nonlocal recorder
        recorder = Recorder(preset.encoding)
        forward(ready, token_ids, linear, attention, None, spiking_head)

    def float_forward() -> None:
        with torch.no_grad():
            reference(torch.from_numpy(token_ids)[None])

    if arguments.profile:
        capture()
        with cProfile.Profile(time.process_time) as profile:
            for _ in range(arguments.repeats):
                capture()
        pstats.Stats(profile).sort_stats("tottime").print_stats(14)
    capture_s, torch_s = in_turn(capture, float_forward, repeats=arguments.repeats)
    ratios = np.divide(capture_s, torch_s)
    return {
        "tokens": n,
        "capture_s": min(capture_s),
        "torch_s": min(torch_s),
        "ratio": float(np.median(ratios)),
        "least_ratio": float(ratios.min()),
        "largest_ratio": float(ratios.max()),
        "tokens_per_s": n / min(capture_s),
    }


def in_memory(ready: Checkpoint) -> Checkpoint:
    """The same model, its embedding, head, norms and biases read: a large one reads them each time they are used."""
    linear = tuple(f".{kind}" for kinds in DRIVEN.values() for kind in kinds)
    weights = {i: ready.weights[i] for i in ready.weights if not i.endswith(linear)}
    return replace(ready, weights=weights, read_rows=None)


def in_turn(*actions: Callable[[], None], repeats: int) -> list[list[float]]:
    """Processor times of each action, done in turn, after one turn that does not count."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(repeats + 1):
        for action, taken in zip(actions, times, strict=True):
            started = time.process_time()
            action()
            taken.append(time.process_time() - started)
    return [taken[1:] for taken in times]


def torch_model(checkpoint: Checkpoint) -> torch.nn.Module:
    """The module that the sample model was trained with, holding these weights."""
    llama, config = sample_module(), checkpoint.config
    sizes = {name: getattr(config, name) for name in llama.LlamaConfig.__dataclass_fields__}
    model = llama.Llama(llama.LlamaConfig(**sizes))
    state = model.state_dict()
    for weight_id, spec in tensor_specs(config).items():
        if spec.name in state:
            state[spec.name].copy_(torch.from_numpy(checkpoint.weights[weight_id]))
    return model.eval()


def sample_module() -> ModuleType:
    """``traces/model/llama.py``; its head is the embedding, in time the same as a head of its own."""
    spec = importlib.util.spec_from_file_location("sample_llama", MODEL / "llama.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
