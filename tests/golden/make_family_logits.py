"""Writes ``family_logits.npz``: the logits of transformers on the small checkpoints of ``tests/support/families.py``.

Made with torch 2.13.0 (CPU) and transformers 5.24.0, neither of which the tests need:

    python -m venv /tmp/golden && /tmp/golden/bin/pip install torch transformers safetensors tokenizers ml_dtypes
    /tmp/golden/bin/python tests/golden/make_family_logits.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
from families import FAMILIES, TOKENS, write_family  # noqa: E402  the path is set above

logits = {}
for name in FAMILIES:
    with tempfile.TemporaryDirectory() as folder:
        write_family(Path(folder), name)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        with torch.no_grad():
            logits[name] = model(torch.from_numpy(TOKENS)[None]).logits[0].numpy()
np.savez_compressed(HERE / "family_logits.npz", **logits)
