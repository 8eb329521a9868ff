"""Train the small LLaMA-architecture sample model and write it in Hugging Face layout.

    python traces/model/train.py --data .train --out OUT --minutes 70 [--steps N] [--device cuda|cpu] [--compile]

`--data` holds `train.txt` and `heldout.txt` from `corpus.py`. `--minutes` counts from the start of the script to
the end of the training loop; saving, golden values and samples take a few seconds more. The best weights so far
are on disk after each evaluation that improves, so a killed run leaves a usable model.

Held-out protocol: each held-out document is cut into non-overlapping windows of 256 tokens that start with
`<s>`; the loss is the mean over the 255 text tokens of each window (the last window of a document is shorter).
The n-gram baselines see the same tokens, and keep their context across window bounds.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import ngram
import numpy as np
import torch
from data import (
    BOS,
    EOS,
    IGNORED,
    Ids,
    TrainData,
    encode,
    heldout_windows,
    make_train_data,
    read_documents,
    save_tokenizer,
    train_tokenizer,
    write_json,
)
from llama import Llama, LlamaConfig, generate
from muon import Muon
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

GOLDEN_TOKENS, GREEDY_TOKENS, SAMPLE_TOKENS = 48, 64, 120
SAMPLE_PROMPTS = ["ROMEO:\n", "And it came to pass", "Emma"]
LR_FLOOR = 0.1  # the cosine ends at this part of the peak


@dataclass
class Run:
    """What one training run has recorded so far."""

    started_s: float
    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float = math.inf
    step: int = 0
    compiled: bool = False

    def seconds(self) -> float:
        """Return the seconds since the script started."""
        return time.monotonic() - self.started_s


def say(message: str) -> None:
    """Print at once, so that progress shows through a pipe."""
    print(message, flush=True)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---------------------------------------------------------------- training


def autocast(device: torch.device) -> torch.autocast:
    """Return bfloat16 autocast on a GPU and none on a CPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


@torch.no_grad()
def heldout_loss(model: Llama, windows: tuple[Tensor, Tensor], device: torch.device, batch: int = 64) -> float:
    """Return the mean held-out loss in nats per token."""
    total_nats, tokens = 0.0, 0
    for inputs, targets in zip(windows[0].split(batch), windows[1].split(batch), strict=True):
        logits = model(inputs.to(device)).float().flatten(0, 1)
        total_nats += float(functional.cross_entropy(logits, targets.to(device).flatten(), reduction="sum"))
        tokens += int((targets != IGNORED).sum())
    return total_nats / tokens


def make_optimizers(model: Llama, lr: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for embedding and norms.

    Muon takes steps of AdamW's size here, so that one learning rate serves both; in short runs on a CPU it needs fewer
    tokens for the same loss.
    """
    matrices = [p for p in model.model.layers.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if all(p is not m for m in matrices)]
    return [Muon(matrices, lr, weight_decay), torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.95), weight_decay=0.0)]


def lr_factor(step: int, progress: float, warmup_steps: int) -> float:
    """Return the part of the peak learning rate: linear warmup by step, cosine by elapsed time to `LR_FLOOR`."""
    cosine = LR_FLOOR + (1 - LR_FLOOR) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return cosine * min(1.0, (step + 1) / warmup_steps)


LossFunction = Callable[[Tensor, Tensor], Tensor]


def make_loss(model: Llama, batch: tuple[Tensor, Tensor], want_compile: bool, run: Run) -> LossFunction:
    """Return the loss function, compiled if expected and if one forward and backward pass then works."""

    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(model(inputs).float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)

    if not want_compile:
        return loss
    try:
        compiled: LossFunction = torch.compile(loss)
        with autocast(batch[0].device):
            compiled(*batch).backward()
        run.compiled = True
    except Exception as error:  # the compiler may fail in many ways; eager always works
        say(f"torch.compile failed, going on in eager mode: {type(error).__name__}: {str(error)[:300]}")
    model.zero_grad(set_to_none=True)
    say(f"compiled: {run.compiled}, {run.seconds():.0f} s since start")
    return compiled if run.compiled else loss


def take_step(
    model: Llama,
    optimizers: list[torch.optim.Optimizer],
    loss_of: LossFunction,
    batch: tuple[Tensor, Tensor],
    lr: float,
) -> Tensor:
    """Make one step of all optimizers at the given learning rate and return the loss, detached."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        group["lr"] = lr
    with autocast(batch[0].device):
        loss = loss_of(*batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss.detach()


@torch.no_grad()
def update_average(average: Llama, model: Llama, step: int, decay: float) -> None:
    """Move the averaged weights towards the current ones; early steps move faster."""
    weight = 1.0 - min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), weight)


def save_weights(model: Llama, folder: Path) -> None:
    """Write the weights as float16; the file appears whole or not at all."""
    weights = {name: p.detach().to("cpu", torch.float16).contiguous() for name, p in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors.part", metadata={"format": "pt"})
    (folder / "model.safetensors.part").chmod(0o644)  # safetensors creates it for its owner alone
    os.replace(folder / "model.safetensors.part", folder / "model.safetensors")


def evaluate(
    average: Llama, windows: tuple[Tensor, Tensor], run: Run, train_loss: float, lr: float, folder: Path
) -> None:
    """Measure the averaged weights, keep them if they are the best so far, and record the result."""
    device = next(average.parameters()).device
    with autocast(device):
        loss = heldout_loss(average, windows, device)
    if loss < run.best_loss:
        run.best_loss = loss
        save_weights(average, folder)
    entry = {"step": run.step, "seconds": run.seconds(), "lr": lr, "train_loss": train_loss, "heldout_loss": loss}
    run.history.append({key: round(value, 5) for key, value in entry.items()})
    say(
        f"step {run.step:6d}  {run.seconds():6.1f} s  lr {lr:.2e}  train {train_loss:.4f}  "
        f"held-out {loss:.4f}  best {run.best_loss:.4f}"
    )


def train(args: argparse.Namespace, data: TrainData, windows: tuple[Tensor, Tensor], run: Run) -> None:
    """Train until the time or the steps are used up; the best weights end up in `args.out`."""
    device = data.stream.device
    model = Llama(LlamaConfig(), args.dropout).to(device)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    say(f"parameters: {sum(p.numel() for p in model.parameters())}")
    loss_of = make_loss(model, data.batch(args.batch, args.context), args.compile, run)
    optimizers = make_optimizers(model, args.lr, args.weight_decay)
    loop_from_s, loop_s = run.seconds(), max(args.minutes * 60 - run.seconds(), 1.0)
    recent_losses: list[Tensor] = []
    done = False
    while not done:
        progress = max((run.seconds() - loop_from_s) / loop_s, run.step / args.steps if args.steps else 0.0)
        lr = args.lr * lr_factor(run.step, progress, args.warmup_steps)
        # Reading the loss would wait for the GPU, so it stays there until the next evaluation.
        recent_losses.append(take_step(model, optimizers, loss_of, data.batch(args.batch, args.context), lr))
        update_average(average, model, run.step, args.ema)
        run.step += 1
        if run.step % 16 == 0 and device.type == "cuda":
            torch.cuda.synchronize()  # launches must not run far ahead of the clock that sets the rate
        done = run.seconds() >= loop_from_s + loop_s or run.step == args.steps
        if done or run.step % args.eval_every == 0:
            evaluate(average, windows, run, float(torch.stack(recent_losses).mean()), lr, args.out)
            recent_losses.clear()


# ---------------------------------------------------------------- results


def baseline_losses(train_ids: list[Ids], heldout_ids: list[Ids], vocab: int) -> dict[str, float]:
    """Return the held-out losses of the Kneser-Ney models of order 1 to 5; the trigram is the baseline."""
    names = {1: "unigram", 2: "bigram", 3: "trigram", 4: "4-gram", 5: "5-gram"}
    losses = {n: ngram.mean_loss(ngram.fit(train_ids, order, vocab, BOS), heldout_ids) for order, n in names.items()}
    say("n-gram held-out loss (nats/token): " + ", ".join(f"{n} {loss:.4f}" for n, loss in losses.items()))
    return losses


def load_saved(folder: Path) -> Llama:
    """Return the saved float16 weights in a float32 model on the CPU."""
    model = Llama(LlamaConfig()).eval()
    model.load_state_dict({name: w.float() for name, w in load_file(folder / "model.safetensors").items()})
    return model


@torch.no_grad()
def transformers_logits(folder: Path, ids: Tensor) -> Tensor | None:
    """Return the logits of Hugging Face's own implementation, or None where it cannot be had."""
    try:
        from transformers import LlamaForCausalLM

        model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        return model(ids).logits[0].float()
    except Exception as error:  # an optional cross-check must not lose the run
        say(f"no logits from transformers: {type(error).__name__}: {str(error)[:300]}")
        return None


@torch.no_grad()
def write_golden(model: Llama, document: Ids, folder: Path) -> dict[str, object]:
    """Write `golden.npz`: input ids, float32 logits and the greedy continuation of `<s>`."""
    ids = np.append(BOS, document[: GOLDEN_TOKENS - 1])
    batch = torch.from_numpy(ids)[None]
    own, theirs = model(batch)[0], transformers_logits(folder, batch)
    difference = None if theirs is None else float((own - theirs).abs().max())
    say(f"golden: max |own - transformers| = {difference}")
    origin = "train.py" if theirs is None else "transformers"
    np.savez(
        folder / "golden.npz",
        input_ids=ids.astype(np.int64),
        logits=(own if theirs is None else theirs).numpy().astype(np.float32),
        greedy_from_bos_ids=np.array(generate(model, [BOS], GREEDY_TOKENS), dtype=np.int64),
        origin=np.array(origin),
    )
    return {"origin": origin, "max_abs_difference": difference}


def draw_samples(model: Llama, tokenizer: Tokenizer) -> list[dict[str, object]]:
    """Return one sampled text for each prompt, at temperature 0.8 and a fixed seed."""
    samples: list[dict[str, object]] = []
    for seed, prompt in enumerate(SAMPLE_PROMPTS):
        ids = generate(model, tokenizer.encode(prompt).ids, SAMPLE_TOKENS, temperature=0.8, seed=seed)
        text = tokenizer.decode(ids)
        samples.append({"prompt": prompt, "seed": seed, "temperature": 0.8, "text": text})
        say(f"--- sample {seed}\n{text}")
    return samples


def device_name(device: torch.device) -> str:
    """Return the name of the GPU, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def prepare_folder(folder: Path, tokenizer: Tokenizer) -> None:
    """Write what is known before training, so that an early end leaves a complete model folder."""
    config = LlamaConfig()
    write_json(folder / "config.json", config.to_hf())
    generation = {"bos_token_id": BOS, "eos_token_id": EOS, "do_sample": True, "temperature": 0.8}
    write_json(folder / "generation_config.json", generation)
    save_tokenizer(tokenizer, folder, config.max_position_embeddings)


def bits_per_byte(nats_per_token: float, documents: list[str], tokens: int) -> float:
    """Return the loss in bits per UTF-8 byte of the documents."""
    return nats_per_token * tokens / (math.log(2) * sum(len(text.encode()) for text in documents))


def loss_summary(losses: dict[str, float], documents: list[str], tokens: int) -> dict[str, dict[str, float]]:
    """Return and print nats per token and bits per byte of each model."""
    bits = {name: bits_per_byte(loss, documents, tokens) for name, loss in losses.items()}
    for name, loss in losses.items():
        say(f"{name:8s} {loss:.4f} nats/token  {bits[name]:.4f} bits/byte")
    return {"nats_per_token": losses, "bits_per_byte": bits}


def parse_args() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description="Train the sample model.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.txt and heldout.txt")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model and the log")
    parser.add_argument("--minutes", type=float, default=70.0, help="time to the end of the training loop")
    parser.add_argument("--steps", type=int, default=0, help="stop after this many steps; 0: time alone decides")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--batch", type=int, default=16, help="windows in a step")
    parser.add_argument("--context", type=int, default=256, help="tokens in a window")
    parser.add_argument("--lr", type=float, default=4e-3, help="peak learning rate")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--ema", type=float, default=0.999, help="decay of the averaged weights")
    parser.add_argument("--warmup-steps", type=int, default=200)
    parser.add_argument("--eval-every", type=int, default=250, help="steps between evaluations")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def finish(args: argparse.Namespace, tokenizer: Tokenizer, heldout: list[Ids], run: Run) -> dict[str, object]:
    """Reload the saved weights, write the golden values and return what was measured on them."""
    training_s = run.seconds()
    torch.set_float32_matmul_precision("highest")  # what is reported on the saved weights is plain float32
    model = load_saved(args.out)
    windows = heldout_windows(heldout, LlamaConfig().max_position_embeddings)
    with torch.no_grad():
        loss = heldout_loss(model.to(args.device), windows, torch.device(args.device))
    model = model.cpu()
    golden = write_golden(model, heldout[0], args.out)
    samples = draw_samples(model, tokenizer)
    return {"training_seconds": training_s, "model_loss": loss, "golden": golden, "samples": samples}


def write_log(args: argparse.Namespace, run: Run, results: dict[str, object]) -> None:
    """Write `training_log.json`."""
    hashes = {name: sha256_of(args.data / name) for name in ("train.txt", "heldout.txt")}
    hashes["model.safetensors"] = sha256_of(args.out / "model.safetensors")
    log = {
        "args": {key: value for key, value in vars(args).items() if not isinstance(value, Path)},
        "device": device_name(torch.device(args.device)),
        "torch": torch.__version__,
        "compiled": run.compiled,
        "steps": run.step,
        "tokens_seen": run.step * args.batch * args.context,
        "seconds": round(run.seconds(), 1),
        "best_heldout_loss_in_training": run.best_loss,
        "sha256": hashes,
    }
    write_json(args.out / "training_log.json", log | results | {"history": run.history})


def main() -> None:
    """Train the tokenizer, the baselines and the model, and write all results."""
    args, run = parse_args(), Run(started_s=time.monotonic())
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    args.out.mkdir(parents=True, exist_ok=True)
    texts = {name: read_documents(args.data / f"{name}.txt") for name in ("train", "heldout")}
    tokenizer = train_tokenizer(texts["train"], LlamaConfig().vocab_size)
    prepare_folder(args.out, tokenizer)
    train_ids, heldout_ids = encode(tokenizer, texts["train"]), encode(tokenizer, texts["heldout"])
    counts = {"train": sum(map(len, train_ids)), "heldout": sum(map(len, heldout_ids))}
    say(f"tokens: {counts}, {run.seconds():.1f} s since start")
    losses = baseline_losses(train_ids, heldout_ids, LlamaConfig().vocab_size)
    say(f"training on {device_name(torch.device(args.device))}, {run.seconds():.1f} s since start")
    data = make_train_data(train_ids, tokenizer, args.context, torch.device(args.device))
    train(args, data, heldout_windows(heldout_ids, args.context), run)
    results = finish(args, tokenizer, heldout_ids, run)
    losses["model"] = float(str(results.pop("model_loss")))
    results |= {"tokens": counts, "losses": loss_summary(losses, texts["heldout"], counts["heldout"])}
    write_log(args, run, results)
    say(f"done in {run.seconds():.1f} s")


if __name__ == "__main__":
    main()
