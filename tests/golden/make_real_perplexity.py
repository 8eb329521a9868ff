"""Writes ``real_perplexity.json``: the perplexity of SmolLM2-135M-Instruct by transformers, from the GGUF file itself.

transformers dequantizes the file, puts the rows of q and k back and runs the float32 pass; only the token ids come from
this package. Made with torch 2.13.0 (CPU), transformers 5.24.0 and gguf 0.19.0, after ``make real-model``:

    python -m venv /tmp/golden && /tmp/golden/bin/pip install torch transformers accelerate gguf -e .
    /tmp/golden/bin/python tests/golden/make_real_perplexity.py
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import torch
import transformers

from simulator.model.llama_config import read_config
from simulator.model.tokenizer import Tokenizer, tokenize

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODEL = ROOT / ".cache" / "real-model" / "SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = ROOT / "traces" / "model" / "heldout_sample.txt"
TOKENS = 512

config, text = read_config(MODEL), TEXT.read_text(encoding="utf-8")
passages = tokenize(Tokenizer(MODEL, config), text, config.max_position_embeddings, TOKENS)
model = transformers.AutoModelForCausalLM.from_pretrained(
    MODEL.parent, gguf_file=MODEL.name, dtype=torch.float32, attn_implementation="eager"
).eval()
nats, predicted = 0.0, 0
for passage in passages:
    ids = torch.from_numpy(passage.token_ids)
    with torch.no_grad():
        log_shares = torch.log_softmax(model(ids[None]).logits[0].double(), -1)
    nats -= log_shares[:-1].gather(1, ids[1:, None]).sum().item()
    predicted += len(ids) - 1
ids = np.concatenate([passage.token_ids for passage in passages])
found = {
    "protocol": "passages between lines <|endoftext|>, each alone: BOS and its tokens, no stride, 512 tokens in all",
    "text": str(TEXT.relative_to(ROOT)),
    "text_sha256": hashlib.sha256(TEXT.read_bytes()).hexdigest(),
    "model_sha256": hashlib.sha256(MODEL.read_bytes()).hexdigest(),
    "token_ids_sha256": hashlib.sha256(ids.tobytes()).hexdigest(),
    "tokens": len(ids),
    "predicted": predicted,
    "nats": nats,
    "perplexity": math.exp(nats / predicted),
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
}
(HERE / "real_perplexity.json").write_text(json.dumps(found, indent=1) + "\n")
