"""The pages in a real browser, at desktop and phone width: no error, and nothing wider than the window."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from factories import make_chip, make_run

from simulator.energy.ledger import build_ledger
from simulator.report.compare import read_reports
from simulator.report.compare_page import write_comparison
from simulator.report.html import write_page
from simulator.report.report_files import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = {"desktop": 1280, "phone": 390}
PAGES = ("report", "comparison", "broken")

# Each page in frames of both widths; the frame's own document says how wide its content is.
FRAMES = """<!DOCTYPE html><html><body>{frames}<pre id="found"></pre><script>
window.addEventListener("load", () => {{
  const found = {{}};
  for (const frame of document.querySelectorAll("iframe")) {{
    const page = frame.contentDocument.documentElement;
    const figures = page.querySelectorAll("svg").length;
    found[frame.id] = {{window: page.clientWidth, content: page.scrollWidth, figures: figures}};
  }}
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script></body></html>"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """(What each frame found, everything the browser said on its console)."""
    if BROWSER is None:
        pytest.skip("no browser here: needs chromium (Debian package `chromium`)")
    folder = tmp_path_factory.mktemp("pages")
    run = make_run()
    dear = make_chip(core__dendrite__accumulate__energy__value="47.2 pJ")
    other = replace(run, mapped=replace(run.mapped, chip=dear), ledger=build_ledger(run.result, dear))
    names = [write_report(each, folder / name) for name, each in (("a", run), ("b", other))]
    write_page(run, folder)
    write_comparison(read_reports(names), folder / "comparison.html")
    (folder / "broken.html").write_text("<p style='width: 3000px'>wide</p><script>nothing()</script>")
    frames = "".join(
        f'<iframe id="{page}-{name}" src="{page}.html" style="width: {width}px; height: 900px"></iframe>'
        for page in PAGES
        for name, width in WIDTHS.items()
    )
    (folder / "frames.html").write_text(FRAMES.format(frames=frames))
    command = [BROWSER, "--headless", "--disable-gpu", "--no-first-run", "--enable-logging=stderr", "--dump-dom"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*command, (folder / "frames.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout)
    assert found is not None, done.stderr
    return json.loads(found[1]), re.findall(r"CONSOLE.*", done.stderr)


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
