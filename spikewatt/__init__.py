"""spikewatt: replay the spikes of a spike-driven LLM on a chip model and see where the energy and the time go.

The documented name of the package; its code lies in ``simulator``, whose public names are these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simulator

if TYPE_CHECKING:
    from simulator import *  # noqa: F403

__version__ = simulator.__version__
__all__ = list(simulator.__all__)


def __getattr__(name: str) -> object:
    """A public name of `simulator`, whose module loads when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'spikewatt' has no attribute {name!r}")
    return getattr(simulator, name)


def __dir__() -> list[str]:
    """The public names, for completion; loads nothing."""
    return [*__all__, "__version__"]
