"""Changes of bytes, texts and trees that readers of files must survive."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

NESTED: Any = 0
for _ in range(200):
    NESTED = [NESTED]

# Values at the edges of types, of units, of terminals and of file systems.
NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 255, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, 10**18, 10**400),
    *(0.0, -0.0, 0.5, 1e308, -1e308, 5e-324, 1e-30, float("nan"), float("inf")),
    *(
        "",
        " ",
        "0",
        "x",
        "a" * 300,
        "a" * 5000,
        "\0",
        "\n",
        "\x1b[2J",
        "\u202e",
        "\ud800",
        "é",
        "[/red]",
        "<x",
        "<list>",
    ),
    *(
        "../..",
        "/tmp",
        "C:\\x",
        "=1+1",
        "@x",
        "yes",
        "1e5",
        "00012",
        "0" * 5000,
        "inf",
        ".nan",
        "{{7*7}}",
        "%s",
        "tiny.npz",
    ),
    *(
        "1 pJ",
        "-1 pJ",
        "1e300 pJ",
        "0 ns",
        "1 s",
        "1e30 s",
        "1 ps",
        "1 GiB",
        "1e30 GiB",
        "0 KiB",
        "5 nm",
        "0 nm",
        "1 V",
    ),
    *([], {}, [[]], [0], {"": 0}, {"a": {}}, {"value": "1 pJ"}, {"model": "sram"}, {"model": "wire", "node": "0 nm"}),
    NESTED,
)
TOKENS = (
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\r\n",
        b"\t",
        b"{",
        b"[",
        b"}",
        b":",
        b"- ",
        b"&a ",
        b"*a",
        b"!!python/x",
    ),
    *(
        b"'",
        b'"',
        b'"\\UFFFFFFFF"',
        b"%YAML 9.9",
        b"---\n",
        b"<<: ",
        b"#",
        b"|",
        b">",
        b"~",
        b"?",
        b"1e999",
        b"-1",
        b"\x1b[",
    ),
)


def mutated_bytes(rng: Random, data: bytes) -> bytes:
    """``data`` with one to four changes: bits, cuts, repeats, tokens."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(found) + 1)
        length = min(rng.choice((1, 1, 2, 8, 100, 5000)), len(found) - at)
        change = rng.randrange(6)
        if change == 0 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            del found[at : at + length]
        elif change == 2:
            found[at:at] = found[at : at + length] * rng.choice((1, 2, 50))
        elif change == 3:
            found[at:at] = rng.choice(TOKENS)
        elif change == 4:
            found[at : at + length] = rng.randbytes(length)
        elif rng.random() < 0.2:
            del found[at:]
    return bytes(found)


def paths_of(tree: Any) -> list[tuple[Any, ...]]:
    """Paths of all values of a tree but the root, however deep they lie."""
    found: list[tuple[Any, ...]] = []
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), tree)]
    while waiting:
        path, value = waiting.pop()
        found.append(path)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += reversed([((*path, key), below) for key, below in items])
    return found[1:]


def mutated_tree(rng: Random, tree: Any, among: Callable[[tuple[Any, ...]], bool] = lambda path: True) -> Any:
    """A copy of ``tree`` with one to three values replaced, removed, renamed, moved, repeated or changed a little."""
    found = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        paths = [path for path in paths_of(found) if among(path)]
        if not paths:
            return copy.deepcopy(rng.choice(NASTY))
        _mutate(rng, found, rng.choice(paths), paths)
    return found


def _mutate(rng: Random, tree: Any, path: tuple[Any, ...], paths: list[tuple[Any, ...]]) -> None:
    parent = _at(tree, path[:-1])
    key, change = path[-1], rng.randrange(10)
    if change < 4:
        parent[key] = copy.deepcopy(rng.choice(NASTY))
    elif change < 6:
        parent[key] = _near(rng, parent[key])
    elif change == 6:
        del parent[key]
    elif change == 7:
        parent[key] = copy.deepcopy(_at(tree, rng.choice(paths)))
    elif isinstance(parent, dict):
        name = rng.choice([word for word in NASTY if isinstance(word, str)]) if change == 8 else str(key) + "x"
        parent[name] = parent.pop(key) if rng.random() < 0.5 else copy.deepcopy(rng.choice(NASTY))
    else:
        parent[key:key] = [copy.deepcopy(parent[key])] * rng.choice((1, 2, 40))


def _near(rng: Random, value: Any) -> Any:
    """A value that is like ``value``: one more, ten times, another letter."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, -value, value * 10, value * 10**6, float(value), str(value)))
    if isinstance(value, float):
        return rng.choice((value * 1.5, -value, value * 1e6, value * 1e-6, int(value) if abs(value) < 1e9 else 0))
    if isinstance(value, str):
        at = rng.randrange(len(value) + 1)
        return rng.choice((value[:at], value[at:], value * 2, value[:at] + rng.choice("0 9x.-\n\té%") + value[at:]))
    return [value]


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree
