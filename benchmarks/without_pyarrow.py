"""Import before pandas: it would load pyarrow, an extra worth 30 MiB that a measurement of memory should not count."""

import sys

sys.modules["pyarrow"] = None  # type: ignore[assignment]  # what makes an import fail as if it were not installed
