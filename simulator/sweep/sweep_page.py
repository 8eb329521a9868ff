"""The page of a sweep: its front, its parallel coordinates, and every point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from simulator.config.sweep import SweepConfig
from simulator.config.sweep_axes import Range, value_text
from simulator.report.cells import MOST_ROWS, as_cells
from simulator.report.figures.style import svg_text
from simulator.report.page import Section, make_section, render_page, script_data
from simulator.sweep.parallel_axes import draw_parallel, parallel_finding, parallel_frame
from simulator.sweep.picture import draw_front, front_finding, front_frame, has_picture, trade_finding
from simulator.sweep.point_table import next_lines
from simulator.sweep.runner import SweepResult
from simulator.sweep.store import FAILED, commit
from simulator.sweep.sweep_view import sweep_view

PAGE = "sweep.html"


def save_page(result: SweepResult, config: SweepConfig, command: str) -> Path:
    """Write ``sweep.html`` into the folder of the sweep; raises OutputError when it cannot be written."""
    path = result.folder / PAGE
    commit(path, render_sweep(result, config, command))
    return path


def render_sweep(result: SweepResult, config: SweepConfig, command: str) -> str:
    """The page as text; the same result gives the same text."""
    frame = result.frame
    failed = frame[frame["status"] == FAILED]
    return render_page(
        "sweep.html.j2",
        scripts=("page_tables.js", "sweep_view.js") if has_picture(result) else ("page_tables.js",),
        view=script_data(sweep_view(result)) if has_picture(result) else None,
        config=config,
        facts=_facts(result, config),
        finding=front_finding(result),
        warnings=result.warnings,
        asks=[line.removeprefix("next: ") for line in next_lines(result)],
        sections=list(sweep_sections(result)),
        axes=list(_axes(config)),
        points=as_cells(result.summary.assign(point=frame["point"]), MOST_ROWS),
        failed=as_cells(failed[[*result.axes, "reason"]]),
        command=command,
    )


def _facts(result: SweepResult, config: SweepConfig) -> list[str]:
    """What was tried on what, for the line under the title."""
    status = result.frame["status"].value_counts()
    points = ", ".join(f"{n} {word}" for word, n in status.items())
    chips = [config.base] if config.base is not None else []
    return [f"{len(result.frame)} points: {points}", f"mode {config.mode}", *chips, *config.trace]


def _axes(config: SweepConfig) -> Iterator[tuple[str, str]]:
    """What was changed, what was minimized and what was bounded, as pairs of words."""
    for name, axis in config.axes.items():
        if isinstance(axis, Range):
            yield name, f"{axis.low} to {axis.high} ({axis.scale})"
        else:
            yield name, ", ".join(map(value_text, axis))
    yield from (("minimized", key) for key in config.objectives)
    yield from (("bound", text) for text in config.constraints)


def sweep_sections(result: SweepResult) -> Iterator[Section]:
    """The figures, where any point has a result."""
    if not has_picture(result):
        return
    figure, _ = draw_front(result)
    yield make_section(
        "front",
        "Pareto front",
        "Scatter plot of the points over their objectives",
        "Towards the lower left is better. Points on the front are numbered; the key below names their values.",
        trade_finding(result),
        svg_text(figure, "front"),
        front_frame(result),
    )
    frame = parallel_frame(result)
    figure, _ = draw_parallel(frame, result.axes)
    yield make_section(
        "parallel",
        "Values and costs",
        "Parallel coordinates, one line per point across its values and its costs",
        "Each vertical axis is one value or one cost, smallest at the bottom; follow a line to read one point.",
        parallel_finding(frame, result.axes),
        svg_text(figure, "parallel"),
        frame,
    )
