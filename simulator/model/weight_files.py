"""The safetensors files of a model: one, or shards under an index; opened for one tensor and closed again.

A mapped file counts as resident memory as far as its pages were touched, for as long as it is open. Opening it anew for
every tensor keeps that to the tensor in hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy, which safetensors needs by name
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from simulator.errors import ModelError
from simulator.text_files import decode_text

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = WEIGHTS_FILE + ".index.json"
STORED_BITS = {"F32": 32, "F16": 16, "BF16": 16}


@dataclass(frozen=True)
class StoredTensor:
    """What the header of a file says of a tensor."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class WeightFiles:
    """Where each tensor of a model lies.

    Attributes
    ----------
    listing
        The file that says which tensors there are: the weights, or the index of the shards.
    path_of
        Name of a tensor -> its file.
    tensors
        Name of a tensor -> its type and shape.
    """

    listing: Path
    path_of: Mapping[str, Path]
    tensors: Mapping[str, StoredTensor]

    def read(self, name: str, rows: slice | None = None) -> NDArray[np.float32]:
        """A tensor, or some rows of it, in float32; raises ModelError when the file is damaged."""
        with _opened(self.path_of[name]) as file:
            stored = file.get_tensor(name) if rows is None else file.get_slice(name)[rows]
            return np.ascontiguousarray(stored, dtype=np.float32)

    def sha256(self) -> str:
        """Hash of the files, one after another in the order of their names: that of the file where there is one."""
        digest = hashlib.sha256()
        for path in sorted(set(self.path_of.values())):
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


def weight_files(model_dir: Path) -> WeightFiles:
    """Find the weights of a model directory and read the headers of its files.

    Raises
    ------
    ModelError
        A file is missing or damaged, or the index does not say what the shards hold.
    """
    single, index = model_dir / WEIGHTS_FILE, model_dir / INDEX_FILE
    if single.is_file():
        tensors = _header(single)
        return WeightFiles(single, dict.fromkeys(tensors, single), tensors)
    if not index.is_file():
        raise ModelError(f"{single}: no such file, expected the weights (or {INDEX_FILE} and the shards it names)")
    return _sharded(index)


def _sharded(index: Path) -> WeightFiles:
    listed = _weight_map(index)
    path_of: dict[str, Path] = {}
    tensors: dict[str, StoredTensor] = {}
    problems = []
    for shard in sorted(set(listed.values())):
        path = index.with_name(shard)
        if not path.is_file():
            n = list(listed.values()).count(shard)
            problems.append(f"{index}: shard {shard}: no such file, expected {n} tensors in it")
            continue
        for name, stored in _header(path).items():
            if listed.get(name) != shard:
                problems.append(f"{path}: tensor {name}: the index has it in {listed.get(name)}")
            path_of[name], tensors[name] = path, stored
        gone = [name for name, home in listed.items() if home == shard and name not in tensors]
        problems += [f"{path}: tensor {name}: missing, the index has it here" for name in gone]
    if problems:
        raise ModelError("\n".join(problems))
    return WeightFiles(index, path_of, tensors)


def _weight_map(index: Path) -> dict[str, str]:
    """Name of a tensor -> name of its shard, a file beside the index."""
    try:
        listed = json.loads(decode_text(index.read_bytes()))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{index}: not an index of shards: {error!r}, expected an object with weight_map") from None
    if not isinstance(listed, dict) or not listed:
        raise ModelError(f"{index}: weight_map: {listed!r}, expected tensors and their shards")
    for name, shard in listed.items():
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise ModelError(f"{index}: weight_map.{name}: {shard!r}, expected the name of a file beside the index")
    return listed


def _header(path: Path) -> dict[str, StoredTensor]:
    with _opened(path) as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  not a mapping
        return {name: StoredTensor(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The opened safetensors file, its faults told as ModelError."""
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: damaged or cut short: {error}") from None
