"""The files of a model that hold its weights."""

from __future__ import annotations

from pathlib import Path

from simulator.model.gguf_file import read_gguf
from simulator.model.gguf_weights import GgufWeights
from simulator.model.model_location import locate_model
from simulator.model.safetensors_files import safetensors_files
from simulator.model.stored_tensor import TensorFiles


def weight_files(model: Path | str) -> TensorFiles:
    """Find the weights of a model and read the headers of their files.

    Raises
    ------
    ModelError
        There is no such model, or a file is missing or damaged, or an index does not say what its shards hold.
    """
    location = locate_model(model)
    return GgufWeights(read_gguf(location.path)) if location.is_gguf else safetensors_files(location.path)
