"""The figures of a run for notebooks: ``run.plot.energy()``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.report.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Drawn = tuple[Figure, Axes]


@dataclass(frozen=True)
class Plot:
    """Each figure of the report by its name; all return (figure, axes), and draw into ``ax`` where it is given."""

    run: Run

    def draw(self, name: str, ax: Axes | None = None) -> Drawn:
        """Any figure of `simulator.report.figures.FIGURES`; raises KeyError for another name."""
        from simulator.report.figures import FIGURES

        kind = FIGURES[name]
        return kind.draw(kind.frame(self.run), ax=ax)

    def finding(self, name: str) -> str:
        """What a figure shows, in one sentence with its numbers and units; raises KeyError for another name."""
        from simulator.report.figures import FIGURES

        kind = FIGURES[name]
        return kind.finding(kind.frame(self.run))

    def bridge(self, ax: Axes | None = None) -> Drawn:
        """The waterfall from the 45 nm op count to the chip, pJ per token."""
        return self.draw("bridge", ax)

    def tornado(self, ax: Axes | None = None) -> Drawn:
        """What the ranges of single prices do to the energy per token."""
        return self.draw("tornado", ax)

    def energy(self, ax: Axes | None = None) -> Drawn:
        """Energy per token by kind of layer, stacked by component."""
        return self.draw("energy", ax)

    def energy_blocks(self, ax: Axes | None = None) -> Drawn:
        """Energy per token by kind of layer and block."""
        return self.draw("energy_blocks", ax)

    def latency(self, ax: Axes | None = None) -> Drawn:
        """Time per token by stage, stacked by what it is spent on."""
        return self.draw("latency", ax)

    def latency_blocks(self, ax: Axes | None = None) -> Drawn:
        """Time per token by stage and block."""
        return self.draw("latency_blocks", ax)

    def break_even(self, ax: Axes | None = None) -> Drawn:
        """Energy per token against spikes per activation, with the dense twin's where there is one."""
        return self.draw("break_even", ax)

    def roofline(self, ax: Axes | None = None) -> Drawn:
        """Synaptic operations per second against bytes of weights per operation."""
        return self.draw("roofline", ax)

    def cores(self, ax: Axes | None = None) -> Drawn:
        """Busy share of every core, on the mesh."""
        return self.draw("cores", ax)

    def links(self, ax: Axes | None = None) -> Drawn:
        """Flits on every link of the mesh."""
        return self.draw("links", ax)

    def raster(self, ax: Axes | None = None) -> Drawn:
        """The spikes of a few neurons over a few tokens."""
        return self.draw("raster", ax)

    def spikes(self, ax: Axes | None = None) -> Drawn:
        """How often each spike count occurs, by kind of stream."""
        return self.draw("spikes", ax)
