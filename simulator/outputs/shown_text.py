"""Text of any origin, as a terminal or one line of a log may show it."""

from __future__ import annotations

from unicodedata import category

# Control characters, marks of direction and joiners, surrogates, separators of lines: what is no letter to be seen.
STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def one_line(text: str) -> str:
    r"""``text`` with control characters as escapes (``\n``, ``\x1b``): one line, which steers no terminal."""
    if text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode("ascii") if category(c) in STEERING else c for c in text)


def shown_lines(text: str) -> str:
    """``text`` of several lines, each as `one_line` shows it."""
    return "\n".join(map(one_line, text.split("\n")))
