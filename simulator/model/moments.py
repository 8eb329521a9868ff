"""Second moments of the activations in front of the linear layers: what channel scales are computed from.

The moments come from a file that `spikewatt calibrate` wrote, or from a float pass over the calibration text that is
shipped (``calibration_text.txt``, 3.5 kB of prose, dialogue, numbers and code). The shipped text does not depend on the
text under test, so the prepared weights do not either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32, F64
from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.linear import FloatLinear
from simulator.model.llama_config import LlamaConfig
from simulator.model.program import DRIVEN, HEAD_STREAM
from simulator.model.tokenizer import Passage, Tokenizer
from simulator.model.transformer import final_states
from simulator.npz_file import read_npz
from simulator.outputs.output_file import MOMENTS, replaced_whole

TEXT = Path(__file__).with_name("calibration_text.txt")
TEXT_TOKENS = 1024
HEADERS_BYTES = 16 << 20  # more than the headers of all arrays of a file


@dataclass(frozen=True)
class Moments:
    """Means of products of activations over the tokens of a text, the first token of each passage included.

    Attributes
    ----------
    channels
        Stream id -> float64 [n], mean of ``x_j**2``; ``head_in`` is what the head sees.
    heads
        Id of an ``attn_out`` stream -> float64 [kv, hd, hd], mean of ``x_i * x_j`` within the query heads of a group.
    slopes
        Id of an ``mlp_in`` stream -> float64 [2, f], means of the squared derivatives of ``silu(gate) * up`` by gate
        and by up: how strongly an error of either reaches the input of down.
    """

    channels: Mapping[str, F64]
    heads: Mapping[str, F64]
    slopes: Mapping[str, F64]


class _Sums(FloatLinear):
    """Dense layers that add up the products of their inputs."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self._heads = (checkpoint.config.num_key_value_heads, checkpoint.config.head_dim)
        self.channels: dict[str, F64] = {}
        self.products: dict[str, F64] = {}
        self.slopes: dict[str, F64] = {}

    def __call__(self, stream_id: str, values: F32) -> tuple[F32, ...]:
        """Outputs of the layers, after the inputs were added."""
        wide = self.add(stream_id, values)
        if stream_id.endswith(".attn_out"):
            by_head = wide.reshape(len(wide), self._heads[0], -1, self._heads[1])  # [tokens, kv, g, hd]
            rows = by_head.transpose(1, 0, 2, 3).reshape(self._heads[0], -1, self._heads[1])
            self.products[stream_id] = self.products.get(stream_id, 0) + rows.swapaxes(1, 2) @ rows
        outputs = super().__call__(stream_id, values)
        if stream_id.endswith(".mlp_in"):
            self.slopes[stream_id] = self.slopes.get(stream_id, 0) + _squared_slopes(*outputs)
        return outputs

    def add(self, stream_id: str, values: F32) -> F64:
        """Add the squares of a stream, and return its values in float64."""
        wide = values.astype(np.float64)
        self.channels[stream_id] = self.channels.get(stream_id, 0) + (wide**2).sum(axis=0)
        return wide


def _squared_slopes(gate: F32, up: F32) -> F64:
    """Sums over the tokens of the squared derivatives of ``silu(gate) * up``, float64 [2, f]."""
    g, u = gate.astype(np.float64), up.astype(np.float64)
    sigmoid = 1 / (1 + np.exp(-np.clip(g, -700, 700)))
    by_gate = u * sigmoid * (1 + g * (1 - sigmoid))
    return np.stack([(by_gate**2).sum(axis=0), ((g * sigmoid) ** 2).sum(axis=0)])


def second_moments(
    checkpoint: Checkpoint, passages: list[NDArray[np.int64]], progress: Callable[[int], None] = lambda done: None
) -> Moments:
    """Moments of every stream in a float pass of the passages (token ids), one passage after another.

    ``progress`` is called with the number of passages that are done.
    """
    sums, config = _Sums(checkpoint), checkpoint.config
    for number, token_ids in enumerate(passages, 1):
        sums.add(HEAD_STREAM, final_states(checkpoint, (token_ids,), sums))
        progress(number)
    n = sum(len(token_ids) for token_ids in passages)
    rows = n * config.num_attention_heads // config.num_key_value_heads
    return Moments(
        {i: x / n for i, x in sums.channels.items()},
        {i: x / rows for i, x in sums.products.items()},
        {i: x / n for i, x in sums.slopes.items()},
    )


def moments_of(
    checkpoint: Checkpoint, path: str | None, passages: tuple[Passage, ...]
) -> tuple[Moments, tuple[str, ...]]:
    """Moments from a file, or of the shipped text, or of the passages where the model has no tokenizer; and warnings.

    Raises
    ------
    ModelError
        When the file does not fit the model, or there is neither a tokenizer nor a passage.
    """
    if path is not None:
        return read_moments(Path(path), checkpoint), ()
    token_ids, notes = calibration_tokens(checkpoint, passages, "channel scales")
    return second_moments(checkpoint, token_ids), notes


def calibration_tokens(
    checkpoint: Checkpoint, passages: tuple[Passage, ...], purpose: str
) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Passages of token ids of the shipped text, or of the text itself where the model has no tokenizer; and warnings.

    Raises ModelError, which names the ``purpose``, when there is neither a tokenizer nor a passage.
    """
    shipped = _shipped_tokens(checkpoint)
    if shipped:
        return shipped, ()
    own = _windows(np.concatenate([p.token_ids for p in passages] or [np.zeros(0, np.int64)]), checkpoint)
    if not own:
        raise ModelError(f"{purpose} need a text: the model has no tokenizer for the shipped one; pass a text")
    n = sum(len(token_ids) for token_ids in own)
    return own, (f"{purpose} come from the first {n} tokens of the text itself: the shipped text has no tokens here",)


def _shipped_tokens(checkpoint: Checkpoint) -> list[NDArray[np.int64]]:
    """Token ids of the shipped text in passages of the context; nothing where the tokenizer cannot encode it."""
    if checkpoint.location is None:
        return []
    try:
        tokenizer = Tokenizer(checkpoint.location, checkpoint.config)
        passage = tokenizer.passage(TEXT.read_text(encoding="utf-8"), TEXT_TOKENS)
    except ModelError:
        return []
    return [] if passage.n_unknown else _windows(passage.token_ids, checkpoint)


def _windows(token_ids: NDArray[np.int64], checkpoint: Checkpoint) -> list[NDArray[np.int64]]:
    """The first `TEXT_TOKENS` tokens in passages that fit the context of the model."""
    most = min(TEXT_TOKENS, checkpoint.config.max_position_embeddings)
    ids = token_ids[:TEXT_TOKENS]
    return [ids[start : start + most] for start in range(0, len(ids), most)]


def write_moments(moments: Moments, path: Path) -> None:
    """Write the moments as float32 arrays to an ``.npz`` file, whole or not at all."""
    arrays: dict[str, Any] = {f"channels/{i}": x.astype(np.float32) for i, x in moments.channels.items()}
    arrays |= {f"heads/{i}": x.astype(np.float32) for i, x in moments.heads.items()}
    arrays |= {f"slopes/{i}": x.astype(np.float32) for i, x in moments.slopes.items()}
    with replaced_whole(path, MOMENTS) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_moments(path: Path, checkpoint: Checkpoint) -> Moments:
    """Moments from a file of `write_moments`.

    Raises
    ------
    ModelError
        When the file is missing, damaged, or of another model.
    """
    expected = _shapes(checkpoint.config)
    most = 2 * sum(prod(shape) for shape in expected.values()) * np.dtype(np.float64).itemsize
    try:
        arrays = {name: x.astype(np.float64) for name, x in read_npz(path, most + HEADERS_BYTES).items()}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot read the moments of a calibration: {error}") from None
    found = {name: x.shape for name, x in arrays.items()}
    if found != expected:
        wrong = next(name for name in (*expected, *found) if found.get(name) != expected.get(name))
        raise ModelError(
            f"{path}: {wrong}: found shape {found.get(wrong, 'nothing')}, expected {expected.get(wrong, 'nothing')};"
            " calibrate on this model"
        )
    if not all(np.isfinite(x).all() for x in arrays.values()):
        raise ModelError(f"{path}: found NaN or infinity, expected finite moments")

    def of_kind(kind: str) -> dict[str, F64]:
        return {name.split("/")[1]: x for name, x in arrays.items() if name.startswith(kind)}

    return Moments(of_kind("channels"), of_kind("heads"), of_kind("slopes"))


def _shapes(config: LlamaConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array of moments."""
    widths = {"attn_out": (config.q_width,), "mlp_hidden": (config.intermediate_size,)}
    kv, hd = config.num_key_value_heads, config.head_dim
    found: dict[str, tuple[int, ...]] = {}
    for i in range(config.num_hidden_layers):
        for kind in DRIVEN:
            found[f"channels/blocks.{i}.{kind}"] = widths.get(kind, (config.hidden_size,))
        found[f"heads/blocks.{i}.attn_out"] = (kv, hd, hd)
        found[f"slopes/blocks.{i}.mlp_in"] = (2, config.intermediate_size)
    found[f"channels/{HEAD_STREAM}"] = (config.hidden_size,)
    return found
