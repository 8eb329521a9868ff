"""The JSON schema of chip files, for editors: `python -m simulator.config` writes `chip_configs/schema.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simulator.config.chip import ChipConfig
from simulator.config.chip_files import chips_directory
from simulator.config.chip_inheritance import KEY
from simulator.config.described_prices import KEY as MODEL
from simulator.config.described_prices import MODELS
from simulator.errors import OutputError

_PART = "Part"  # suffix of the records of a file that extends another one: the same keys, none required


def chip_schema() -> dict[str, Any]:
    """JSON schema of a chip file: complete, or any part of one when it has `extends`."""
    whole = ChipConfig.model_json_schema()
    records: dict[str, Any] = whole.pop("$defs")
    records["ChipConfig"] = whole
    records["Price"] = _stated_or_described(records["Price"])
    parts = {name + _PART: _part(record) for name, record in records.items()}
    extends = {"type": "string", "description": "a shipped chip, or a path relative to this file, to build on"}
    part = parts["ChipConfig" + _PART]
    part["properties"] = {KEY: extends, **part["properties"]}
    part["required"] = [KEY, "name"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "spikewatt chip file",
        "if": {"required": [KEY]},
        "then": {"$ref": f"#/$defs/ChipConfig{_PART}"},
        "else": {"$ref": "#/$defs/ChipConfig"},
        "$defs": dict(sorted({**records, **parts}.items())),
    }


def _stated_or_described(price: dict[str, Any]) -> dict[str, Any]:
    """A price as a file may write it: stated, or described by a model (`simulator.config.described_prices`)."""
    stated = {**price, "properties": {name: of for name, of in price["properties"].items() if name != MODEL}}
    return {"anyOf": [stated, *(model.model_json_schema() for model in MODELS.values())]}


def _part(record: Any) -> Any:
    """``record`` with nothing required, and its references to records of that kind."""
    if isinstance(record, list):
        return [_part(item) for item in record]
    if not isinstance(record, dict):
        return record
    part = {key: _part(value) for key, value in record.items() if key != "required" or not isinstance(value, list)}
    if isinstance(part.get("$ref"), str):
        part["$ref"] += _PART
    return part


def write_chip_schema(path: Path | None = None) -> Path:
    """Write the schema to ``path``, by default next to the shipped chips; returns where it is.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    path = path or chips_directory() / "schema.json"
    try:
        path.write_text(json.dumps(chip_schema(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
    return path
