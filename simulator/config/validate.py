"""A marked tree into a frozen record, or every problem of it at its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from simulator.config.field_types import RULES_APART
from simulator.config.schema_words import choices, expected, field_at, known_keys
from simulator.config.source_position import Place, Problem, in_order
from simulator.config.yaml_marks import MapNode, Node, ScalarNode, numbers_not_finite, plain, shown_value
from simulator.errors import MOST_PROBLEMS, ConfigError, FieldValueError, did_you_mean

Record = TypeVar("Record", bound=BaseModel)
Path = tuple[str | int, ...]
Rules = Callable[[Mapping[str, Any]], Iterable[tuple[Path, str]]]


def validate(
    model: type[Record], root: Node, problems: Sequence[Problem], rules: Rules, more_keys: Sequence[str] = ()
) -> Record:
    """Read a marked tree as a frozen record.

    Parameters
    ----------
    model
        The record expected.
    root
        The tree.
    problems
        What was already wrong with the file.
    rules
        Rules between distant fields, on the plain values; tried even when fields are wrong.
    more_keys
        Keys of the file that are not of the model, for the help on unknown ones.

    Raises
    ------
    ConfigError
        With all problems, in the order of the file.
    """
    record, found = check(model, root, rules, more_keys)
    found = merged_problems(problems, found)
    if found or record is None:
        raise ConfigError(in_order(found))
    return record


def merged_problems(problems: Sequence[Problem], found: Iterable[Problem]) -> list[Problem]:
    """``problems``, and those of ``found`` that say something of another value."""
    reported = {(problem.place, problem.path) for problem in problems}
    return [*problems, *(problem for problem in found if (problem.place, problem.path) not in reported)]


def check(
    model: type[Record], root: Node, rules: Rules, more_keys: Sequence[str] = ()
) -> tuple[Record | None, list[Problem]]:
    """The record, unless something is wrong with it, and all that is; see `validate`."""
    values = plain(root)
    record, found = _read_record(model, root, values, more_keys)
    if isinstance(values, Mapping):
        found += [Problem(_place(root, path), path, text) for path, text in rules(values)]
    return record, merged_problems(found, numbers_not_finite(root))


def _read_record(
    model: type[Record], root: Node, values: Any, more_keys: Sequence[str]
) -> tuple[Record | None, list[Problem]]:
    """Pydantic's verdict, each error at its place. Rules between distant fields are left to `validate`."""
    try:
        return model.model_validate(values, context=RULES_APART), []
    except ValidationError as error:
        details = error.errors(include_url=False)[: MOST_PROBLEMS + 1]
        return None, [_problem_of(model, root, detail, more_keys) for detail in details]


def _problem_of(model: type[BaseModel], root: Node, detail: Any, more_keys: Sequence[str]) -> Problem:
    """One error of pydantic in our words."""
    path = _without_tags(root, detail["loc"])
    kind = detail["type"]
    if kind == "rule":
        path = (*path, *(int(part) if part.isdigit() else part for part in detail["ctx"]["at"].split(".") if part))
        return Problem(_place(root, path), path, detail["ctx"]["text"])
    if kind == "extra_forbidden":
        place = key_place(root, path)
        known = [*known_keys(model, path[:-1]), *(more_keys if len(path) == 1 and place.line else ())]
        # `{note: a, b}` is two keys, and the second of them a puzzle.
        help_ = " (quote a text that has commas)" if " " in str(path[-1]) else did_you_mean(str(path[-1]), known)
        text = f"found an unknown key, expected one of {', '.join(known)}{help_}"
        return Problem(place, path, text)
    field = field_at(model, path)
    if kind == "missing":
        return Problem(_place(root, path), path, f"missing, expected {expected(field)}")
    node = node_at(root, path)
    if kind == "too_short" and node is not None:
        return Problem(_place(root, path), path, f"found {shown_value(node)} without entries, expected at least one")
    if kind == "string_too_short":
        return Problem(_place(root, path), path, f"found empty text, expected {expected(field)}")
    if kind == "value_error" and not _is_nan(node):
        return Problem(_place(root, path), path, _value_problem(detail["ctx"]["error"], node))
    found = "nothing" if node is None else shown_value(node)
    words = choices(field)
    guess = did_you_mean(str(detail["input"]), words) if words and isinstance(detail["input"], str) else ""
    return Problem(_place(root, path), path, f"found {found}, expected {expected(field)}{guess}")


def _without_tags(root: Node, loc: Path) -> Path:
    """The keys of ``loc``, without the tags of unions (``<list>``) in it, unless the file has such a key there."""
    path: Path = ()
    for part in loc:
        node = node_at(root, path)
        if not str(part).startswith("<") or (isinstance(node, MapNode) and part in node.items):
            path = (*path, part)
    return path


def _value_problem(error: ValueError, node: Node | None) -> str:
    """What is wrong with a value; one that is no text is shown as it stands in the file."""
    is_text = isinstance(node, ScalarNode) and isinstance(node.value, str)
    return (
        str(error)
        if node is None or is_text or not isinstance(error, FieldValueError)
        else error.text(shown_value(node))
    )


def _is_nan(node: Node | None) -> bool:
    """Whether a scalar is NaN or infinite."""
    return isinstance(node, ScalarNode) and isinstance(node.value, float) and not math.isfinite(node.value)


def node_at(root: Node, path: Iterable[str | int]) -> Node | None:
    """What stands at ``path``, or None."""
    node: Node | None = root
    for part in path:
        if isinstance(node, MapNode):
            entry = node.items.get(str(part))
            node = entry.node if entry else None
        elif node is None or isinstance(node, ScalarNode) or not isinstance(part, int) or part >= len(node.items):
            return None
        else:
            node = node.items[part]
    return node


def key_place(root: Node, path: Path) -> Place:
    """Where the key at the end of ``path`` stands; of a list item, the item; of the root, its beginning."""
    if not path:
        return root.place
    parent = node_at(root, path[:-1])
    if isinstance(parent, MapNode) and path[-1] in parent.items:
        return parent.items[str(path[-1])].place
    node = node_at(root, path)
    return node.place if node else key_place(root, path[:-1])


def _place(root: Node, path: Path) -> Place:
    """Where to look: at a scalar itself; at the key of a mapping or list; for what is missing, at the key around it."""
    node = node_at(root, path)
    return node.place if isinstance(node, ScalarNode) and node.text else key_place(root, path)
