"""What a user says about a model whose files do not say it, or say it in words of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.errors import ModelError


@dataclass(frozen=True)
class ModelOptions:
    """How the files of a model are read.

    Attributes
    ----------
    bos
        Token in front of every passage: its id, ``"none"`` for no token, or None for what the model states.
    ignored_keys
        Keys of ``config.json`` that the user declares irrelevant for the forward pass.
    """

    bos: int | Literal["none"] | None = None
    ignored_keys: tuple[str, ...] = ()


AS_STATED = ModelOptions()


def parse_options(bos: str | None, ignored_keys: list[str] | None) -> ModelOptions:
    """The options of a command line: ``none`` or an id; names of keys, several divided by commas.

    Raises
    ------
    ModelError
        The id is no number.
    """
    names = tuple(name.strip() for item in ignored_keys or () for name in item.split(",") if name.strip())
    if bos is None or bos == "none":
        return ModelOptions(None if bos is None else "none", names)
    if not bos.isascii() or not bos.isdigit():
        raise ModelError(f"--bos: {bos!r}, expected none or the id of a token")
    return ModelOptions(int(bos), names)
