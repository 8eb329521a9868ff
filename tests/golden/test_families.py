"""Every family, layout and number type gives the logits of transformers (`make_family_logits.py` made them)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from families import FAMILIES, TOKENS, write_family

from simulator.model.checkpoint import read_checkpoint
from simulator.model.linear import FloatLinear
from simulator.model.transformer import forward

GOLDEN = Path(__file__).with_name("family_logits.npz")


@pytest.mark.parametrize("name", list(FAMILIES))
def test_logits_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_family(tmp_path / name, name))
    golden = np.load(GOLDEN)[name]
    assert golden.std() > 0.5  # of random weights, but no flat answer
    np.testing.assert_allclose(forward(checkpoint, TOKENS, FloatLinear(checkpoint)), golden, atol=2e-4)


def test_what_a_family_states_shows_in_its_logits() -> None:
    """Equal weights, another scaling or window: the golden logits differ, so none passes by ignoring what it states."""
    logits = np.load(GOLDEN)
    assert set(logits) == set(FAMILIES)
    for name, other in (
        ("llama-2-linear", "llama-2-dynamic"),
        ("mistral", "mistral-full"),
        ("llama-3", "llama-2-linear"),
    ):
        assert np.abs(logits[name] - logits[other]).max() > 0.1
