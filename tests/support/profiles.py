"""How many random examples a test draws: its own number in `make test`, 2,000 in `make soak`.

The first is derandomized, so that a change fails or passes everywhere alike; the second draws anew each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import settings

NIGHTLY = 2000
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")

settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=NIGHTLY, print_blob=True)
settings.load_profile(PROFILE)


def examples(n: int) -> Callable[[Any], Any]:
    """Draw ``n`` examples in the profile ``ci``, `NIGHTLY` in the profile ``nightly``."""
    return settings(max_examples=n if PROFILE == "ci" else max(n, NIGHTLY))
