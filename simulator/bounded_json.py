"""JSON of any origin: what is too large or too deep is refused before it takes time or memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.text_files import decode_text

MOST_BYTES = 32 << 20
MOST_VALUES = 1_000_000  # half a second to read; the manifest of a model of 126 blocks has 60,000
LONGEST_INTEGER = 1000  # digits; the time to read one grows with their square
DEEPEST = 64  # lists and objects inside one another

Pairs = list[tuple[str, Any]]


class JsonLimitError(ValueError):
    """JSON beyond a limit, in words: ``found ..., expected ...``."""


def read_json(path: Path, hook: Callable[[Pairs], Any] | None = None) -> Any:
    """The JSON value in a file; ``hook`` is ``object_pairs_hook`` of `json.loads`.

    Raises
    ------
    OSError
        As the file system does.
    ValueError
        Not text, not JSON, or beyond a limit (`parse_json`).
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    return parse_json(data, hook)


def parse_json(data: bytes, hook: Callable[[Pairs], Any] | None = None) -> Any:
    """The JSON value in ``data``, of any encoding that `text_files` reads.

    Raises
    ------
    ValueError
        Not text, not JSON, or more than `MOST_BYTES`, `MOST_VALUES` or `DEEPEST` (`JsonLimitError`).
    """
    if len(data) > MOST_BYTES:
        raise JsonLimitError(f"found more than {MOST_BYTES >> 20} MiB of JSON, expected less")
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:
        raise JsonLimitError(f"found more than {MOST_VALUES} values, expected fewer")
    try:
        found = json.loads(decode_text(data), object_pairs_hook=hook, parse_int=_integer)
    except RecursionError:
        raise _too_deep() from None
    _check_depth(found)
    return found


def _integer(digits: str) -> int:
    """An integer, unless it would take long to read."""
    if len(digits) > LONGEST_INTEGER:
        raise JsonLimitError(f"found an integer of {len(digits)} digits, expected at most {LONGEST_INTEGER}")
    return int(digits)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [part for each in level for part in _parts(each) if isinstance(part, (dict, list))]
        if not level:
            return
    raise _too_deep()


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _too_deep() -> JsonLimitError:
    return JsonLimitError(f"found lists or objects nested too deep, expected at most {DEEPEST} levels")
