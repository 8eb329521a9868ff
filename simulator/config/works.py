"""Published works that numbers come from, by key: one table for chip files, reports and bibliographies."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

WORK = "{work}"  # in the `sources` of a chip file: the citation of the work of that key
FILE = Path(__file__).with_name("works.yaml")


class Work(NamedTuple):
    """A publication.

    Attributes
    ----------
    author
        Names as they are cited (``M. Davies et al.``); a name without a point is an organization.
    title, year
        Of the work.
    journal, volume, number, pages
        Of an article.
    booktitle
        Of a paper at a conference.
    eprint
        Number at arXiv.
    date
        Of a page on the web.
    """

    year: int
    author: str = ""
    title: str = ""
    journal: str = ""
    volume: int | None = None
    number: int | None = None
    pages: str = ""
    booktitle: str = ""
    eprint: str = ""
    date: str = ""

    @property
    def citation(self) -> str:
        """The work in words, as reports print it."""
        title = f'"{self.title}"' if self.date else self.title
        if self.booktitle:
            when = f"{self.booktitle} {self.year}"
        elif self.journal:
            issue = "" if self.number is None else f"({self.number})"
            pages = f":{self.pages}" if self.pages else ""
            when = f"{self.journal} {self.volume}{issue}{pages}, {self.year}"
        elif self.eprint:
            when = f"arXiv {self.eprint}, {self.year}"
        else:
            when = self.date or str(self.year)
        return ", ".join(filter(None, (self.author, title, when)))

    def place(self, citation: str) -> str | None:
        """What ``citation`` adds to that of the work, such as a table; None where it cites something else."""
        if not citation.startswith(self.citation):
            return None
        place = citation.removeprefix(self.citation).lstrip(" ,;:")
        return place[1:-1] if place.startswith("(") and place.find(")") == len(place) - 1 else place


@cache
def works() -> dict[str, Work]:
    """Key -> work, in the order of the file."""
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {key: Work(**{**fields, "pages": str(fields.get("pages", ""))}) for key, fields in found.items()}
