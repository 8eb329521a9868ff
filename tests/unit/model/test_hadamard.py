"""Hadamard matrices multiply out, and the fast transform is the matrix."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.model.hadamard import Hadamard, hadamard_of

# Sylvester; Paley I (12, 20, 44, 108, 140); Paley II (28, 76, 148); Goethals-Seidel (172); doubled; in blocks.
WIDTHS = [1, 2, 8, 12, 20, 28, 44, 64, 76, 96, 108, 140, 148, 172, 344, 384, 6, 10, 50, 100]


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_are_orthogonal_signs_and_the_transform_multiplies_by_them(width):
    transform = hadamard_of(width)
    matrix = transform.matrix()
    assert matrix.shape == (width, width)
    assert np.array_equal(matrix @ matrix.T, transform.order * np.eye(width))
    inside = np.kron(np.eye(transform.blocks), np.ones((transform.order, transform.order)))
    assert np.array_equal(np.abs(matrix), inside)
    values = np.random.default_rng(0).integers(-9, 10, (3, 2, width)).astype(np.float32)
    assert np.array_equal(transform(values), values @ matrix)  # small whole numbers: exact in float32


def test_widths_of_known_models_need_one_block():
    # LLaMA-2 7B/13B/70B, LLaMA-3 8B, TinyLlama, Qwen2 0.5B/1.5B/7B/14B, stories260K and the shipped model
    for width in (
        11008,
        13824,
        28672,
        14336,
        5632,
        4864,
        8960,
        18944,
        172,
        384,
        4096,
        5120,
        8192,
        2048,
        896,
        1536,
        3584,
    ):
        assert hadamard_of(width).blocks == 1


def test_adds_by_hand():
    # 8 values: 3 rounds of 8 outputs, one add each. 12 x 2: one round of 24, then 24 outputs of 11 adds.
    assert hadamard_of(8).adds == 24
    assert hadamard_of(24) == Hadamard(12, 1)
    assert hadamard_of(24).adds == 24 + 24 * 11
    # 50 = 25 blocks of 2 (no Hadamard matrix has an odd order or order 10)
    assert hadamard_of(50) == Hadamard(1, 1, 25)
    assert hadamard_of(50).adds == 50


@pytest.mark.parametrize(("width", "inner"), [(384, 1), (44, 1), (4, 32), (12, 5), (50, 3), (1, 7), (2408, 1)])
def test_compiled_transform_adds_in_the_order_of_the_plain_one(width, inner):
    transform = hadamard_of(width)
    values = np.random.default_rng(1).standard_normal((5, width * inner)).astype(np.float32)
    rotated = transform(values, inner)
    other_byte_order = values.astype(values.dtype.newbyteorder())  # which is left to the plain transform
    assert np.array_equal(rotated, transform(other_byte_order, inner))
    places = values.reshape(5, width, inner).swapaxes(1, 2)
    assert np.array_equal(rotated, transform(places).swapaxes(1, 2).reshape(5, -1))
