"""What the logits say of a text: nats, most likely tokens, distance to another model; a part of the vocabulary at once.

Logits are never held for a whole text: a part of the head meets some tokens, and running sums take what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import F32, F64
from simulator.errors import ModelError
from simulator.model.checkpoint import Checkpoint
from simulator.model.linear import Linear
from simulator.model.parallel import at_once, blocks, one_blas_thread
from simulator.model.program import HEAD_STREAM

# Logits of a spiking head, for some tokens and the whole vocabulary, that are held at once.
LOGIT_BYTES = 256 * 2**20
# Called with some positions, the logits [positions, part] of each model, and the first id of the part.
Add = Callable[[slice, "list[F32]", int], None]


class TokenScores:
    """Running sums over the vocabulary at n positions, for one model.

    Parameters
    ----------
    targets
        int64 [n]: the token that follows each position.

    Attributes
    ----------
    largest, chosen
        float32 [n]: the largest logit so far, and that of the target.
    best
        int64 [n]: the id of the largest.
    total
        float64 [n]: sum of ``exp(logit - largest)``.
    """

    def __init__(self, targets: NDArray[np.int64]) -> None:
        self.targets = targets
        self.largest = np.full(len(targets), -np.inf, np.float32)
        self.chosen = np.full(len(targets), np.nan, np.float32)
        self.best = np.zeros(len(targets), np.int64)
        self.total = np.zeros(len(targets))

    def add(self, rows: slice, logits: F32, first: int) -> tuple[F32, F64]:
        """Take the logits [rows, part] of the ids from ``first``.

        Returns
        -------
        tuple
            ``exp(logits - largest)``, and the factor [rows] that brings earlier sums to the new largest logit.
        """
        place = logits.argmax(axis=1)
        highest = np.take_along_axis(logits, place[:, None], axis=1)[:, 0]
        self.best[rows] = np.where(highest > self.largest[rows], first + place, self.best[rows])
        largest = np.maximum(self.largest[rows], highest)
        factor: F64 = np.exp(np.asarray(self.largest[rows] - largest, np.float64))
        powers: F32 = logits - largest[:, None]
        np.exp(powers, out=powers)
        self.total[rows] = self.total[rows] * factor + powers.sum(axis=1)
        self.largest[rows] = largest
        inside = self.targets[rows] - first
        here = np.flatnonzero((inside >= 0) & (inside < logits.shape[1]))
        self.chosen[rows][here] = logits[here, inside[here]]
        return powers, factor

    @property
    def log_sums(self) -> F64:
        """``log(sum(exp(logits)))`` [n]."""
        return np.asarray(self.largest + np.log(self.total), np.float64)

    @property
    def n_right(self) -> int:
        """Positions whose most likely token is the one that follows: cloze answers that are right."""
        return int(np.count_nonzero(self.best == self.targets))

    @property
    def nats(self) -> float:
        """Negative log-likelihood of all targets together."""
        return float((self.log_sums - self.chosen).sum())

    def check_finite(self, numbers: NDArray[np.int64]) -> None:
        """Raise ModelError when a logit is NaN or infinite; ``numbers`` [n] are those of the passages."""
        wrong = np.flatnonzero(~(np.isfinite(self.log_sums) & np.isfinite(self.chosen)))
        if wrong.size:
            raise ModelError(f"passage {numbers[wrong[0]]}: the logits hold NaN or infinity, expected finite ones")


class TextScores:
    """Scores of a model at n positions, and its distance to a reference model where there is one.

    Parameters
    ----------
    targets
        int64 [n]: the token that follows each position.
    compared
        Whether `add` gets the logits of a reference as well.
    """

    def __init__(self, targets: NDArray[np.int64], compared: bool = False) -> None:
        self.model = TokenScores(targets)
        self.reference = TokenScores(targets) if compared else None
        self._weighted = np.zeros(len(targets))

    def add(self, rows: slice, logits: list[F32], first: int) -> None:
        """Take the logits [rows, part] of the model, and then of the reference, for the ids from ``first``."""
        self.model.add(rows, logits[0], first)
        if self.reference is not None:
            powers, factor = self.reference.add(rows, logits[1], first)
            apart = np.einsum("ij,ij->i", powers, logits[1] - logits[0])
            self._weighted[rows] = self._weighted[rows] * factor + apart

    @property
    def divergence_nats(self) -> float:
        """Kullback-Leibler divergence from the reference, ``sum p_ref * (log p_ref - log p)``, over all positions."""
        if self.reference is None:
            return 0.0
        between = self.reference.log_sums - self.model.log_sums
        return float((self._weighted / self.reference.total - between).sum())

    @property
    def n_agreeing(self) -> int:
        """Positions at which model and reference have the same most likely token."""
        return 0 if self.reference is None else int((self.model.best == self.reference.best).sum())


@np.errstate(over="ignore", invalid="ignore")  # refused by `check_finite`
def score_dense(checkpoints: list[Checkpoint], states: list[F32], add: Add) -> None:
    """Logits of dense heads on the normed residuals [n, d] of each model, the heads read once, handed to ``add``."""
    with one_blas_thread():
        first = 0
        for parts in zip(*(checkpoint.head_parts() for checkpoint in checkpoints), strict=True):
            heads: list[F32] = list(parts)

            def score(rows: slice, heads: list[F32] = heads, first: int = first) -> None:
                add(rows, [x[rows] @ head.T for x, head in zip(states, heads, strict=True)], first)

            at_once(score, small_blocks(len(states[0])))
            first += len(heads[0])


@np.errstate(over="ignore", invalid="ignore")
def score_spiking(linear: Linear, states: F32, vocab_size: int) -> Iterator[tuple[slice, F32]]:
    """Rows, and their logits [rows, V], of a spiking head on the normed residuals [n, d] of all tokens, in order."""
    step = max(1, LOGIT_BYTES // (4 * vocab_size))
    for start in range(0, len(states), step):
        rows = slice(start, min(start + step, len(states)))
        with one_blas_thread():
            (logits,) = linear(HEAD_STREAM, states[rows])
        yield rows, logits


def small_blocks(n: int) -> list[slice]:
    """Blocks of positions whose logits stay near a core: halves of `blocks`."""
    return [
        slice(start, min(start + 128, block.stop))
        for block in blocks(n)
        for start in range(block.start, block.stop, 128)
    ]
