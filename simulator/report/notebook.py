"""What a notebook sees of a run: its layers as a table, its figures, its headline as the cell's output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.report.headline import headline_html
from simulator.report.plot import Plot
from simulator.report.report_files import write_report
from simulator.report.run import Run
from simulator.report.tables import owner_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class NotebookRun(Run):
    """A run as `simulator.simulate` returns it."""

    @property
    def owners(self) -> pd.DataFrame:
        """One row per layer, operation and stage: counts, and energies in pJ (`report.tables.owner_table`)."""
        return owner_table(self)

    @property
    def layers(self) -> pd.DataFrame:
        """The name of `owners` in versions 0.1 and 0.2."""
        return self.owners

    @property
    def plot(self) -> Plot:
        """The figures of the report: ``run.plot.energy()`` returns (figure, axes)."""
        return Plot(self)

    def save(self, folder: Path | str, *, force: bool = False) -> Path:
        """Write the report with its page and figures to ``folder``, as ``spikewatt simulate`` does; returns the folder.

        Raises
        ------
        OutputError
            The folder cannot be written, or holds something that is not a report; ``force`` replaces it.
        """
        from simulator.report.html import write_page

        return write_report(self, folder, writers=[write_page], force=force)

    def _repr_html_(self) -> str:
        """The headline of the run for a notebook."""
        return headline_html(self)
