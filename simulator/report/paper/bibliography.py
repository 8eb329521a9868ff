"""``refs.bib``: the sources of the prices that were used, under the keys of the chip files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from simulator import __version__
from simulator.report.latex_text import breakable
from simulator.report.paper.paper_report import INCLUDED, PaperReport

Source = tuple[str, str]  # (key of the chip file, citation as it stands there)

SPIKEWATT = "spikewatt"
_NAME = r"(?:\w\.[ -]?)+[^,:.]+?"
_AUTHORS = re.compile(rf"^(?P<authors>{_NAME}(?:(?:,? and |, ){_NAME})*(?: et al\.)?)[,:.] (?P<rest>.+)$", re.DOTALL)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def citation_keys(reports: Sequence[PaperReport]) -> dict[Source, str]:
    """(source, citation) -> key, in order of first use; one key that means two works gets a letter the second time."""
    keys: dict[Source, str] = {}
    for report in reports:
        for source, citation in zip(report.prices["source"], report.prices["citation"], strict=True):
            if not source.startswith(INCLUDED) and (source, citation) not in keys:
                keys[source, citation] = _free(_clean(source), {SPIKEWATT, *keys.values()})
    return keys


def bibliography(keys: Mapping[Source, str]) -> str:
    """The entries as BibTeX. Authors and year are read from the citation; the rest stands in it as it is."""
    entries = [_entry(key, citation) for (_, citation), key in keys.items()]
    own = [
        f"@misc{{{SPIKEWATT},",
        "  author = {{The spikewatt authors}},",
        "  title = {{spikewatt: a neuromorphic hardware simulator and energy modeler for spike-driven LLMs}},",
        f"  note = {{Version {__version__}}},",
        "}",
    ]
    return "\n\n".join([*entries, "\n".join(own)]) + "\n"


def _entry(key: str, citation: str) -> str:
    """One work as ``@misc``."""
    text = " ".join(citation.split())
    found = _AUTHORS.match(text)
    authors, rest = (found["authors"], found["rest"]) if found else ("", text)
    years = _YEAR.findall(text)
    fields = {"author": authors, "title": rest, "year": years[0] if len(set(years)) == 1 else ""}
    if fields["year"]:
        fields["title"] = re.sub(rf", {fields['year']}(?=,|\)|$)", "", rest, count=1)
    lines = [f"  {name} = {{{{{breakable(value, 30)}}}}}," for name, value in fields.items() if value]
    if not authors:
        lines.append(f"  key = {{{key}}},")
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _clean(source: str) -> str:
    """A key that BibTeX takes."""
    return re.sub(r"[^A-Za-z0-9:_.+-]", "-", source) or "source"


def _free(key: str, taken: set[str]) -> str:
    """``key``, or with the first letter that makes it new; BibTeX does not tell capitals apart."""
    folded = {one.lower() for one in taken}
    letters = ("", *"abcdefghijklmnopqrstuvwxyz", *(f"-{number}" for number in range(2, 2 + len(taken))))
    free: str = next(key + letter for letter in letters if (key + letter).lower() not in folded)
    return free
