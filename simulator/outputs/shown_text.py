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


def shortened(text: str, most: int) -> str:
    """``text`` with its middle left out where it has more than ``most`` characters: a message ends with what helps."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"


def shown_lines(text: str) -> str:
    """``text`` of several lines, each as `one_line` shows it."""
    return "\n".join(map(one_line, text.split("\n")))
