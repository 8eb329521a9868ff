"""What every figure of the report is: its words, its frame, its drawing and its finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.report.run import Run


class FigureKind(NamedTuple):
    """One figure of the report: its words, frame, drawing and finding.

    ``picture`` says what kind of picture it is and opens the caption and the alternative text; ``reading`` says how to
    read it. ``frame`` makes a tidy frame, ``draw`` draws it into ``ax`` where that is given.
    """

    title: str
    picture: str
    reading: str
    frame: Callable[[Run], pd.DataFrame]
    draw: Callable[..., tuple[Figure, Axes]]
    finding: Callable[[pd.DataFrame], str]

    def alt(self, frame: pd.DataFrame) -> str:
        """Alternative text: what kind of picture it is and what it shows."""
        return f"{self.picture}. {self.finding(frame)}"
