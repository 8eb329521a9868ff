"""The schema in words: which field a path leads to, which keys it knows, what it wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulator.config.field_types import SLIP, Expected, Quantity

_SAID_OF = {
    str: "text",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    dict: "a mapping",
    tuple: "a list",
}


def field_at(model: type[BaseModel], path: Sequence[str | int]) -> Any:
    """Annotation of the field at ``path`` below ``model``, with its constraints; None where there is no such field."""
    annotation: Any = model
    for part in path:
        annotation = _below(annotation, part)
        if annotation is None:
            return None
    return annotation


def model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """The record at ``path`` below ``model``, or None where there is none."""
    bare = _bare(field_at(model, path))
    kinds = [_bare(kind) for kind in get_args(bare)] if get_origin(bare) in (Union, UnionType) else [bare]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def dimension_at(model: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """What the number at ``path`` below ``model`` measures (`simulator.units`); None where it has no unit."""
    constraints = _constraints(field_at(model, path))
    return next((each.dimension for each in constraints if isinstance(each, Quantity)), None)


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """Keys of the record at ``path``, in the order of the schema."""
    record = model_at(model, path)
    return tuple(record.model_fields) if record else ()


def expected(annotation: Any) -> str:
    """What a field of ``annotation`` wants, as the end of a sentence."""
    bare, constraints = _bare(annotation), tuple(_constraints(annotation))
    for constraint in constraints:
        if isinstance(constraint, (Quantity, Expected)):
            return constraint.expected
    origin = get_origin(bare) or bare
    if origin is Literal:
        return _choice([str(value) for value in get_args(bare)])
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        required = [name for name, field in bare.model_fields.items() if field.is_required()]
        return f"a mapping with the keys {', '.join(required or bare.model_fields)}"
    if origin is tuple and (record := _bare(get_args(bare)[0])):
        of = f" of mappings with the keys {', '.join(record.model_fields)}" if hasattr(record, "model_fields") else ""
        return f"a list{of}"
    return _SAID_OF.get(origin, "a value") + _bound(constraints)


def choices(annotation: Any) -> tuple[str, ...]:
    """The words a field allows, when it allows only some."""
    bare = _bare(annotation)
    return tuple(map(str, get_args(bare))) if get_origin(bare) is Literal else ()


def _below(annotation: Any, part: str | int) -> Any:
    """Annotation one step below ``annotation``."""
    bare = _bare(annotation)
    if get_origin(bare) in (Union, UnionType):
        return next((below for kind in get_args(bare) if (below := _below(kind, part)) is not None), None)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        field = bare.model_fields.get(str(part))
        return None if field is None else _with_metadata(field)
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is dict and isinstance(part, str):
        return arguments[1]
    if origin is tuple and isinstance(part, int):
        return arguments[0]
    return None


def _with_metadata(field: FieldInfo) -> Any:
    """The annotation of ``field``, with the constraints pydantic took off it."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _bare(annotation: Any) -> Any:
    """``annotation`` without Annotated and without ``| None``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType):
            kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
            if len(kinds) != 1:
                return annotation
            annotation = kinds[0]
        else:
            return annotation


def _constraints(annotation: Any) -> Iterator[Any]:
    """Constraints of ``annotation`` at any depth of Annotated and ``| None``."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        for constraint in metadata:
            yield from constraint.metadata if isinstance(constraint, FieldInfo) else [constraint]
        yield from _constraints(inner)
    elif get_origin(annotation) in (Union, UnionType):
        for kind in get_args(annotation):
            yield from _constraints(kind)


def _bound(constraints: Sequence[Any]) -> str:
    """The bounds in words; one that is there to catch slips of the pen alone is left out."""
    least = next((c.ge for c in constraints if isinstance(c, Ge)), None)
    most = next((c.le for c in constraints if isinstance(c, Le) and c.le != SLIP), None)
    above = next((f" above {c.gt}" for c in constraints if isinstance(c, Gt)), "")
    if least is None:
        return above
    return f" of at least {least}" if most is None else f" from {least} to {most}"


def _choice(words: Sequence[str]) -> str:
    """``'a'``, or ``one of a, b, c``."""
    return f"'{words[0]}'" if len(words) == 1 else f"one of {', '.join(words)}"
