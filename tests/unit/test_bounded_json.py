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


def test_the_number_of_values_is_bounded() -> None:
    assert parse_json(b"[1,2,3]", most_values=3) == [1, 2, 3]
    with pytest.raises(JsonLimitError, match="more than 3 values"):
        parse_json(b"[1,2,3,4]", most_values=3)


def test_the_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_json, "MOST_BYTES", 8)
    assert parse_json(b'"123456"') == "123456"
    with pytest.raises(JsonLimitError, match="expected less"):
        parse_json(b'"1234567"')
