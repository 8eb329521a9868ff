"""The sliders of a notebook: what their traits hold, what they refuse, and what a browser makes of them."""

import json
import math
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from browser import look
from factories import make_run, make_trace

from simulator.config.chip_files import load_chip
from simulator.energy.ledger import build_ledger
from simulator.errors import SpikewattError
from simulator.report.format import format_energy
from simulator.simulation.simulation import simulate

SCRIPT = Path(str(files("simulator.report"))) / "templates" / "what_if_widget.js"
ACCUMULATE = "dendrite.accumulate"

# A model as anywidget has it, whose Python doubles the total when a price has changed.
PAGE = """<!DOCTYPE html><html><body><main id="view"></main><script>VIEW
const state = STATE, heard = {};
const model = {
  get: name => state[name], on: (event, call) => { heard[event] = call; },
  set: (name, value) => { state[name] = value; },
  save_changes: () => { state.total_pj = 2 * state.reported_pj; heard["change:prices"](); },
};
render({model, el: document.getElementById("view")});
window.state = state;
</script></body></html>"""
READ = """(page, window) => {
  const view = page.querySelector("#view");
  const before = view.textContent;
  const slider = view.querySelector("input[type=range]");
  slider.value = Math.log10(2);
  slider.dispatchEvent(new window.Event("input"));
  return {before, after: view.textContent, sliders: view.querySelectorAll("input[type=range]").length,
          prices: window.state.prices, named: slider.dataset.price, title: slider.parentElement.title,
          wide: page.scrollWidth <= page.clientWidth};
}"""


@pytest.fixture
def widget():
    pytest.importorskip("anywidget", reason="needs the extra widgets")
    return make_run().what_if()


def test_the_total_at_the_start_is_that_of_the_run_to_the_last_bit(widget):
    run = make_run()
    assert widget.total_pj == run.ledger.total_pj
    assert widget.per_token_pj == run.energy_per_token_pj
    assert widget.set_line == ""


def test_a_price_moves_the_total_by_its_count(widget):
    """Each accumulate at 10 pJ more; set back, the total is the same bit for bit."""
    run, start = make_run(), dict(widget.prices)
    rows = run.ledger.rows
    counts = rows.loc[(rows["component"] == "dendrite") & (rows["action"] == "accumulate"), "count"].sum()
    widget.prices = {ACCUMULATE: start[ACCUMULATE] + 10}
    assert widget.total_pj == pytest.approx(run.ledger.total_pj + 10 * counts, rel=1e-12)
    assert widget.prices == start | {ACCUMULATE: start[ACCUMULATE] + 10}
    widget.prices = {}
    assert (widget.total_pj, widget.prices) == (run.ledger.total_pj, start)


@pytest.mark.parametrize("name", ["static.sram", "synapse.word_read", "noc.hop_x"])
def test_the_set_line_gives_the_same_total_in_the_program(small_run, name):
    pytest.importorskip("anywidget", reason="needs the extra widgets")
    widget = small_run.what_if()
    widget.prices = {name: 0.5 * widget.prices[name]}
    options = [word.strip().replace('"', "") for word in widget.set_line.split("--set ")[1:]]
    assert len(options) == 1
    again = build_ledger(small_run.result, load_chip("sdllm-asic-45nm", options))
    assert widget.total_pj == pytest.approx(again.total_pj, rel=1e-9)


@pytest.fixture(scope="module")
def small_run():
    return simulate(load_chip("sdllm-asic-45nm"), make_trace())


@pytest.mark.parametrize(
    ("prices", "line"),
    [
        ({"dendrite.acumulate": 1.0}, r"found 'dendrite.acumulate', .*did you mean 'dendrite.accumulate'"),
        ({ACCUMULATE: -1.0}, "found -1.0, expected a number of at least 0"),
        ({ACCUMULATE: math.nan}, "found nan, expected a number"),
        ({ACCUMULATE: "1 pJ"}, "found '1 pJ', expected a number"),
    ],
)  # fmt: skip
def test_what_is_no_price_is_refused_and_nothing_changes(widget, prices, line):
    before = dict(widget.prices)
    with pytest.raises(SpikewattError, match=line):
        widget.prices = prices
    assert widget.prices == before


def test_without_anywidget_one_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(SpikewattError, match=r"needs the extra widgets: pip install 'spikewatt\[widgets\]'"):
        make_run().what_if()


def test_in_a_browser(widget, tmp_path):
    state = {name: getattr(widget, name) for name in ("label", "sliders", "prices", "total_pj", "reported_pj",
                                                       "per_token_pj", "set_line")}  # fmt: skip
    view = SCRIPT.read_text(encoding="utf-8").replace("export default {render};", "")
    (tmp_path / "widget.html").write_text(
        PAGE.replace("STATE", json.dumps(state)).replace("VIEW", view), encoding="utf-8"
    )
    found, console = look(tmp_path, {"widget": ("widget.html", 390)}, READ)
    assert console == []
    seen = found["widget"]
    assert format_energy(widget.per_token_pj) in seen["before"]
    assert "1.00x of what was reported" in seen["before"]
    assert "2.00x of what was reported" in seen["after"]
    assert seen["prices"][seen["named"]] == pytest.approx(2 * widget.prices[seen["named"]], rel=1e-3)
    assert seen["sliders"] == len(widget.sliders)
    assert "range" in seen["title"]
    assert seen["wide"]
