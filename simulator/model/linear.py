"""The linear layers of the forward pass, in one of two forms: float matrix products, or spike-driven integer sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ConservationError, ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.count_kernels import accumulate_trains, scale_sums
from simulator.model.encoder import SpikeCounts, join_tokens
from simulator.model.parallel import at_once, blocks, shares
from simulator.model.preset import Preset, as_preset
from simulator.model.program import DRIVEN, HEAD_STREAM, driven_layers, weight_of
from simulator.model.rotation import online_rotations
from simulator.model.weights import (
    FLOAT_BITS,
    QuantizedWeights,
    join_outputs,
    rounded_float,
    rounded_groups,
    weight_groups,
)
from simulator.trace.encoding import Encoding

# Stream id, its values [tokens, n] -> outputs [tokens, n_out] of each layer that the stream drives, in order.
Linear = Callable[[str, NDArray[np.float32]], tuple[NDArray[np.float32], ...]]
Record = Callable[[str, NDArray[np.int16]], None]
Matrix = NDArray[np.float32] | NDArray[np.float64]

# Tokens of each pass whose sums a capture forms again spike by spike; of these at most so many sums of each layer.
VERIFY_TOKENS, VERIFY_SUMS = 1, 48
# Whole numbers up to here are exact in the type, and so is each sum of them that stays below, in any order.
EXACT_FLOAT32 = 1 << 24
LARGEST_INT32 = (1 << 31) - 1


def _stream_ids(checkpoint: Checkpoint, preset: Preset | None = None) -> list[str]:
    """Streams that drive linear layers; of a preset with a spiking head that of the head too."""
    in_blocks = [f"blocks.{i}.{short}" for i in range(checkpoint.config.num_hidden_layers) for short in DRIVEN]
    return in_blocks + ([HEAD_STREAM] if preset is not None and preset.head == "spiking" else [])


class FloatLinear:
    """Dense layers on the weights of the checkpoint: the baseline.

    Parameters
    ----------
    checkpoint
        The model.
    dtype
        Of the products: float32, or float64 where the last bits must not depend on the kind of processor.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: type[np.floating] = np.float32) -> None:
        self._checkpoint, self._dtype = checkpoint, dtype

    def __call__(self, stream_id: str, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Outputs of the layers that the stream drives."""
        return tuple(self._outputs(layer_id, values) for layer_id in driven_layers(stream_id))

    def _outputs(self, layer_id: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        columns = self._checkpoint.weights[weight_of(layer_id)].T.astype(self._dtype, copy=False)
        outputs = np.empty((len(values), columns.shape[1]), np.float32)

        def multiply(rows: slice) -> None:
            outputs[rows] = values[rows].astype(self._dtype, copy=False) @ columns

        at_once(multiply, blocks(len(values)))
        return outputs


@dataclass(frozen=True)
class Group:
    """Integer weights of some inputs of the layers, and the same as a float matrix that makes products exact."""

    inputs: slice
    weights: QuantizedWeights
    matrix: Matrix


# Some inputs of the layers, and the sums [tokens, all n_out] over them -> None; raises on a mismatch.
Check = Callable[["SideBySide", Group, Matrix], None]


@dataclass(frozen=True)
class SideBySide:
    """Layers of one stream as one matrix of integer weights: a product for all of them, their outputs side by side."""

    layer_ids: tuple[str, ...]
    ends: tuple[int, ...]
    groups: tuple[Group, ...]

    def __call__(self, spikes: SpikeCounts, check: Check | None = None) -> list[NDArray[np.float32]]:
        """Outputs [tokens, n_out] of each layer: integer sums per group of inputs, each scaled, then added in float32.

        ``check`` sees the sums of each group, of the first tokens, before they are scaled.
        """
        outputs = np.empty((len(spikes.counts), self.ends[-1]), np.float32)

        def add(rows: slice) -> None:
            block = spikes.rows(rows)
            counts = block.counts.astype(np.float32)
            total = None
            for group in self.groups:
                sums = exact_sums(counts[:, group.inputs], group.matrix)
                if check is not None and rows.start == 0:
                    check(self, group, sums)
                part = dequantize(sums, block, group.weights)
                total = part if total is None else total + part
            outputs[rows] = total

        at_once(add, shares(len(outputs)))  # sums of integers are exact in any order
        return np.split(outputs, self.ends[:-1], axis=1)


def side_by_side(
    layer_ids: tuple[str, ...],
    weights: list[NDArray[np.float32]],
    preset: Preset,
    scales: Sequence[NDArray[np.float32] | None] | None = None,
) -> SideBySide:
    """Layers of weights [n_out, n_in] each and the same inputs, rounded to the integers of the preset.

    ``scales`` [n_out, groups] of each layer were found before; without them they follow from the largest weights.

    Raises
    ------
    ModelError
        When a sum could leave the int32 accumulator.
    """
    given = scales or [None] * len(weights)
    return _joined(
        layer_ids,
        [rounded_groups(w, preset.weights.bits, preset.weights.group, s) for w, s in zip(weights, given, strict=True)],
        preset,
    )


def _joined(layer_ids: tuple[str, ...], rounded: list[list[QuantizedWeights]], preset: Preset) -> SideBySide:
    """Rounded layers of the same inputs as one matrix for each group of inputs."""
    groups = weight_groups(sum(len(q.rows) for q in rounded[0]), preset.weights.group)
    ends = accumulate(len(parts[0].scale) for parts in rounded)
    joined = (
        _group(layer_ids, list(of), inputs, preset)
        for of, inputs in zip(zip(*rounded, strict=True), groups, strict=True)
    )
    return SideBySide(layer_ids, tuple(ends), tuple(joined))


def _group(layer_ids: tuple[str, ...], quantized: list[QuantizedWeights], inputs: slice, preset: Preset) -> Group:
    narrow = [exact_in_float32(i, q.largest_sum, preset.encoding) for i, q in zip(layer_ids, quantized, strict=True)]
    joined = join_outputs(quantized)
    rows = joined.rows
    return Group(inputs, joined, rows.astype(np.float32) if all(narrow) else rows.astype(np.float64))


def float_outputs(
    layer_id: str, weights: NDArray[np.float32], spikes: SpikeCounts, preset: Preset
) -> NDArray[np.float32]:
    """Outputs of weights [n_out, n_in] that stay 16-bit floats: products of the decoded counts, in float64."""
    centred = (spikes.counts - spikes.zero_point[:, None]).astype(np.float64)
    wide = rounded_float(weights, preset.weights.float_format, layer_id).astype(np.float64)
    return np.asarray((centred * spikes.v_threshold[:, None]) @ wide.T, dtype=np.float32)


class SpikingLinear:
    """Spike-driven layers: a stream is encoded once, and its layers see nothing but the integer counts.

    Parameters
    ----------
    checkpoint
        The model, prepared for the preset (`prepare.prepared`); its linear weights are rounded as the preset says.
    preset
        Encoders, online rotations and weights; of an encoding alone see `preset.as_preset`.
    record
        Called with each stream's counts, int16 [tokens, n].
    verify_tokens
        For so many tokens of each call sums are formed again spike by spike (`accumulate_trains`) and compared: all
        of a narrow layer, `VERIFY_SUMS` of a wide one.

    Raises
    ------
    ModelError
        When a sum could leave the int32 accumulator.
    """

    def __init__(
        self, checkpoint: Checkpoint, preset: Encoding | Preset, record: Record | None = None, verify_tokens: int = 0
    ) -> None:
        self._preset = as_preset(preset)
        found = getattr(checkpoint.weights, "rotation", "none")
        if found != self._preset.rotation:
            raise ValueError(f"preset {self._preset.name}: rotation {self._preset.rotation}, but weights of {found}")
        self._encoding = self._preset.encoding
        self._online = online_rotations(checkpoint.config, self._preset.rotation)
        self._record = record
        self._verify_tokens = verify_tokens
        self._checkpoint = checkpoint
        streams = _stream_ids(checkpoint, self._preset)
        self._encoders = {i: self._preset.encoder_of(i) for i in streams}
        small, middle = checkpoint.kept and self._integer, checkpoint.kept_rounded and self._integer
        ids = [layer_id for i in streams for layer_id in driven_layers(i)]
        self._rounded = {i: self._round(i) for i in ids} if middle and not small else {}
        self._kept = {i: (self._side_by_side(driven_layers(i)),) for i in streams} if small else {}
        self.n_verified = 0
        self.n_clipped: Counter[str] = Counter()
        self.n_encoded: Counter[str] = Counter()

    @property
    def _integer(self) -> bool:
        """Whether the weights are integers."""
        return self._preset.weights.bits < FLOAT_BITS

    def _layers(self, stream_id: str) -> Iterable[SideBySide]:
        """What a stream drives: side by side, or of a larger model one layer after another, made when it is used."""
        return self._kept.get(stream_id) or (self._side_by_side((i,)) for i in driven_layers(stream_id))

    def _side_by_side(self, layer_ids: tuple[str, ...]) -> SideBySide:
        return _joined(layer_ids, [self._rounded.get(i) or self._round(i) for i in layer_ids], self._preset)

    def _round(self, layer_id: str) -> list[QuantizedWeights]:
        find, rule = getattr(self._checkpoint.weights, "scales", None), self._preset.weights
        scales = find(weight_of(layer_id)) if find else None  # of weights that were rounded on a text
        return rounded_groups(self._weights(layer_id), rule.bits, rule.group, scales)

    def _weights(self, layer_id: str) -> NDArray[np.float32]:
        return self._checkpoint.weights[weight_of(layer_id)]

    def __call__(self, stream_id: str, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Encode the stream, hand its counts to ``record``, and return the outputs of the layers it drives."""
        kind = stream_id.rsplit(".", 1)[-1]
        spikes = self._encode(stream_id, values)
        self.n_clipped[kind] += spikes.n_clipped
        self.n_encoded[kind] += spikes.counts.size
        if self._record is not None:
            self._record(stream_id, spikes.counts)
        if not self._integer:
            ids = driven_layers(stream_id)
            return tuple(float_outputs(i, self._weights(i), spikes, self._preset) for i in ids)
        check = self._check_of(spikes) if self._verify_tokens else None
        return tuple(output for layers in self._layers(stream_id) for output in layers(spikes, check))

    def of_every_token(self, stream_id: str, counts: NDArray[np.int16]) -> NDArray[np.int16]:
        """Counts [tokens, n] of every token of a pass; those of ``record``, for here every token is encoded."""
        return counts

    def _encode(self, stream_id: str, values: NDArray[np.float32]) -> SpikeCounts:
        """Counts of the stream, rotated first where the preset says so."""
        parts = shares(len(values))
        found: dict[int, SpikeCounts] = {}
        rotate, encoder = self._online.get(stream_id.rsplit(".", 1)[-1]), self._encoders[stream_id]

        def encode(rows: slice) -> None:
            part = values[rows] if rotate is None else rotate(values[rows])
            found[rows.start] = encoder(part, stream_id, rows.start)

        at_once(encode, parts)
        return join_tokens([found[rows.start] for rows in parts])

    def _check_of(self, spikes: SpikeCounts) -> Check:
        """Recomputes the sums of the first tokens spike by spike."""
        n, encoding = self._verify_tokens, self._encoding
        trains = encoding.trains(spikes.counts[:n])

        def check(layers: SideBySide, group: Group, sums: Matrix) -> None:
            n_out = sums.shape[1]
            start = self.n_verified % n_out if n_out > VERIFY_SUMS else 0  # others in the next pass
            some = slice(start, min(start + VERIFY_SUMS, n_out))
            rows = np.ascontiguousarray(group.weights.rows[:, some])
            wrong = accumulate_trains(trains[:, :, group.inputs], rows, encoding) != sums[:n, some]
            if wrong.any():
                place, n_wrong = ", ".join(layers.layer_ids), int(np.count_nonzero(wrong))
                raise ConservationError(
                    f"{place}: {n_wrong} sums of weight rows differ from the sums added spike by spike"
                )
            self.n_verified += wrong.size

        return check


def exact_in_float32(place: str, largest_sum: int, encoding: Encoding) -> bool:
    """Whether sums of integer rows are exact in float32, whatever the order of additions; in float64 all are.

    ``largest_sum`` is that of the rows alone, if every count were 1. Raises ModelError, which names ``place``, where a
    sum could leave the int32 accumulator.
    """
    largest = encoding.levels * largest_sum
    if largest > LARGEST_INT32:
        raise ModelError(
            f"{place}: sums may reach {largest}, an int32 accumulator holds {LARGEST_INT32}"
            f" ({largest - LARGEST_INT32} over); take fewer than {encoding.levels} levels"
        )
    return largest < EXACT_FLOAT32


def exact_sums(counts: NDArray[np.integer] | NDArray[np.float32], matrix: Matrix) -> Matrix:
    """Integer sums S = counts @ rows [tokens, n_out] as whole numbers of a float type, through a matrix product.

    Exact because every partial sum is a whole number below the bound that chose the matrix type (`SpikingLinear`).
    """
    sums: Matrix = np.matmul(counts.astype(matrix.dtype, copy=False), matrix)
    return sums


def dequantize(sums: Matrix | NDArray[np.int32], spikes: SpikeCounts, weights: QuantizedWeights) -> NDArray[np.float32]:
    """Outputs ``(S - zero_point * column_sum) * v_threshold * scale``, float32 [tokens, n_out].

    They take the place of the sums S of signed counts, where these are float32.
    """
    if spikes.zero_point.any():  # whole numbers still, in a type that holds them
        sums = sums.astype(np.float64) - spikes.zero_point[:, None] * weights.column_sums
    outputs = np.ascontiguousarray(sums, np.float32)
    scale_sums(outputs, spikes.v_threshold, weights.scale)
    return outputs
