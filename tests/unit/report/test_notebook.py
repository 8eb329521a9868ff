"""What a notebook uses of a run: its table, its figures, its headline, and files for papers."""

import re
from copy import copy
from html import unescape

import pandas as pd
import pytest
from factories import make_run
from matplotlib.figure import Figure
from page import Page

import simulator as sw
from simulator.errors import OutputError, SpikewattError
from simulator.report.export import latex_table, write_latex
from simulator.report.figures import FIGURES
from simulator.report.format import format_energy
from simulator.report.tables import owner_table


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_owners_is_the_owner_table(run):
    pd.testing.assert_frame_equal(run.owners, owner_table(run))
    pd.testing.assert_frame_equal(run.layers, run.owners)  # its name in 0.1 and 0.2


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_method_that_draws_into_axes_of_ones_own(run, name):
    figure = Figure()
    own = figure.add_subplot()
    assert getattr(run.plot, name)(ax=own) == (figure, own)


def test_a_figure_shows_inline_as_ipython_formats_it(run):
    """Alone and with its axes, in a process that never asked for pyplot; unpacking stays as it was."""
    formatters = pytest.importorskip("IPython.core.formatters", reason="needs IPython")
    drawn = run.plot.energy()
    figure, ax = drawn
    assert ax in figure.axes
    for shown in (drawn, figure):
        data, _ = formatters.DisplayFormatter().format(shown)
        assert data["image/png"].startswith(b"\x89PNG")


def test_a_run_is_saved_as_a_report_and_never_over_something_else(run, tmp_path, monkeypatch):
    monkeypatch.setattr("simulator.report.html.write_page", lambda run, folder: None)
    assert (run.save(tmp_path / "mine") / "result.json").is_file()
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        run.save(tmp_path)


def test_figures_are_completed_and_a_wrong_name_is_told(run):
    assert set(FIGURES) < set(dir(run.plot))
    with pytest.raises(AttributeError, match=r"no figure 'enery', expected one of charged, .*did you mean 'energy'"):
        run.plot.enery()
    assert copy(run.plot).run is run


def test_a_table_is_derived_once_and_each_caller_has_one_of_its_own(run, monkeypatch):
    first = owner_table(run)
    monkeypatch.setattr("simulator.report.tables.split_block", None)  # it could not be derived again
    first["energy_pj"] = 0.0
    assert owner_table(run)["energy_pj"].sum() == pytest.approx(run.ledger.total_pj)


def test_the_headline_of_a_notebook(run):
    page = Page(run._repr_html_())
    assert page.texts("caption") == ["toy-trace on toy, 4 tokens"]
    assert format_energy(run.energy_per_token_pj) in page.texts("td")
    assert {attrs.get("scope") for attrs, _ in page.all("th")} == {"col", "row"}


@pytest.mark.parametrize(("ending", "start"), [(".svg", b"<svg "), (".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_a_figure_is_saved_as_the_ending_says_the_same_bytes_each_time(run, tmp_path, ending, start):
    files = []
    for name in ("one", "two"):
        figure, _ = run.plot.energy()
        files.append(sw.save_figure(figure, tmp_path / f"{name}{ending}").read_bytes())
    assert files[0].startswith(start)
    assert files[0] == files[1]


def test_tables_for_papers(run, tmp_path):
    frame = pd.DataFrame({"layer": ["a_b", "100%"], "energy_pj": [1.5, 2e6], "share": [0.25, 0.75]})
    assert latex_table(frame).splitlines() == [
        r"\begin{tabular}{lrr}", r"\toprule", r"layer & energy & share \\", r"\midrule",
        r"a\_b & 1.500 pJ & 25.0\% \\", r"100\% & 2.000 \textmu{}J & 75.0\% \\", r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
    assert sw.save_table(frame, tmp_path / "t.csv").read_text().splitlines()[1] == "a_b,1.5,0.25"
    written = write_latex(run, tmp_path)
    assert [path.name for path in written] == ["comparison.tex", "stages.tex", "consumers.tex", "prices.tex"]


def test_the_layers_of_a_run_are_a_table_for_a_paper(run, tmp_path):
    """Also those that belong to no block, whose number is missing."""
    lines = sw.save_table(run.owners, tmp_path / "layers.tex").read_text().splitlines()
    assert len(lines) == len(run.owners) + 6  # the head, its rules, begin and end
    assert run.owners["block"].isna().any()


def test_a_figure_is_told_in_words(run):
    assert run.plot.finding("energy") == FIGURES["energy"].finding(FIGURES["energy"].frame(run))


def test_another_ending(run, tmp_path):
    with pytest.raises(OutputError, match=r"found the ending '\.jpg', expected one of \.svg, \.png, \.pdf"):
        sw.save_figure(run.plot.energy()[0], tmp_path / "x.jpg")
    with pytest.raises(OutputError, match="cannot be written"):
        sw.save_table(run.owners, tmp_path / "nowhere" / "x.csv")


def test_a_table_shows_units_and_holds_numbers(run):
    table = run.table("components", top=3)
    energies = run.ledger.by_component().sort_values(ascending=False).head(3)
    assert table.frame["component"].tolist() == energies.index.tolist()
    assert table.frame["energy_pj"].tolist() == pytest.approx(energies.tolist())
    page = Page(table._repr_html_())
    texts = page.texts("td")
    assert texts[:2] == [energies.index[0], format_energy(float(energies.iloc[0]))]
    lines = [line.strip() for line in str(table).splitlines()]
    assert lines[0] == "components of toy-trace on toy, the whole trace"
    rows = [line for line in lines if line.split()[:1] and line.split()[0] in energies.index]
    assert [row.split()[0] for row in rows] == energies.index.tolist()
    assert len({row.rindex("%") for row in rows}) == 1  # numbers are at the right


@pytest.mark.parametrize(("name", "first"), [("owners", "owner"), ("stages", "stage"), ("components", "component")])
def test_every_table_of_a_run(run, name, first):
    assert run.table(name, top=2).frame.columns[0] == first
    assert len(run.table(name, top=2).frame) == 2


def test_another_table(run):
    with pytest.raises(SpikewattError, match=r"table 'owner': expected one of owners, .*did you mean 'owners'"):
        run.table("owner")


def test_figures_side_by_side_share_no_names(run):
    html = run.plot.together("energy", "latency")._repr_html_()
    assert html.count("<svg") == 2
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    with pytest.raises(AttributeError, match="no figure 'enrgy'"):
        run.plot.together("energy", "enrgy")


def test_the_report_in_a_cell_is_the_page(run, tmp_path):
    """Escaped once as an attribute, so that the frame shows the bytes of report.html."""
    html = run.report()._repr_html_()
    inside = unescape(re.fullmatch(r'<iframe title="report" style="[^"]*" srcdoc="([^"]*)"></iframe>', html)[1])
    run.save(tmp_path / "r")
    assert inside == (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
