"""What a notebook sees of a run: its layers as a table, its figures, its headline as the cell's output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import SpikewattError, did_you_mean
from simulator.report.headline import headline_html
from simulator.report.inline import InlineReport, InlineTable
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

    def table(self, name: str = "owners", top: int = 10) -> InlineTable:
        """The ``top`` rows with the most energy of one table of the report, with units, for a cell or ``print``.

        ``name`` is ``owners`` (layers, operations, stages), ``stages`` or ``components``.

        Raises
        ------
        SpikewattError
            For another name.
        """
        tables = {"owners": self._owners_shown, "stages": self._stages_shown, "components": self._components_shown}
        if name not in tables:
            hint = did_you_mean(name, tables)
            raise SpikewattError(f"table {name!r}: expected one of {', '.join(tables)}{hint}")
        frame = tables[name]().head(top)
        return InlineTable(frame, f"{name} of {self.trace.name} on {self.chip.name}, the whole trace")

    def _owners_shown(self) -> pd.DataFrame:
        frame = self.owners.sort_values("energy_pj", ascending=False, kind="stable")[["owner", "kind", "energy_pj"]]
        return frame.assign(share=self._share(frame["energy_pj"]))

    def _stages_shown(self) -> pd.DataFrame:
        return self.result.stages.sort_values("total_ps", ascending=False, kind="stable")

    def _components_shown(self) -> pd.DataFrame:
        energies = self.ledger.by_component().sort_values(ascending=False, kind="stable")
        frame = energies.rename_axis("component").rename("energy_pj").reset_index()
        return frame.assign(share=self._share(frame["energy_pj"]))

    def _share(self, energies: pd.Series) -> pd.Series:
        """Shares of the total."""
        return energies / total if (total := self.ledger.total_pj) else 0.0 * energies

    def report(self) -> InlineReport:
        """The page of the report, as ``spikewatt simulate`` writes it, inside the cell of a notebook."""
        from simulator.report.figures import draw_figures
        from simulator.report.html import render_html

        return InlineReport(render_html(self, draw_figures(self)))

    def what_if(self) -> Any:
        """Sliders of the prices of the run, a widget (`report.what_if_widget`); the energy at them is read as traits.

        Raises
        ------
        SpikewattError
            The extra ``widgets`` is not installed.
        """
        from simulator.report.what_if_widget import what_if_widget

        return what_if_widget(self)

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
