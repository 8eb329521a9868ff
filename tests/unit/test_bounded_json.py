"""JSON within limits: what is beyond one is refused in words, the last that fits is read."""

from __future__ import annotations

import pytest

from simulator import bounded_json
from simulator.bounded_json import JsonLimitError, parse_json


def test_sixty_four_levels_are_read_and_one_more_is_not() -> None:
    assert parse_json(b"[" * 64 + b"]" * 64)
    for depth in (65, 900, 100_000):
        with pytest.raises(JsonLimitError, match="nested too deep, expected at most 64 levels"):
            parse_json(b"[" * depth + b"]" * depth)


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_json, "MOST_VALUES", 3)
    assert parse_json(b"[1,2,3]") == [1, 2, 3]
    with pytest.raises(JsonLimitError, match="more than 3 values"):
        parse_json(b"[1,2,3,4]")


def test_the_digits_of_an_integer_are_bounded() -> None:
    assert parse_json(b"-1" + b"0" * 998) == -(10**998)
    with pytest.raises(JsonLimitError, match="found an integer of 1001 digits, expected at most 1000"):
        parse_json(b"[1" + b"0" * 1000 + b"]")


def test_the_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_json, "MOST_BYTES", 8)
    assert parse_json(b'"123456"') == "123456"
    with pytest.raises(JsonLimitError, match="expected less"):
        parse_json(b'"1234567"')
