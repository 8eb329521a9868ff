"""The chip file, field by field, in words: what `docs/` shows, made from the records that read the file."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from simulator.config.chip import ChipConfig
from simulator.config.schema_words import expected


def chip_reference() -> str:
    """Markdown: one section per record of a chip file, one table row per key, in the order of the file."""
    records = list(_records(ChipConfig, {}))
    return "\n".join(line for record in records for line in _section(record))


def _records(record: type[BaseModel], seen: dict[str, None]) -> Iterator[type[BaseModel]]:
    """``record`` and all records below it, each once, in the order of the file."""
    if record.__name__ in seen:
        return
    seen[record.__name__] = None
    yield record
    for field in record.model_fields.values():
        for kind in _kinds(field.annotation):
            yield from _records(kind, seen)


def _kinds(annotation: Any) -> Iterator[type[BaseModel]]:
    """Records anywhere inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)


def _section(record: type[BaseModel]) -> Iterator[str]:
    """Heading, meaning and keys of one record."""
    yield f"## {record.__name__}"
    yield ""
    yield " ".join((record.__doc__ or "").split())
    yield ""
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in record.model_fields.items():
        yield f"| `{name}` | {_cell(_taken(field))} | {_default(field)} | {_cell(field.description or '')} |"
    yield ""


def _taken(field: FieldInfo) -> str:
    """What a field takes; a record is named, and has a section of its own."""
    union = get_origin(field.annotation) in (Union, UnionType)
    kinds = [part for part in get_args(field.annotation) if part is not type(None)] if union else [field.annotation]
    records = [f"`{kind.__name__}`" for kind in _kinds(field.annotation)]
    if records and get_origin(kinds[0]) is tuple:
        return f"a list of {' or '.join(records)}"
    if len(records) == len(kinds):
        return " or ".join(records)
    return expected(Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation)


def _default(field: FieldInfo) -> str:
    """The default as text; a key without one must be there."""
    if field.default is PydanticUndefined and field.default_factory is None:
        return "required"
    if field.default is None or isinstance(field.default, BaseModel) or field.default_factory is not None:
        return "not set" if field.default is None else "its defaults"
    return f"`{field.default}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
