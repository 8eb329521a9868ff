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

# Widths of the window and the content, figures, controls in sight, and colours as [red, green, blue].
LOOKS = """(page, view) => {
  const rgb = color => color.match(/\\d+/g).slice(0, 3).map(Number);
  const body = view.getComputedStyle(page.querySelector("body"));
  const root = view.getComputedStyle(page);
  const seen = [...page.querySelectorAll("input, select, button")].filter(one => one.offsetParent !== null);
  const ground = [body, root].map(style => style.backgroundColor).find(color => !color.endsWith(", 0)"));
  return {
    window: page.clientWidth, content: page.scrollWidth, figures: page.querySelectorAll("svg").length,
    controls: seen.length, ground: rgb(ground || "rgb(255, 255, 255)"), ink: rgb(body.color),
    text: page.querySelector("main").textContent.length,
  };
}"""

# The frame's own document says how wide its content is.
MEASURE = """page => ({
  window: page.clientWidth, content: page.scrollWidth, figures: page.querySelectorAll("svg").length,
  cut: [...page.querySelectorAll(".headline")].map(table => table.scrollWidth - table.parentElement.clientWidth),
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the pages."""
    folder = tmp_path_factory.mktemp("pages")
    run = make_run()
    dear = make_chip(core__dendrite__accumulate__energy__value="47.2 pJ")
    other = replace(run, mapped=replace(run.mapped, chip=dear), ledger=build_ledger(run.result, dear))
    names = [write_report(each, folder / name) for name, each in (("a", run), ("b", other))]
    write_page(run, folder)
    write_comparison(read_reports(names), folder / "comparison.html")
    (folder / "broken.html").write_text("<p style='width: 3000px'>wide</p><script>nothing()</script>")
    return folder


@pytest.fixture(scope="module")
def opened(folder):
    """(What each frame found, everything the browser said on its console)."""
    frames = {f"{page}-{name}": (f"{page}.html", width) for page in PAGES for name, width in WIDTHS.items()}
    return look(folder, frames, MEASURE)


@pytest.fixture(scope="module", params=[(False, True), (True, True), (False, False), (True, False)])
def seen(folder, request):
    """(Whether dark, whether scripts run, what each frame looks like)."""
    dark, scripts = request.param
    frames = {f"{page}-{name}": (f"{page}.html", width) for page in PAGES[:2] for name, width in WIDTHS.items()}
    return dark, scripts, look(folder, frames, LOOKS, dark, scripts)[0]


def luminance(rgb):
    """Relative luminance in [0, 1] (WCAG 2.2)."""
    parts = [x / 255 / 12.92 if x / 255 <= 0.04045 else ((x / 255 + 0.055) / 1.055) ** 2.4 for x in rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_light_and_dark_with_and_without_scripts(seen):
    dark, scripts, frames = seen
    for found in frames.values():
        assert found["content"] <= found["window"]
        assert found["figures"] >= 1
        assert found["text"] > 1000  # the page is whole without a script
        assert (found["controls"] > 0) == scripts  # and shows none that does nothing
        ground, ink = luminance(found["ground"]), luminance(found["ink"])
        assert (ground < ink) == dark
        assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 7  # WCAG 2.2, level AAA


@pytest.mark.parametrize("width", WIDTHS)
def test_the_headline_numbers_are_not_cut_off(opened, width):
    [wider] = opened[0][f"report-{width}"]["cut"]
    assert wider <= 0


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
