"""Strict YAML with the line and column of every key and value.

Plain scalars follow the YAML 1.2 core schema: ``1e-12`` is a number, ``NO``, ``on``, ``12:30``, ``2024-01-01`` and
``1_000`` are text. Refused: duplicate keys, tags, merge keys, several documents, and numbers with leading zeros, which
YAML 1.1 reads as octal and 1.2 as decimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from simulator.config.source_position import Place, Problem
from simulator.errors import ConfigError
from simulator.text_files import NotTextError, decode_text

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LONGEST_NUMBER = 400  # characters; Python refuses to read integers of several thousand digits
_MOST_NODES = 40_000  # a second to read; a chip file has 1,000. Aliases can blow a short file up without bound
_MOST_BYTES = 1 << 20  # PyYAML reads about 200 KB a second; a chip file has 30 KB
_DEEPEST = 64  # mappings and lists inside one another
_PLAIN, _QUOTED = "plain", "quoted"
_TOO_MANY = f"found more than {_MOST_NODES} values, expected a configuration"

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class ScalarNode:
    """A value: ``text`` as written, ``value`` as read."""

    place: Place
    value: Scalar
    text: str


@dataclass(frozen=True)
class ListNode:
    """A sequence."""

    place: Place
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """One key of a mapping: where the key stands, and what stands under it."""

    place: Place
    node: Node


@dataclass(frozen=True)
class MapNode:
    """A mapping, in the order of the file. Never changed once made: files are cached."""

    place: Place
    items: dict[str, Entry]


Node = ScalarNode | ListNode | MapNode


def read_marked(path: Path, shown: str) -> tuple[Node, tuple[Problem, ...]]:
    """Read the YAML file ``path``, called ``shown`` in messages.

    Returns
    -------
    Node, tuple of Problem
        The file without what the problems are about (of a duplicate key the first stays).

    Raises
    ------
    ConfigError
        When the file cannot be read at all: missing, a directory, not UTF-8, not YAML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigError([f"{shown}: found more than {_MOST_BYTES} bytes, expected a configuration"])
        text = decode_text(data)
    except FileNotFoundError:
        raise ConfigError([f"{shown}: no such file, expected a YAML file"]) from None
    except IsADirectoryError:
        raise ConfigError([f"{shown}: found a directory, expected a YAML file"]) from None
    except NotTextError as error:
        where = Place(shown, error.line, error.column)
        raise ConfigError([f"{where}: found {error.found}, expected {error.expected} text"]) from None
    except OSError as error:
        raise ConfigError([f"{shown}: cannot be read: {error.strerror}"]) from None
    return parse_marked(text, shown)


@lru_cache(maxsize=64)
def parse_marked(text: str, shown: str) -> tuple[Node, tuple[Problem, ...]]:
    """Read YAML ``text``; see `read_marked`."""
    return _parse(text, shown, None)


def parse_value(text: str, place: Place) -> Node:
    """Read the value of an override: all of it stands at ``place``."""
    node, problems = _parse(text, str(place), place)
    if problems:
        raise ConfigError(str(problem) for problem in problems)
    return node


def plain(node: Node) -> Any:
    """The values without their places; sequences as tuples."""
    if isinstance(node, MapNode):
        return {key: plain(entry.node) for key, entry in node.items.items()}
    if isinstance(node, ListNode):
        return tuple(plain(item) for item in node.items)
    return node.value


def shown_value(node: Node) -> str:
    """How a message names what it found."""
    if isinstance(node, MapNode):
        return "a mapping"
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node.value, str):
        return f"text '{node.value}'"
    return "nothing" if node.value is None else node.text


def read_scalar(text: str) -> Scalar:
    """What a plain scalar means in the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Composer(yaml.SafeLoader):
    """Composes nodes with the tags ``plain`` and ``quoted`` where the file gives none; any other tag is the file's."""

    n_nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Stop at a file of too many values before it is read to its end."""
        self.n_nodes += 1
        if self.n_nodes > _MOST_NODES:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=_TOO_MANY, problem_mark=mark)
        found: yaml.Node | None = super().compose_node(parent, index)
        return found

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Leave the meaning of scalars to `read_scalar`."""
        is_plain = kind is yaml.ScalarNode and implicit[0]
        return _PLAIN if is_plain else _QUOTED


def _parse(text: str, shown: str, place: Place | None) -> tuple[Node, tuple[Problem, ...]]:
    """Read ``text``; ``place``, where given, is where all of it stands."""
    try:
        return _convert(text, shown, place)
    except RecursionError:
        raise ConfigError([f"{place or shown}: found values nested too deeply, expected a configuration"]) from None


def _convert(text: str, shown: str, place: Place | None) -> tuple[Node, tuple[Problem, ...]]:
    """Compose ``text`` and convert it."""
    try:
        root = yaml.compose(text, Loader=_Composer)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = place or Place(shown, before.count("\n") + 1, error.position - before.rfind("\n"))
        line = f"found the control character {error.character:#04x}, expected printable text"
        raise ConfigError([f"{where}: {line}"]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_error(error, shown, place)]) from None
    except (ValueError, OverflowError) as error:  # \UFFFFFFFF, %YAML with thousands of digits
        raise ConfigError([f"{place or shown}: not valid YAML: {error}"]) from None
    if root is None:
        return ScalarNode(place or Place(shown, 1, 1), None, ""), ()
    converter = _Converter(shown, place)
    return converter.node(root, ()), tuple(converter.problems)


def _syntax_error(error: yaml.MarkedYAMLError, shown: str, place: Place | None) -> str:
    """One line for a fault of YAML itself."""
    mark = error.problem_mark or error.context_mark
    where = place or (Place(shown, mark.line + 1, mark.column + 1) if mark else shown)
    problem = " ".join(str(error.problem).split())
    if problem == _TOO_MANY:
        return f"{where}: {problem}"
    if "another document" in problem:
        return f"{where}: found a second document, expected one"
    context = f" {error.context}" if error.context else ""
    if context and error.context_mark and mark and error.context_mark.line != mark.line:
        context += f" from line {error.context_mark.line + 1}"
    help_ = " (indent with spaces)" if r"'\t'" in problem else ""
    return f"{where}: not valid YAML{context}: {problem}{help_}"


class _Converter:
    """PyYAML's nodes to ours, collecting what is wrong with them."""

    def __init__(self, shown: str, place: Place | None) -> None:
        self.shown = shown
        self.fixed_place = place
        self.problems: list[Problem] = []
        self.n_nodes = 0

    def place(self, node: yaml.Node) -> Place:
        """Where ``node`` begins."""
        mark = node.start_mark
        return self.fixed_place or Place(self.shown, mark.line + 1, mark.column + 1)

    def problem(self, node: yaml.Node, path: tuple[str | int, ...], text: str) -> None:
        """Note that ``node``, at ``path``, is wrong."""
        self.problems.append(Problem(self.place(node), path, text))

    def node(self, node: yaml.Node, path: tuple[str | int, ...], above: tuple[int, ...] = ()) -> Node:
        """Convert ``node``, which stands inside the nodes of the ids ``above``."""
        self.n_nodes += 1
        if len(above) > _DEEPEST:
            raise ConfigError(
                [f"{self.place(node)}: found values nested too deeply, expected at most {_DEEPEST} levels"]
            )
        if self.n_nodes > _MOST_NODES:
            raise ConfigError([f"{self.place(node)}: {_TOO_MANY}"])
        if id(node) in above:
            self.problem(node, path, "found an alias to a value around it, expected no cycle")
            return ScalarNode(self.place(node), None, "")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        self.check_tag(node, path)
        above = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            items = (self.node(item, (*path, i), above) for i, item in enumerate(node.value))
            return ListNode(self.place(node), tuple(items))
        return self.mapping(node, path, above)

    def scalar(self, node: yaml.Node, path: tuple[str | int, ...]) -> ScalarNode:
        """A scalar: quoted ones are text, plain ones what they look like."""
        self.check_tag(node, path)
        text = self.unicode_text(node, path)
        if node.tag == _PLAIN and len(text) <= _LONGEST_NUMBER and _LEADING_ZERO.fullmatch(text):
            decimal = int(text)
            octal = "which YAML 1.1 reads as octal and YAML 1.2 as decimal"
            self.problem(node, path, f"found {text}, {octal}, expected {decimal} without the leading zero")
            return ScalarNode(self.place(node), decimal, text)
        return ScalarNode(self.place(node), read_scalar(text) if node.tag == _PLAIN else text, text)

    def mapping(self, node: yaml.Node, path: tuple[str | int, ...], above: tuple[int, ...]) -> MapNode:
        """A mapping with text keys, each once."""
        items: dict[str, Entry] = {}
        for key, value in node.value:
            if name := self.key(key, path):
                if name in items:
                    first = items[name].place
                    again = f"found the key a second time, expected it once (first at line {first.line})"
                    self.problem(key, (*path, name), again)
                else:
                    items[name] = Entry(self.place(key), self.node(value, (*path, name), above))
        return MapNode(self.place(node), items)

    def key(self, key: yaml.Node, path: tuple[str | int, ...]) -> str | None:
        """The text of a key, whatever it looks like; None when it cannot be one."""
        if not isinstance(key, yaml.ScalarNode):
            self.problem(key, path, "found a list or mapping as a key, expected text")
        elif key.tag == _PLAIN and key.value == "<<":
            self.problem(
                key, (*path, "<<"), "found a merge key, expected none (use `extends` to build on another file)"
            )
        elif not key.value:
            self.problem(key, path, "found an empty key, expected text")
        else:
            self.check_tag(key, path)
            return self.unicode_text(key, path)
        return None

    def unicode_text(self, node: yaml.Node, path: tuple[str | int, ...]) -> str:
        r"""Text of a node. Half of a surrogate pair (``"\ud800"``) is no character, and no message could show it."""
        if any("\ud800" <= c <= "\udfff" for c in node.value):
            self.problem(node, path, f"found {node.value!r}, half of a surrogate pair, expected Unicode text")
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in node.value)

    def check_tag(self, node: yaml.Node, path: tuple[str | int, ...]) -> None:
        """Tags could change what a value means; none is needed here."""
        if node.tag not in (_PLAIN, _QUOTED):
            short = node.tag.replace("tag:yaml.org,2002:", "!!")
            self.problem(node, path, f"found the tag {short}, expected none (write a number plain, a text in quotes)")


def numbers_not_finite(node: Node, path: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """A problem for every NaN and infinity."""
    if isinstance(node, MapNode):
        for key, entry in node.items.items():
            yield from numbers_not_finite(entry.node, (*path, key))
    elif isinstance(node, ListNode):
        for i, item in enumerate(node.items):
            yield from numbers_not_finite(item, (*path, i))
    elif isinstance(node.value, float) and node.value - node.value != 0:
        yield Problem(node.place, path, f"found {node.text}, expected a finite number")
