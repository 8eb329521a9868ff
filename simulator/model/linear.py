"""The linear layers of the forward pass, in two ways: float matrix products, or spike-driven integer sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ConservationError, ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.encoder import SpikeCounts, encode
from simulator.model.kernels import accumulate_spikes
from simulator.model.program import DRIVEN, driven_layers
from simulator.model.weights import QuantizedWeights, quantize_weights
from simulator.trace.encoding import Encoding

# Stream id, its values [tokens, n] -> outputs [tokens, n_out] of each layer that the stream drives, in order.
Linear = Callable[[str, NDArray[np.float32]], tuple[NDArray[np.float32], ...]]
Record = Callable[[str, NDArray[np.int16]], None]
Matrix = NDArray[np.float32] | NDArray[np.float64]

# Whole numbers up to here are exact in the type, and so is each sum of them that stays below, in any order.
EXACT_FLOAT32 = 1 << 24
LARGEST_INT32 = (1 << 31) - 1


def _linear_ids(checkpoint: Checkpoint) -> list[str]:
    kinds = [kind for driven in DRIVEN.values() for kind in driven]
    return [f"blocks.{i}.{kind}" for i in range(checkpoint.config.num_hidden_layers) for kind in kinds]


class FloatLinear:
    """Dense layers on the weights of the checkpoint: the baseline.

    The product is formed in float64: in float32 its last bits depend on the number of BLAS threads.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._kept: dict[str, NDArray[np.float64]] = {}
        self._kept = {i: self._matrix(i) for i in _linear_ids(checkpoint)} if checkpoint.kept else {}

    def __call__(self, stream_id: str, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Outputs of the layers that the stream drives."""
        wide = values.astype(np.float64)
        return tuple((wide @ self._matrix(layer_id)).astype(np.float32) for layer_id in driven_layers(stream_id))

    def _matrix(self, layer_id: str) -> NDArray[np.float64]:
        """float64 [n_in, n_out]; of a large model it is made anew each time."""
        if layer_id in self._kept:
            return self._kept[layer_id]
        return self._checkpoint.weights[layer_id].T.astype(np.float64)


@dataclass(frozen=True)
class _SpikingLayer:
    """INT8 weights of a layer, and the same as a float matrix wide enough that products with counts are exact."""

    weights: QuantizedWeights
    matrix: Matrix


class SpikingLinear:
    """Spike-driven layers: a stream is encoded once, and its layers see nothing but the integer counts.

    Parameters
    ----------
    checkpoint
        The model; its linear weights are rounded to INT8 (`quantize_weights`).
    encoding
        Code and levels of every stream.
    record
        Called with each stream's counts, int16 [tokens, n].
    verify_tokens
        For so many tokens of each call the sums are formed again spike by spike (`accumulate_spikes`) and compared.

    Raises
    ------
    ModelError
        When a sum could leave the int32 accumulator.
    """

    def __init__(
        self, checkpoint: Checkpoint, encoding: Encoding, record: Record | None = None, verify_tokens: int = 0
    ) -> None:
        self._encoding = encoding
        self._record = record
        self._verify_tokens = verify_tokens
        self._checkpoint = checkpoint
        self._kept = {i: self._layer(i) for i in _linear_ids(checkpoint)} if checkpoint.kept else {}
        self.n_verified = 0

    def _layer(self, layer_id: str) -> _SpikingLayer:
        quantized = quantize_weights(self._checkpoint.weights[layer_id])
        largest = self._encoding.levels * quantized.largest_sum
        if largest > LARGEST_INT32:
            raise ModelError(
                f"{layer_id}: sums may reach {largest}, an int32 accumulator holds {LARGEST_INT32}"
                f" ({largest - LARGEST_INT32} over); take fewer than {self._encoding.levels} levels"
            )
        if largest < EXACT_FLOAT32:
            return _SpikingLayer(quantized, quantized.rows.astype(np.float32))
        return _SpikingLayer(quantized, quantized.rows.astype(np.float64))

    def __call__(self, stream_id: str, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Encode the stream, hand its counts to ``record``, and return the outputs of the layers it drives."""
        spikes = encode(values, self._encoding, stream_id)
        if self._record is not None:
            self._record(stream_id, spikes.counts)
        return tuple(self._outputs(layer_id, spikes) for layer_id in driven_layers(stream_id))

    def _outputs(self, layer_id: str, spikes: SpikeCounts) -> NDArray[np.float32]:
        layer = self._kept.get(layer_id) or self._layer(layer_id)
        sums = exact_sums(spikes.counts, layer.matrix)
        if self._verify_tokens:
            n = self._verify_tokens
            self._verify(layer_id, layer.weights.rows, spikes.counts[:n], sums[:n])
        return dequantize(sums, spikes, layer.weights)

    def _verify(
        self, layer_id: str, rows: NDArray[np.int8], counts: NDArray[np.int16], sums: NDArray[np.int32]
    ) -> None:
        by_spike = accumulate_spikes(counts, rows, self._encoding)
        if not np.array_equal(by_spike, sums):
            n = int(np.count_nonzero(by_spike != sums))
            raise ConservationError(f"{layer_id}: {n} sums of weight rows differ from the sums added spike by spike")
        self.n_verified += sums.size


def exact_sums(counts: NDArray[np.int16], matrix: Matrix) -> NDArray[np.int32]:
    """Integer sums S = counts @ rows, int32 [tokens, n_out], through a float matrix product.

    Exact because every partial sum is a whole number below the bound that chose the matrix type (`SpikingLinear`).
    """
    return np.asarray(np.matmul(counts.astype(matrix.dtype), matrix), dtype=np.int32)


def dequantize(sums: NDArray[np.int32], spikes: SpikeCounts, weights: QuantizedWeights) -> NDArray[np.float32]:
    """Outputs ``(S - zero_point * column_sum) * v_threshold * scale``, float32 [tokens, n_out]."""
    centred = sums - spikes.zero_point[:, None] * weights.column_sums
    return centred.astype(np.float32) * spikes.v_threshold[:, None] * weights.scale
