"""JSON objects of a model folder, read strictly."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from simulator.bounded_json import JsonLimitError, read_json
from simulator.errors import ModelError
from simulator.model.model_location import missing_file, refuse_lfs_pointer
from simulator.text_files import NotTextError


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; of any encoding that `text_files` reads.

    Raises
    ------
    ModelError
        The file is missing, a Git LFS pointer, not text or not JSON, nested too deep, no object, or a key of an object
        is repeated: the last one would win silently.
    """
    refuse_lfs_pointer(path)
    try:
        found = read_json(path, _unique_keys)
    except (FileNotFoundError, NotADirectoryError):
        raise missing_file(path.parent, path.name) from None
    except json.JSONDecodeError as error:
        raise ModelError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except JsonLimitError as error:
        raise ModelError(f"{path}: not JSON of a model: {error}") from None
    except NotTextError as error:
        raise ModelError(f"{path}:{error.line}:{error.column}: not JSON: {error}") from None
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise ModelError(f"{path}: found a JSON {type(found).__name__}, expected an object")
    return found


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = min(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise ValueError(f"key {repeated!r} appears twice, expected each key once")
    return found
