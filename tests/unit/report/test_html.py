import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factories import make_chip, make_run, make_trace
from page import Page

from simulator.config import load_chip
from simulator.energy.thresholds import THRESHOLDS
from simulator.energy.uncertainty import TOTAL
from simulator.errors import ConservationError, OutputError
from simulator.report.cells import as_cells, write_number
from simulator.report.figures import FIGURES, draw_figures
from simulator.report.format import format_energy, format_power, format_share, format_time
from simulator.report.html import render_html, write_page
from simulator.report.page import with_code
from simulator.report.tables import assumption_table, owner_table, phase_table
from simulator.simulation.simulation import simulate

EVIL = "<b>&\"'$x$"


def page_of(run):
    return render_html(run, draw_figures(run))


@pytest.fixture(scope="module")
def run():
    return make_run()


@pytest.fixture(scope="module")
def html(run):
    return render_html(run, draw_figures(run))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def evil_page():
    """Every name a user can choose is hostile: layer, stage, trace, chip, source, warning, command, origin."""
    trace = make_trace(n_blocks=1)
    old = "blocks.0.gate"
    layers = tuple(replace(x, layer_id=EVIL, kind=EVIL) if x.layer_id == old else x for x in trace.layers)
    swap = {old: EVIL}
    stages = tuple(
        replace(s, layers=tuple(swap.get(x, x) for x in s.layers), sources=tuple(swap.get(x, x) for x in s.sources))
        for s in trace.stages
    )
    trace = replace(trace, name=EVIL, layers=layers, stages=stages, origin={EVIL: {"deep": EVIL}})
    chip = make_chip(summary=EVIL, sources={"toy": EVIL, "davies": EVIL})
    run = make_run(trace=trace, chip=chip.model_copy(update={"name": EVIL}), dense=False)
    return page_of(replace(run, warnings=(EVIL,), command=f"spikewatt {EVIL}"))


def test_is_one_complete_page(page, html):
    assert html.startswith("<!DOCTYPE html>")
    assert page.all("html", lang="en")
    assert page.all("meta", name="viewport")
    assert page.texts("title")[0] == "toy-trace on toy – spikewatt"  # the others are tooltips of figures
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert page.elements[[e[0] for e in page.elements].index("body") + 1][1]["class"] == "skip"
    assert page.all("main", id="main")
    assert page.all("a", href="#main")


def test_runs_its_own_scripts_alone_and_fetches_nothing(page, html):
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0][0]["content"]
    for script in re.findall(r"<script>(.*?)</script>", html, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert page.all("section", id="what-if")[0][0]["hidden"] is None  # shown by its script alone
    assert not page.all("link")
    for tag, attrs, _, _ in page.elements:
        assert not [name for name in attrs if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href", "data", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:")), (tag, attrs)
    for css in [*page.texts("style"), *(attrs.get("style", "") for _, attrs, _, _ in page.elements)]:
        assert "@import" not in css
        assert not re.search(r"url\((?!#)", css)
    outside = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]*"', "", html)
    assert not re.search(r"https?://", outside)
    assert "default-src 'none'" in html


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [attrs["id"] for _, attrs, _, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    hrefs = [value for _, attrs, _, _ in page.elements for key, value in attrs.items() if key.endswith("href")]
    targets = [value[1:] for value in hrefs if not value.startswith("data:image/png")]
    targets += [attrs["aria-labelledby"] for _, attrs, _, _ in page.elements if "aria-labelledby" in attrs]
    targets += [i for _, attrs, _, _ in page.elements for i in re.findall(r"url\(#([^)]+)\)", str(attrs))]
    assert set(targets) <= set(ids)
    assert len(targets) > 20


def test_every_figure_says_what_it_shows(page, run):
    pictures = [found for found in page.all("div", role="img") if found[0].get("class") != "bar"]
    assert len(page.all("figure")) == len(pictures) == len(FIGURES) == len(page.all("svg"))
    for (attrs, _), kind in zip(pictures, FIGURES.values(), strict=True):
        finding = kind.finding(kind.frame(run))
        assert attrs["aria-label"] == f"{kind.picture}. {finding}"
        assert finding in page.texts("p", **{"class": "finding"})
    inside = [around for tag, _, _, around in page.elements if tag == "svg"]
    assert all("figure" in around for around in inside)
    assert sum(tag == "details" and "figure" in around for tag, _, _, around in page.elements) == len(FIGURES)


def test_every_section_has_a_finding(page):
    assert len(page.all("h2")) == len(page.texts("p", **{"class": "finding"})) == len(FIGURES) + 12
    assert all(page.texts("p", **{"class": "finding"}))


def test_tables_are_accessible(page):
    assert len(page.all("table")) == len(page.all("caption"))
    scopes = [attrs.get("scope") for attrs, _ in page.all("th")]
    assert scopes
    assert set(scopes) == {"col", "row"}
    for tag, _, _, around in page.elements:
        if tag == "table":
            assert "div" in around  # its own container scrolls, not the page
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs, _ in page.all("div", role="region"))


def test_page_never_scrolls_sideways(html):
    assert ".scroll, .plot { overflow-x: auto; max-width: 100%; }" in html
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_headline_numbers(page, run):
    words = " ".join(page.texts("table", **{"class": "headline"}))
    assert format_energy(run.energy_per_token_pj) in words
    assert format_time(run.time_per_token_ps) in words
    assert format_power(run.mean_power_w) in words
    edp = run.energy_per_token_pj * run.time_per_token_ps * 1e-12  # pJ x s
    assert f"{format_energy(edp)}·s" in words
    assert f"{run.spikes_per_activation:.3f}" in words
    assert f"utilization {format_share(run.time_util_mean)} – 25.0%" in words  # the twin as the factory makes it


def test_comparison_names_op_count_and_twin(page, evil_page):
    finding = next(text for text in page.texts("p", **{"class": "finding"}) if " the energy of the fp32" in text)
    assert "of the fp32 operation count" in finding
    nodes = "(45 nm; the chip is 14 nm)"  # a ratio across nodes names both
    assert finding.endswith(
        f"2.50x that of the dense twin dense-int8-45nm {nodes}."
    )  # 1 / 0.4, as the factory makes it
    others = Page(evil_page).texts("p", **{"class": "finding"})
    assert not any("twin" in text for text in others if " the energy of the fp32" in text)  # that run has none


def test_published_thresholds_are_named_for_people(page):
    headings = page.texts("th", scope="col")
    assert all(threshold.title in headings and threshold.name not in headings for threshold in THRESHOLDS)


def test_owner_table_has_every_layer(page, run):
    rows = set(page.texts("th", scope="row"))
    assert set(owner_table(run)["owner"]) <= rows


def test_assumptions_show_price_source_grade_and_share(page, run):
    assert f"{format_share(run.ledger.assumed_share)} of this total rests on assumed prices" in " ".join(
        page.texts("p", **{"class": "finding"})
    )
    rows = page.texts("tr")
    for row in assumption_table(run).to_dict("records"):
        line = next(text for text in reversed(rows) if text.startswith(f"{row['action']} "))  # the tornado has it too
        assert row["grade"] in line
        assert row["citation"] in line
        assert format_share(row["share"]) in line
    (static,) = [text for text in rows if text.startswith("static.power ")]
    assert "2.000 mW/chip" in static
    *_, local = [text for text in rows if text.startswith("noc.local ")]
    assert "1.700 pJ/flit from 1.000 pJ to 2.000 pJ" in local
    (inside,) = [text for text in rows if text.startswith("synapse.synop ")]
    assert "included in another price" in inside


def test_checks_warnings_and_manifest(page, run):
    items = page.texts("li")
    assert run.ledger.conservation_line(format_energy) in items
    assert set(run.all_warnings) <= set(items)
    codes = page.texts("code")
    assert run.command in codes
    assert run.trace.content_hash in codes


def test_time_that_does_not_add_up_is_refused(run):
    broken = replace(run, result=replace(run.result, total_ps=run.result.total_ps + 1))
    with pytest.raises(ConservationError, match="stages add up to"):
        render_html(broken, {})


def test_every_name_is_escaped(evil_page):
    assert "<b>" not in evil_page
    page = Page(evil_page)
    assert EVIL in page.texts("th", scope="row")  # the layer
    assert EVIL in page.texts("li")  # the warning
    assert page.texts("h1") == [f"{EVIL} on {EVIL}"]
    assert EVIL in page.texts("text")  # the label inside a figure
    assert any(EVIL in attrs["aria-label"] for attrs, _ in page.all("div", role="img"))
    assert page.texts("code").count(EVIL) >= 3  # names in the manifest and the origin


def test_same_run_same_page(run):
    """The same inputs simulated again; that figures are the same twice is tested with them."""
    assert render_html(make_run(), {}) == render_html(run, {})


def test_write_page(run, html, tmp_path, monkeypatch):
    monkeypatch.setattr("simulator.report.html.FIGURES", {})
    assert write_page(run, tmp_path).read_text(encoding="utf-8") == render_html(run, {})
    assert len(html.encode()) < 3_000_000
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="expected a directory"):
        write_page(run, tmp_path / "file")


def test_cells_write_units_shares_and_gaps(run):
    frame = owner_table(run)[["owner", "energy_pj"]].assign(share=0.5, time_ps=float("nan"), fine=True).head(2)
    cells = as_cells(frame, most_rows=1)
    assert cells.headings == ("owner", "energy", "share", "time", "fine")
    assert cells.numeric == (False, True, True, True, False)
    assert cells.rows == (("blocks.0.norm_attn", format_energy(frame["energy_pj"].iloc[0]), "50.0%", "–", "yes"),)
    assert cells.remark == "1 of 2 rows are left out here; the CSV files hold all of them."


def test_cells_of_a_sweep_keep_paths_and_know_the_unit_of_a_component():
    columns = {"noc.flit_bits": ["8 bit"], "noc.multicast": [True], "energy.by_component.noc": [2.5e6]}
    cells = as_cells(pd.DataFrame(columns).astype({"noc.multicast": object}))
    assert cells.headings == tuple(columns)
    assert cells.rows == (("8 bit", "true", "2.500 µJ"),)


@pytest.mark.parametrize(("value", "text"), [(1234567.0, "1\u202f234\u202f567"), (0.25, "0.25"), (float("nan"), "n/a")])
def test_write_number(value, text):
    assert write_number(value) == text


def test_prompt_and_generated_tokens_stand_apart_when_there_are_both(html):
    assert "Prompt and generated tokens" not in html
    mixed = simulate(make_chip(), replace(make_trace(n_blocks=1), phases=np.array([0, 0, 0, 1], np.uint8)))
    text = render_html(mixed, {})
    assert "Prompt and generated tokens: first token after" in text
    assert all(format_energy(pj) in text for pj in phase_table(mixed)["energy_per_token_pj"])


def test_each_layer_has_its_band():
    run = make_run(chip=load_chip("loihi-like"))
    rows = Page(render_html(run, {})).texts("tr")
    bands = run.uncertainty.bands().set_index("owner").drop(TOTAL) / run.n_tokens
    assert bands.loc["blocks.0.q", "high_pj"] > bands.loc["blocks.0.q", "value_pj"]
    for owner, band in bands.iterrows():
        energy, low, high = (format_energy(band[name]) for name in ("value_pj", "low_pj", "high_pj"))
        assert sum(row.startswith(f"{owner} ") and f" {energy} {low} {high} " in row for row in rows) == 1


def test_options_in_a_sentence_are_code_that_does_not_break():
    text = "Try --set core.synapse.lanes=2 --set a.b=c: see `spikewatt band` or --breakeven <now>."
    assert str(with_code(text)) == (
        "Try <code>--set core.synapse.lanes=2</code> <code>--set a.b=c</code>: see <code>spikewatt band</code> or"
        " <code>--breakeven</code> &lt;now&gt;."
    )
