"""The local cache of the Hugging Face Hub, where ``hf download`` puts models."""

from __future__ import annotations

import os
import re
from pathlib import Path

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# Environment variables of the cache, as huggingface_hub reads them.
CACHE_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a hub id, owner and repository."""
    return HUB_ID.fullmatch(name) is not None


def hub_folder(hub_id: str) -> Path:
    """Folder of a hub id in the cache; it need not be there."""
    return hub_cache() / f"models--{hub_id.replace('/', '--')}"


def hub_cache() -> Path:
    """Folder of the cache, found as huggingface_hub finds it."""
    for variable in CACHE_VARIABLES:
        if os.environ.get(variable):
            return Path(os.environ[variable]).expanduser()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "huggingface" / "hub"
