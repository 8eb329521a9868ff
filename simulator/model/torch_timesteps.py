"""Rows of a trace from a network that is stepped over time: samples, their tokens, and the timesteps of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32
from simulator.errors import ModelError
from simulator.model.torch_tokens import Mask


@dataclass(frozen=True)
class Grid:
    """Sizes of a run: samples, tokens of each, timesteps of each token."""

    samples: int
    tokens: int
    timesteps: int

    def __str__(self) -> str:
        """In words."""
        words = [f"{self.samples} samples", f"{self.tokens} tokens", f"{self.timesteps} timesteps"]
        return ", ".join(words[:1] + words[1 + (self.tokens == 1) :])


@dataclass(frozen=True)
class TimeAxis:
    """Where the inputs of a layer hold timesteps.

    Attributes
    ----------
    axis
        The axis of a single call that holds them; None where there is none.
    timesteps, samples
        Sizes that share the first axis of a single call where a module flattens them; 0 where that is not known.
    """

    axis: int | None = 0
    timesteps: int = 0
    samples: int = 0

    def split(self, call: F32, layer_id: str) -> F32:
        """The inputs of a single call as [timesteps, samples, ...]; one timestep where it holds none.

        Raises
        ------
        ModelError
            The call has no such axis.
        """
        if self._is_flat(call):
            return call.reshape(self.timesteps, -1, *call.shape[1:])
        if call.ndim < 3 or self.axis is None:
            return call[None]
        if not -call.ndim < self.axis < call.ndim - 1 or self.axis == -1:
            raise ModelError(
                f"{layer_id}: time_axis {self.axis}, expected an axis of {list(call.shape)} before the last"
            )
        return np.moveaxis(call, self.axis, 0)

    def _is_flat(self, call: F32) -> bool:
        if self.timesteps < 2 or call.ndim < 2:
            return False
        if self.samples:
            return self.axis == 0 and len(call) == self.timesteps * self.samples
        return len(call) > self.timesteps and len(call) % self.timesteps == 0


def in_time(calls: Sequence[F32], time: TimeAxis, layer_id: str) -> F32:
    """Inputs of all calls of a layer as [timesteps, samples, tokens, n]; several calls are timesteps one after another.

    Raises
    ------
    ModelError
        The calls have different shapes, or no axis of time.
    """
    shapes = {call.shape for call in calls}
    if len(shapes) > 1:
        found = " and ".join(str(list(shape)) for shape in sorted(shapes)[:2])
        raise ModelError(f"{layer_id}: called with inputs of shapes {found}, expected one shape in every timestep")
    steps = np.stack(calls) if len(calls) > 1 else time.split(calls[0], layer_id)
    if steps.ndim == 2:  # one sample without an axis for it
        steps = steps[:, None]
    return steps.reshape(*steps.shape[:2], -1, steps.shape[-1])


def on_one_grid(steps: Mapping[str, F32]) -> tuple[Grid, dict[str, F32]]:
    """The sizes of the network, and every layer's inputs in them, where timesteps and samples were one axis too.

    Raises
    ------
    ModelError
        A layer has sizes that are neither those of the others nor 1.
    """
    shapes = [values.shape[:3] for values in steps.values()]
    timesteps, samples, tokens = max(shapes, key=lambda shape: (np.prod(shape), shape[0], shape[2]))
    grid, found = Grid(samples, tokens, timesteps), {}
    for layer_id, values in steps.items():
        shape = values.shape[:3]
        fits = shape[0] in (1, timesteps) and shape[1] == samples and shape[2] in (1, tokens)
        for steps_of in (timesteps, 1):  # samples and tokens that were taken for timesteps and samples
            if not fits and np.prod(shape) == steps_of * samples * tokens:
                values, fits = values.reshape(steps_of, samples, tokens, -1), True
        if not fits:
            raise ModelError(
                f"{layer_id}: {shape[0]} timesteps of {shape[1]} samples of {shape[2]} tokens, expected {timesteps} of"
                f" {samples} of {tokens} as in other layers; a module that is used twice per timestep is not supported"
            )
        found[layer_id] = values
    return grid, found


def in_rows(steps: F32, grid: Grid, first: bool) -> tuple[F32, NDArray[np.bool_]]:
    """Inputs as rows of the trace [samples * tokens * timesteps, n], and which rows the layer was called for.

    A layer that is called once per sample or token, such as a read-out of mean rates, has its counts in the last row of
    it, or in the first (``first``: it comes before every layer that is stepped). Elsewhere it is silent.
    """
    n_steps, _, n_tokens, n = steps.shape
    rows = np.zeros((grid.samples, grid.tokens, grid.timesteps, n), steps.dtype)
    called = np.zeros(rows.shape[:3], np.bool_)
    at = 0 if first else -1
    tokens = slice(None) if n_tokens == grid.tokens else [at]
    times = slice(None) if n_steps == grid.timesteps else [at]
    part = rows[:, tokens]
    part[:, :, times] = steps.transpose(1, 2, 0, 3)
    rows[:, tokens] = part
    mark = called[:, tokens]
    mark[:, :, times] = True
    called[:, tokens] = mark
    return rows.reshape(-1, n), called.reshape(-1)


def kept_rows(mask: Mask | None, grid: Grid) -> tuple[NDArray[np.bool_], list[int]]:
    """Which rows are not of padding, and the rows of each sample that has any."""
    if mask is None:
        return np.ones(grid.samples * grid.tokens * grid.timesteps, np.bool_), [
            grid.tokens * grid.timesteps
        ] * grid.samples
    if mask.shape != (grid.samples, grid.tokens):
        expected = f"{grid.samples} of {grid.tokens}"
        raise ModelError(f"the mask is of {mask.shape[0]} samples of {mask.shape[1]} tokens, expected {expected}")
    return np.repeat(mask.reshape(-1), grid.timesteps), [int(n) * grid.timesteps for n in mask.sum(axis=1) if n]


@dataclass(frozen=True)
class Rows:
    """What every layer of a stepped network was fed, in the rows of a trace.

    Attributes
    ----------
    grid
        Samples, tokens and timesteps.
    values
        By layer, float32 [rows, n]: sample after sample, in it token after token, and of each all timesteps.
    lengths
        Rows of each sample.
    once
        Layers that are silent in some rows, because they were called once for several timesteps or tokens.
    """

    grid: Grid
    values: Mapping[str, F32]
    lengths: list[int]
    once: tuple[str, ...]


def rows_of(calls: Mapping[str, Sequence[F32]], time: TimeAxis, mask: Mask | None) -> Rows:
    """The rows of a network of these calls of each layer, without padding.

    Raises
    ------
    ModelError
        Layers are stepped differently, or the mask does not fit.
    """
    grid, steps = on_one_grid({i: in_time(of_layer, time, i) for i, of_layer in calls.items()})
    kept, lengths = kept_rows(mask, grid)
    values: dict[str, F32] = {}
    once: list[str] = []
    for layer_id, of_layer in steps.items():
        stepped_before = len(values) > len(once)
        rows, called = in_rows(of_layer, grid, first=not stepped_before)
        values[layer_id] = rows[kept]
        once += [] if called.all() else [layer_id]
    return Rows(grid, values, lengths, tuple(once))
