"""How much longer the normalizer of a tokenizer makes a text: a few hundred bytes of a file could fill the memory."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from simulator.errors import ModelError

MOST_GROWTH = 64  # times; the normalizers in use make a text at most three times as long


def check_growth(tokenizer: Tokenizer, path: Path) -> None:
    """Raise ModelError for a normalizer that may make a text more than `MOST_GROWTH` times as long."""
    if tokenizer.normalizer is None:
        return
    growth = _growth(json.loads(tokenizer.normalizer.__getstate__()))
    if growth > MOST_GROWTH:
        raise ModelError(
            f"{path}: normalizer: a text may become {growth:.3g} times as long, expected at most {MOST_GROWTH} times"
        )


def _growth(step: dict[str, Any]) -> float:
    """How many times as long a text of one character may become in a step of a normalizer and all steps inside it."""
    if "normalizers" in step:
        return math.prod(map(_growth, step["normalizers"]))
    if step.get("type") == "Prepend":
        return 1 + len(step["prepend"])
    if step.get("type") != "Replace":
        return 1  # Unicode's own normal forms and the like
    replaced = step["pattern"].get("String", "x")  # a regular expression may match one character
    return max(1, len(step["content"]) / len(replaced) if replaced else math.inf)
