"""A tiny random LLaMA model in Hugging Face layout, written by the test itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_model import TINY, tiny_tensors, write_tiny_model

ModelWriter = Callable[..., Path]


@pytest.fixture
def write_model(tmp_path: Path) -> ModelWriter:
    """Writes a model directory: changes to config.json (None removes a field), weights as they are or as given."""
    return lambda tensors=None, **changes: write_tiny_model(tmp_path / "tiny-model", tensors, **changes)


@pytest.fixture
def tiny_tensors_of() -> Callable[..., dict[str, np.ndarray]]:
    """The weights `write_model` writes for these changes to the config."""
    return lambda **changes: tiny_tensors(TINY | changes)


@pytest.fixture(scope="session")
def stories() -> Path:
    """The small trained model and its texts, which are not part of the repository."""
    folder = Path(__file__).resolve().parents[3] / ".." / "shared" / "models"
    if not folder.is_dir():
        pytest.skip("needs ../shared/models beside the repository (stories260K)")
    return folder


@pytest.fixture(scope="session")
def shipped_model() -> Path:
    """The model that ships with the repository."""
    return Path(__file__).resolve().parents[3] / "traces" / "model"
