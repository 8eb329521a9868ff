"""What the memory allocator does with activations that are no longer needed."""

from __future__ import annotations

from functools import cache

import numpy as np

# glibc maps a block of its own for what is larger than a limit, and sets the limit to the largest such block that was
# freed, up to 32 MiB; it gives memory back to the system when twice as much is free (mallopt(3), M_MMAP_THRESHOLD).
BLOCK_BYTES = 31 * 2**20


@cache
def keep_freed_memory() -> None:
    """Have freed activations stay in the process for the next ones, up to 62 MiB of them.

    Else a pass of a small model takes its pages from the system again and again, a tenth of its time. A block that
    nothing is written to costs nothing; other allocators than glibc's are not changed by it.
    """
    np.empty(BLOCK_BYTES, np.uint8)
