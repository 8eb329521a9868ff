"""Text of any origin, as a terminal or one line of a log may show it."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""``text`` with control characters as escapes (``\n``, ``\x1b``): one line, which steers no terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
