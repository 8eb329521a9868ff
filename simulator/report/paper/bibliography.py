"""``refs.bib``: the sources of the prices that were used, under the keys of the chip files.

A work of the program's table (`simulator.config.works`) has its fields there. What a chip file cites in words of its
own becomes one entry with these words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from simulator import __version__
from simulator.config.works import Work, works
from simulator.report.latex_text import breakable
from simulator.report.paper.paper_report import INCLUDED, PaperReport

Source = tuple[str, str]  # (key of the chip file, citation as it stands there)

SPIKEWATT = "spikewatt"
_NAME = r"(?:\w\.[ -]?)+[^,:.]+?"
_AUTHORS = re.compile(rf"^(?P<authors>{_NAME}(?:(?:,? and |, ){_NAME})*(?: et al\.)?)[,:.] (?P<rest>.+)$", re.DOTALL)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def citation_keys(reports: Sequence[PaperReport]) -> dict[Source, str]:
    """(source, citation) -> key, in order of first use; one key that means two works gets a letter the second time.

    Two places in one work of the table (a table here, a supplement there) have its one key.
    """
    keys: dict[Source, str] = {}
    of_work: dict[Work, str] = {}
    for report in reports:
        for source in zip(report.prices["source"], report.prices["citation"], strict=True):
            if source[0].startswith(INCLUDED) or source in keys:
                continue
            work = _work(source)
            key = of_work.get(work) if work is not None else None
            keys[source] = key or _free(_clean(source[0]), {SPIKEWATT, *keys.values()})
            if work is not None:
                of_work[work] = keys[source]
    return keys


def bibliography(keys: Mapping[Source, str]) -> str:
    """The entries as BibTeX, one for each key."""
    sources: dict[str, list[Source]] = {}
    for source, key in keys.items():
        sources.setdefault(key, []).append(source)
    own = [
        f"@misc{{{SPIKEWATT},",
        "  author = {{The spikewatt authors}},",
        "  title = {{spikewatt: a neuromorphic hardware simulator and energy modeler for spike-driven LLMs}},",
        f"  note = {{Version {__version__}}},",
        "}",
    ]
    return "\n\n".join([*(_entry(key, of_key) for key, of_key in sources.items()), "\n".join(own)]) + "\n"


def _work(source: Source) -> Work | None:
    """The work of the table that a citation means; None where it is in words of its own."""
    work = works().get(source[0])
    return None if work is None or work.place(source[1]) is None else work


def _entry(key: str, sources: Sequence[Source]) -> str:
    """One work: its fields, or the words of its one citation."""
    work = _work(sources[0])
    if work is None:
        return _in_words(key, sources[0][1])
    places = dict.fromkeys(filter(None, (work.place(citation) for _, citation in sources)))
    return _of_table(key, work, "; ".join(places))


def _of_table(key: str, work: Work, places: str) -> str:
    """A work of the table; ``places`` are the parts of it that were used."""
    kind = "article" if work.journal else "inproceedings" if work.booktitle else "misc"
    people = "." in work.author
    author = work.author.replace(" et al.", " and others") if people else f"{{{work.author}}}"
    fields: dict[str, object] = {
        "author": author if work.author else "",
        "title": f"{{{breakable(work.title, 30)}}}" if work.title else "",
        "journal": work.journal,
        "booktitle": work.booktitle,
        "howpublished": work.date or (f"arXiv {work.eprint}" if work.eprint else ""),
        "volume": work.volume,
        "number": work.number,
        "pages": work.pages.replace("-", "--"),
        "year": work.year,
        "note": breakable(places, 30),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value not in ("", None)]
    return "\n".join([f"@{kind}{{{key},", *lines, *([] if work.author else [f"  key = {{{key}}},"]), "}"])


def _in_words(key: str, citation: str) -> str:
    """A citation as ``@misc``: authors and year are read from it; the rest is the title as it is."""
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
