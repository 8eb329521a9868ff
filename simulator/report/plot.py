"""The figures of a run for notebooks: ``run.plot.energy()``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from simulator.errors import did_you_mean
from simulator.report.inline import InlineFigures
from simulator.report.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Drawn(NamedTuple):
    """A figure and its axes: ``figure, ax = run.plot.energy()``; alone at the end of a cell it is the picture."""

    figure: Figure
    axes: Axes

    def _repr_png_(self) -> bytes:
        """The picture for Jupyter and VS Code."""
        from simulator.report.figures.style import png_bytes

        return png_bytes(self.figure, dpi=100)


@dataclass(frozen=True)
class Plot:
    """Each figure of `simulator.report.figures.FIGURES` by its name: ``plot.energy(ax=None)`` -> (figure, axes)."""

    run: Run

    def __getattr__(self, name: str) -> Callable[..., Drawn]:
        """Draw the figure of this name, into ``ax`` where it is given."""
        from simulator.report.figures import FIGURES

        if name not in FIGURES:
            raise AttributeError(
                f"no figure {name!r}, expected one of {', '.join(FIGURES)}{did_you_mean(name, FIGURES)}"
            )
        return partial(self.draw, name)

    def __dir__(self) -> Iterable[str]:
        """The figures too, for completion in notebooks."""
        from simulator.report.figures import FIGURES

        return [*super().__dir__(), *FIGURES]

    def draw(self, name: str, ax: Axes | None = None) -> Drawn:
        """Any figure of `simulator.report.figures.FIGURES`; raises KeyError for another name."""
        from simulator.report.figures import FIGURES

        kind = FIGURES[name]
        return Drawn(*kind.draw(kind.frame(self.run), ax=ax))

    def together(self, *names: str) -> InlineFigures:
        """Several figures next to each other in one cell; raises AttributeError for a name that no figure has."""
        from simulator.report.figures.style import svg_text

        figures = {name: getattr(self, name)().figure for name in names}
        return InlineFigures({name: svg_text(figure, f"{name}-inline") for name, figure in figures.items()})

    def finding(self, name: str) -> str:
        """What a figure shows, in one sentence with its numbers and units; raises KeyError for another name."""
        from simulator.report.figures import FIGURES

        kind = FIGURES[name]
        return kind.finding(kind.frame(self.run))
