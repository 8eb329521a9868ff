"""A validated chip with other numbers in the prices that were set on it: only those are validated again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.config.chip import ChipConfig
from simulator.config.field_types import RULES_APART
from simulator.config.overrides import NOTE, SOURCE
from simulator.config.provenance import Price, StaticPower
from simulator.config.schema_words import model_at
from simulator.config.yaml_marks import ListNode, MapNode, Node


def is_price(path: str) -> bool:
    """Whether a price stands at ``path`` of a chip file, ``noc.hop_x``."""
    record = model_at(ChipConfig, path.split("."))
    return record is not None and issubclass(record, (Price, StaticPower))


def read_by_others(tree: Node, path: str) -> bool:
    """Whether anything in ``tree`` names the value at ``path``, as a description may (`config.described_prices`)."""
    if isinstance(tree, MapNode):
        return any(read_by_others(entry.node, path) for entry in tree.items.values())
    if isinstance(tree, ListNode):
        return any(read_by_others(item, path) for item in tree.items)
    return tree.value == f"{path}.value"


def restated(chip: ChipConfig, values: Mapping[str, object]) -> ChipConfig | None:
    """``chip`` with other values at the paths of prices, as `chip_from_tree` would make it; None where one is wrong.

    ``chip`` has an override at each of these paths already. A price so set has no word of the file left in it, and all
    rules between distant fields ask only whether it has a value and which source: they found that right in ``chip``.
    """
    for path, value in values.items():
        keys = path.split(".")
        record: Any = chip
        for key in keys:
            record = getattr(record, key)
        stated = {"value": value, "source": SOURCE, "grade": "assumed", "note": NOTE}
        try:
            chip = _with(chip, keys, type(record).model_validate(stated, context=RULES_APART))
        except ValidationError:
            return None
    return chip


def _with(record: Any, keys: Sequence[str], value: BaseModel) -> Any:
    """``record`` with ``value`` in the place that ``keys`` lead to."""
    key, *rest = keys
    return record.model_copy(update={key: _with(getattr(record, key), rest, value) if rest else value})
