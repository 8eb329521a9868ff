"""Hadamard matrices (entries 1 and -1, orthogonal rows) of the widths that models have, and their fast transform.

``n = b * 2**k``: a base matrix of order b by a known construction, doubled k times (Sylvester 1867). The bases:

- order 1;
- Paley 1933, type I of order q + 1 for a prime q = 3 mod 4, and type II of order 2(q + 1) for a prime q = 1 mod 4;
- order 172 by Goethals and Seidel 1967, from four supplementary difference sets of cyclotomic classes modulo 43.

A width without such a factor is cut into equal blocks of the largest width that has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

from simulator.arrays import F32, F64
from simulator.model.count_kernels import add_pairs, add_signed

Floats = TypeVar("Floats", F32, F64)

# Modulo 43 with primitive root 3: row j has +1 at 0 and at 3**k where bit (k mod 6) is set. Their periodic
# autocorrelations add up to 0 at every shift but 0 (found by trying all; a test multiplies the matrix out).
GOETHALS_SEIDEL_43 = (3, 11, 14, 37)


@dataclass(frozen=True)
class Hadamard:
    """The transform ``x -> x H`` of a width: equal blocks, in each a base of order ``base`` doubled some times.

    H is not normalized: ``H H^T = order * I``. Its adds are counted, and ``1 / order`` goes into the weights behind it.
    """

    base: int
    doublings: int
    blocks: int = 1

    @property
    def order(self) -> int:
        """Width of a block."""
        return self.base << self.doublings

    @property
    def adds(self) -> int:
        """Additions and subtractions of one transform: a butterfly has two outputs, a row of the base b - 1 adds."""
        width = self.order * self.blocks
        return width * self.doublings + width * (self.base - 1)

    def __call__(self, values: Floats, inner: int = 1) -> Floats:
        """``values`` [..., blocks * order * inner] times H, in a fixed order of additions in their own type.

        Of ``inner`` values that stand side by side each is transformed with those of the same place.
        """
        if values.dtype == np.float32:
            return np.asarray(self._compiled(values, inner), values.dtype)
        return self._plain(values, inner)

    def _plain(self, values: Floats, inner: int) -> Floats:
        """Of weights, which are folded once."""
        x: Floats = values.reshape(-1, self.blocks, 1 << self.doublings, self.base * inner)
        for k in range(self.doublings):
            pairs = x.reshape(-1, self.blocks, 1 << k, 2, 1 << (self.doublings - k - 1), self.base * inner)
            low, high = pairs[:, :, :, 0], pairs[:, :, :, 1]
            x = np.stack([low + high, low - high], axis=3)
        if self.base > 1:
            signs = base_matrix(self.base).astype(values.dtype)
            x = np.einsum("nbi,bc->nci", x.reshape(-1, self.base, inner), signs)
        rotated: Floats = x.reshape(values.shape)
        return rotated

    def _compiled(self, values: Floats, inner: int) -> F32:
        """Of activations, at every token: the same additions."""
        x = np.array(values, np.float32, order="C").reshape(-1, self.order * inner)
        add_pairs(x, self.base * inner)
        if self.base > 1:
            rows = np.ascontiguousarray(x.reshape(-1, self.base, inner).swapaxes(1, 2))
            add_signed(rows.reshape(-1, self.base), base_matrix(self.base).astype(np.float32))
            x = np.ascontiguousarray(rows.swapaxes(1, 2))
        return x.reshape(values.shape)

    def matrix(self) -> F64:
        """H itself, float64 [blocks * order, blocks * order]."""
        doubled = np.ones((1, 1))
        for _ in range(self.doublings):
            doubled = np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), doubled)
        one = np.kron(doubled, base_matrix(self.base))
        return np.kron(np.eye(self.blocks), one)


@cache
def hadamard_of(width: int) -> Hadamard:
    """The transform of a width, in as few blocks as the constructions allow."""
    for blocks in range(1, width + 1):
        if width % blocks == 0 and (found := _one_block(width // blocks)) is not None:
            return Hadamard(found.base, found.doublings, blocks)
    raise ValueError(f"width {width}, expected at least 1")


def _one_block(width: int) -> Hadamard | None:
    """The transform of a width in one block: of all bases that fit the smallest, which has fewest adds."""
    doublings = (width & -width).bit_length() - 1
    for k in range(doublings, -1, -1):
        if _construction(width >> k) is not None:
            return Hadamard(width >> k, k)
    return None


def _construction(order: int) -> str | None:
    """Name of the construction of a base of this order."""
    if order == 1:
        return "one"
    if order % 4 == 0 and order % 8 and _is_prime(order - 1) and (order - 1) % 4 == 3:
        return "paley I"
    if order % 4 == 0 and _is_prime(order // 2 - 1) and (order // 2 - 1) % 4 == 1:
        return "paley II"
    return "goethals-seidel" if order == 172 else None


@cache
def base_matrix(order: int) -> F64:
    """A Hadamard matrix of a base order, float64 [order, order]."""
    kind = _construction(order)
    if kind == "one":
        return np.ones((1, 1))
    if kind == "paley I":
        return np.eye(order) + _bordered(order - 1, skew=True)
    if kind == "paley II":
        conference = _bordered(order // 2 - 1, skew=False)
        on_diagonal, elsewhere = np.array([[1.0, -1.0], [-1.0, -1.0]]), np.array([[1.0, 1.0], [1.0, -1.0]])
        return np.kron(np.eye(order // 2), on_diagonal) + np.kron(conference, elsewhere)
    if kind == "goethals-seidel":
        return _goethals_seidel()
    raise ValueError(f"no construction of order {order}")


def _bordered(q: int, skew: bool) -> F64:
    """Paley's conference matrix of order q + 1: the quadratic characters of all differences, with a border of ones."""
    squares = {i * i % q for i in range(1, q)}
    character = np.array([0.0, *(1.0 if i in squares else -1.0 for i in range(1, q))])
    matrix = np.zeros((q + 1, q + 1))
    matrix[1:, 1:] = character[np.subtract.outer(np.arange(q), np.arange(q)) % q]
    matrix[0, 1:] = 1
    matrix[1:, 0] = -1 if skew else 1
    return matrix


def _goethals_seidel() -> F64:
    """The array of Goethals and Seidel on four circulants of order 43."""
    n = 43
    exponent = {pow(3, k, n): k for k in range(n - 1)}
    circulant = []
    for bits in GOETHALS_SEIDEL_43:
        row = np.array([1.0] + [1.0 if bits >> (exponent[i] % 6) & 1 else -1.0 for i in range(1, n)])
        circulant.append(row[np.subtract.outer(np.arange(n), np.arange(n)).T % n])
    a, b, c, d = circulant
    back = np.eye(n)[::-1]
    return np.block(
        [
            [a, b @ back, c @ back, d @ back],
            [-b @ back, a, d.T @ back, -c.T @ back],
            [-c @ back, -d.T @ back, a, b.T @ back],
            [-d @ back, c.T @ back, -b.T @ back, a],
        ]
    )


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % d for d in range(2, int(number**0.5) + 1))
