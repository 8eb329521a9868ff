"""The pages in a real browser, at desktop and phone width: no error, and nothing wider than the window."""

from dataclasses import replace

import pytest
from browser import look
from factories import make_chip, make_run

from simulator.energy.ledger import build_ledger
from simulator.report.compare import read_reports
from simulator.report.compare_page import write_comparison
from simulator.report.html import write_page
from simulator.report.report_files import write_report

WIDTHS = {"desktop": 1280, "phone": 390}
PAGES = ("report", "comparison", "broken")

# The frame's own document says how wide its content is.
MEASURE = """page => ({
  window: page.clientWidth, content: page.scrollWidth, figures: page.querySelectorAll("svg").length,
})"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """(What each frame found, everything the browser said on its console)."""
    folder = tmp_path_factory.mktemp("pages")
    run = make_run()
    dear = make_chip(core__dendrite__accumulate__energy__value="47.2 pJ")
    other = replace(run, mapped=replace(run.mapped, chip=dear), ledger=build_ledger(run.result, dear))
    names = [write_report(each, folder / name) for name, each in (("a", run), ("b", other))]
    write_page(run, folder)
    write_comparison(read_reports(names), folder / "comparison.html")
    (folder / "broken.html").write_text("<p style='width: 3000px'>wide</p><script>nothing()</script>")
    frames = {f"{page}-{name}": (f"{page}.html", width) for page in PAGES for name, width in WIDTHS.items()}
    return look(folder, frames, MEASURE)


@pytest.mark.parametrize("page", ["report", "comparison"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(opened, page, width):
    found = opened[0][f"{page}-{width}"]
    assert found["window"] > 0.9 * WIDTHS[width]
    assert found["content"] <= found["window"]
    assert found["figures"] >= 1


def test_the_browser_has_nothing_to_complain_of(opened):
    assert [line for line in opened[1] if "broken.html" not in line] == []


def test_a_broken_page_would_be_seen(opened):
    found, console = opened
    assert found["broken-phone"]["content"] > found["broken-phone"]["window"]
    assert any("nothing is not defined" in line for line in console)
