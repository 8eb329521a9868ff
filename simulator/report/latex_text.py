"""Text for LaTeX: letters that it reads as commands written out, and the width that a text takes in a paper."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {letter: f"\\{letter}" for letter in "&%$#_{}"}
_LATEX |= {"µ": r"\textmu{}", "μ": r"\textmu{}", "\u202f": r"\,", "\u00a0": "~", "÷": r"$\div$", "×": r"$\times$"}
_LATEX |= {"–": "--", "—": "---", "−": "$-$", "±": r"$\pm$", "≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\to$"}
_LATEX |= {"‘": "`", "’": "'", "“": "``", "”": "''", "Σ": r"$\Sigma$", "°": r"\textdegree{}"}
_LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"}
_EUROPEAN = 0x180  # letters below it are in every T1 font
SMALL_IS_WIDER = 1.07  # small sizes of Computer Modern are drawn wider: cmr8 by 6 % than cmr10 scaled to 8 pt
POINTS_PER_INCH = 72.27  # of TeX


def escape_latex(text: str) -> str:
    """``text`` as LaTeX prints it letter by letter, with T1 fonts; a letter that they lack becomes its code point."""
    return "".join(_letter(letter) for letter in text)


def _letter(letter: str) -> str:
    if letter in _LATEX:
        return _LATEX[letter]
    if letter >= " " and ord(letter) < _EUROPEAN and not "\x7f" <= letter <= "\x9f":
        return letter
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return (
        "".join(_LATEX.get(part, part) for part in plain)
        if plain.strip() and plain.isprintable()
        else f"[U+{ord(letter):04X}]"
    )


def width_pt(text: str, size_pt: float) -> float:
    """Upper bound of the width of ``text`` in Computer Modern Roman of ``size_pt``, in points of TeX."""
    return _advance(text) * size_pt * SMALL_IS_WIDER


@cache
def _advance(text: str) -> float:
    """Width of ``text`` in the font that matplotlib ships, in units of its size; an unknown letter is a quad."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family="cmr10")))
    font.set_size(1000, 72)
    known = font.get_charmap()
    return sum(font.load_char(ord(x)).linearHoriAdvance / 65536 / 1000 if ord(x) in known else 1.0 for x in text)


def breakable(text: str, letters: int = 16) -> str:
    """`escape_latex` of ``text`` with places to break in every word of more than ``letters`` letters."""
    return " ".join(_broken(word, letters) for word in text.split(" "))


def _broken(word: str, letters: int) -> str:
    """A long word with a possible break after each of its marks, and within parts that are still too long."""
    if len(word) <= letters:
        return escape_latex(word)
    parts = [part for part in re.split(r"(?<=[-._/:=,])", word) if part]
    pieces = [part[start : start + letters] for part in parts for start in range(0, len(part), letters)]
    return r"\allowbreak{}".join(map(escape_latex, pieces))
