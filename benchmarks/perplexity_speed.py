"""How long `spikewatt perplexity` takes compared with the float pass of PyTorch: same weights, tokens, cores and run.

The reference model is SmolLM2-135M-Instruct. The text is a file, or the part of it that `--bytes` names. Both programs
score the same tokens: BOS and the tokens of the text, cut to the context. PyTorch runs the dequantized weights in
float32 with its own attention (`scaled_dot_product_attention`), 256 logits at a time, without gradients. The program is
timed as a user runs it, in a process of its own; the import of Python and the reading of the model are reported apart.

    python benchmarks/perplexity_speed.py --model smollm2.gguf --text wikitext2_test.txt
    python benchmarks/perplexity_speed.py --preset sdllm      the spike-driven model, against the same float pass
    python benchmarks/perplexity_speed.py --profile           where the time of the pass goes
    python benchmarks/perplexity_speed.py --check             what the check of integer sums adds to a capture pass

Prints why, and ends, where the model, the text or PyTorch (extra `torch`) is missing.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 1.3
LOGITS_AT_ONCE = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path.home() / ".cache" / "spikewatt" / "smollm2.gguf")
    parser.add_argument("--text", type=Path, default=Path("../shared/corpus/wikitext2_test.txt"))
    parser.add_argument("--bytes", type=int, default=60_000)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--preset")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for path, what in ((arguments.model, "model"), (arguments.text, "text")):
        if not path.exists():
            sys.exit(f"skipped: {path} is not there; name the {what} with --{what}")
    try:
        import torch  # noqa: F401
    except ImportError:
        sys.exit("skipped: PyTorch is not installed; pip install 'spikewatt[torch]'")
    print(json.dumps(measure(arguments), indent=2)) if arguments.json else report(measure(arguments))


def report(found: dict[str, Any]) -> None:
    for name, value in found.items():
        print(f"{name:28} {value:.3f}" if isinstance(value, float) else f"{name:28} {value}")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from simulator.model.attention import attention_for
    from simulator.model.checkpoint import read_checkpoint
    from simulator.model.dense_attention import float_attention
    from simulator.model.linear import VERIFY_TOKENS, FloatLinear, SpikingLinear
    from simulator.model.parallel import n_threads
    from simulator.model.perplexity import score_passages
    from simulator.model.prepare import prepared
    from simulator.model.preset import load_preset
    from simulator.model.tokenizer import Tokenizer, tokenize

    text = arguments.text.read_bytes()[: arguments.bytes].decode(errors="ignore")
    started = time.perf_counter()
    checkpoint = read_checkpoint(arguments.model)
    tokenizer = Tokenizer(arguments.model, checkpoint.config)
    loaded_s = time.perf_counter() - started
    passages = tokenize(tokenizer, text, checkpoint.config.max_position_embeddings, arguments.tokens)
    reference = TorchLlama(checkpoint)

    def pass_of(verify_tokens: int) -> Callable[[], float]:
        if arguments.preset is None:
            return lambda: score_passages(checkpoint, passages, FloatLinear(checkpoint), float_attention).nats
        ready, settled, _ = prepared(checkpoint, load_preset(arguments.preset), passages)
        linear = SpikingLinear(ready, settled, None, verify_tokens)
        attention = attention_for(settled.attention.rule(), settled)
        return lambda: score_passages(ready, passages, linear, attention, settled.head == "spiking").nats

    actions = {
        "pass_s": pass_of(0),
        "torch_s": lambda: sum(reference.nats(p.token_ids) for p in passages),
    }
    if arguments.check:
        actions["pass_with_check_s"] = pass_of(VERIFY_TOKENS)
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(actions["pass_s"])
        pstats.Stats(profile).sort_stats("tottime").print_stats(18)
    times, nats = in_turn(actions, arguments.repeats)
    n = sum(len(p.token_ids) - 1 for p in passages)
    found = {
        "cores": n_threads(),
        "tokens": sum(len(p.token_ids) for p in passages),
        "load_s": loaded_s,
        **{name: min(taken) for name, taken in times.items()},
        "pass_over_torch": float(np.median(np.divide(times["pass_s"], times["torch_s"]))),
        "perplexity": float(np.exp(nats["pass_s"] / n)),
        "torch_perplexity": float(np.exp(nats["torch_s"] / n)),
    }
    if arguments.check:
        found["check_share"] = float(np.median(np.divide(times["pass_with_check_s"], times["pass_s"]))) - 1
    program_s = run_program(arguments, text)
    return found | {
        "program_s": program_s,
        "program_over_torch": program_s / min(times["torch_s"]),
        "limit": LIMIT,
        "peak_of_program_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def run_program(arguments: argparse.Namespace, text: str) -> float:
    """Least wall time of the command line on the text, start of Python and reading of the model included."""
    command = [sys.executable, "-m", "simulator", "perplexity", "--model", str(arguments.model)]
    command += ["--text", "/dev/stdin"] + (["--preset", arguments.preset] if arguments.preset else [])
    command += ["--tokens", str(arguments.tokens)] if arguments.tokens else []
    taken = []
    for _ in range(arguments.repeats):
        started = time.perf_counter()
        subprocess.run(command, input=text.encode(), check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return min(taken)


def in_turn(actions: dict[str, Callable[[], float]], repeats: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Wall times of each action, done in turn, after one turn that does not count; and what each returned."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    nats: dict[str, float] = {}
    for turn in range(repeats + 1):
        for name, action in actions.items():
            started = time.perf_counter()
            nats[name] = action()
            if turn:
                times[name].append(time.perf_counter() - started)
    return times, nats


class TorchLlama:
    """The float pass of PyTorch on the same weights, written with its own operations."""

    def __init__(self, checkpoint: Any) -> None:
        import torch

        self._config, self._checkpoint = checkpoint.config, checkpoint
        self._weights = {i: torch.from_numpy(np.array(checkpoint.weights[i])) for i in checkpoint.weights}

    def nats(self, token_ids: np.ndarray) -> float:
        """Negative log-likelihood of all tokens but the first."""
        import torch
        from torch.nn import functional

        from simulator.model.transformer import rotary_tables

        config, w = self._config, self._weights
        ids = torch.from_numpy(token_ids)
        n, hd = len(ids), config.head_dim
        cos, sin = (torch.from_numpy(np.tile(table, 2)) for table in rotary_tables(config, n))

        def norm(x: Any, gain: Any) -> Any:
            return functional.rms_norm(x, (x.shape[-1],), gain, config.rms_norm_eps)

        def rotated(x: Any) -> Any:
            return x * cos + torch.cat([-x[..., hd // 2 :], x[..., : hd // 2]], dim=-1) * sin

        with torch.inference_mode():
            x = w["embedding"][ids]
            for i in range(config.num_hidden_layers):
                b = f"blocks.{i}."
                normed = norm(x, w[b + "norm_attn"])
                q, k, v = (functional.linear(normed, w[b + kind]).view(n, -1, hd).transpose(0, 1) for kind in "qkv")
                mixed = functional.scaled_dot_product_attention(
                    rotated(q)[None], rotated(k)[None], v[None], is_causal=True, enable_gqa=True
                )
                x = x + functional.linear(mixed[0].transpose(0, 1).reshape(n, -1), w[b + "o"])
                normed = norm(x, w[b + "norm_mlp"])
                hidden = functional.silu(functional.linear(normed, w[b + "gate"])) * functional.linear(
                    normed, w[b + "up"]
                )
                x = x + functional.linear(hidden, w[b + "down"])
            x = norm(x, w["norm_final"])[:-1]
            parts = (slice(start, start + LOGITS_AT_ONCE) for start in range(0, n - 1, LOGITS_AT_ONCE))
            return float(
                sum(
                    functional.cross_entropy(functional.linear(x[part], w["head"]), ids[1:][part], reduction="sum")
                    for part in parts
                )
            )


if __name__ == "__main__":
    main()
