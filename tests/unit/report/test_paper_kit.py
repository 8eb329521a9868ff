"""The kit of a paper: sums, ranges and keys of its parts, and that nothing leaves its column."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import make_chip, make_run, price

from simulator.actions import COMPONENTS, SUMMARY_ROWS, summary_row
from simulator.config.works import works
from simulator.energy.ledger import build_ledger
from simulator.energy.uncertainty import TOTAL
from simulator.errors import OutputError
from simulator.report.latex_text import POINTS_PER_INCH, breakable, escape_latex, width_pt
from simulator.report.paper.bibliography import bibliography, citation_keys
from simulator.report.paper.energy_table import energy_table
from simulator.report.paper.paper_figures import FIGURES, WIDTHS_IN, draw_paper_figure
from simulator.report.paper.paper_kit import write_paper
from simulator.report.paper.paper_report import read_paper_reports
from simulator.report.report_files import write_report

LONGEST_NAME = "a_chip-with_the_longest_name_that_a_chip_may_have" + "x" * 51
CITATION = "Ł. Çelik and É. Ωmega, 50 % of {everything}: a_b & c ~ d ^ e \\ <f> 漢字, IEEE Micro 38(1):82–99, 2018"


def printed(cell):
    """A cell of a table as it is printed."""
    return cell.replace(r"\textmu{}", "µ").replace(r"\textless{}", "<").replace("\\", "")


def _write(folder, **changes):
    """The toy run on a changed chip, as a report."""
    run, chip = make_run(), make_chip(**changes)
    return write_report(
        replace(run, mapped=replace(run.mapped, chip=chip), ledger=build_ledger(run.result, chip)), folder
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("reports")
    chips = {
        "plain": {},
        "ranged": {"name": "ranged", "core__dendrite__accumulate__energy": price("20 pJ", low="10 pJ", high="47 pJ")},
        "odd": {"name": LONGEST_NAME, "sources__toy": CITATION},
    }
    return [_write(root / name, **changes) for name, changes in chips.items()]


@pytest.fixture(scope="module")
def reports(folders):
    return read_paper_reports(folders)


@pytest.fixture(scope="module")
def kit(folders, tmp_path_factory):
    """The kit of all reports, written once; a test that changes it takes a copy."""
    out = tmp_path_factory.mktemp("kits") / "kit"
    write_paper(folders, out)
    return out


def test_every_component_has_a_row_of_the_table():
    assert {part.summary for part in COMPONENTS.values()} <= set(SUMMARY_ROWS)
    assert set(SUMMARY_ROWS.values()) <= set(COMPONENTS)
    assert summary_row("synapse.word_read") == summary_row("dendrite.accumulator_write") == "memory"
    assert summary_row("dram.read") == summary_row("sram.write") == summary_row("memory.read") == "memory"


def test_the_rows_add_up_and_the_ranges_are_those_of_the_report(reports, folders):
    for report, folder in zip(reports, folders, strict=True):
        rows, energy = report.rows, report.result["energy"]
        assert rows["value_pj"].drop(TOTAL).sum() == pytest.approx(energy["per_token_pj"], rel=1e-12)
        total = pd.read_csv(folder / "bands.csv").iloc[-1]
        for column in ("value_pj", "q05_pj", "q95_pj"):
            assert report.per_token_pj(TOTAL, column) * report.finished.n_tokens == pytest.approx(total[column])


def test_a_range_moves_its_row_alone(reports):
    plain, ranged, _ = reports
    assert plain.per_token_pj("compute", "q05_pj") == plain.per_token_pj("compute", "q95_pj")
    assert ranged.per_token_pj("compute", "q05_pj") < ranged.per_token_pj("compute", "q95_pj")
    others = ["memory", "network", "non-spiking", "static"]
    assert plain.rows.loc[others].equals(ranged.rows.loc[others])


@pytest.mark.parametrize("seed", range(6))
def test_every_printed_range_holds_its_value(tmp_path, seed):
    """Prices at an end of their range, in the middle, or without an end: what the table and the prices print."""
    rng = np.random.default_rng(seed)
    value, kind = rng.uniform(1, 50), seed % 3
    low, high = value * rng.uniform(0.1, 0.9), value * rng.uniform(1.1, 9)
    ends = [{"low": f"{low} pJ", "high": f"{high} pJ"}, {"low": f"{low} pJ"}, {"high": f"{high} pJ"}][kind]
    changed = {"core__dendrite__accumulate__energy": price(f"{value} pJ", **ends)}
    (report,) = read_paper_reports([_write(tmp_path / "run", **changed)])
    table = energy_table([report])
    found = re.findall(r"([\d.]+) \[([\d.]+), ([\d.]+)\]", table)
    assert len(found) >= 2  # the row of the compute and the total
    assert all(float(low) <= float(shown) <= float(high) for shown, low, high in found)
    rows = report.rows
    assert (rows["low_pj"] <= rows["value_pj"]).all()
    assert (rows["value_pj"] <= rows["high_pj"]).all()
    assert (rows["low_pj"] <= rows["q05_pj"]).all()
    assert (rows["q95_pj"] <= rows["high_pj"]).all()


def test_the_table_states_the_energies_in_one_unit(reports):
    """The toy's total in the unit of the caption."""
    table = energy_table(reports[:1])
    (unit,) = re.findall(r"All energies in (\S+)\.}", table)
    factor = {"pJ": 1.0, "nJ": 1e3, r"\textmu{}J": 1e6, "mJ": 1e9}[unit]
    (shown,) = re.findall(r"^total & ([\d.]+)", table, re.MULTILINE)
    assert float(shown) == pytest.approx(reports[0].result["energy"]["per_token_pj"] / factor, rel=5e-3)
    assert all(len(re.findall(rf"^{row} &", table, re.MULTILINE)) == 1 for row in SUMMARY_ROWS)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_no_row_of_the_table_is_wider_than_its_place(reports, count):
    """Width arithmetic with the metrics of Computer Modern at 8 pt: 3.3 inch, or 7 inch for ``table*``."""
    many = [replace(reports[i % 3], label=f"{reports[i % 3].label}-{i}") for i in range(count)]
    table = energy_table(many)
    place = (7.0 if "table*" in table else 3.3) * POINTS_PER_INCH
    for tabular in re.findall(r"\\begin{tabular}.*?\\end{tabular}", table, re.DOTALL):
        rows = [line.removesuffix(r" \\").split(" & ") for line in tabular.splitlines() if line.endswith(r" \\")]
        columns = zip(*rows, strict=True)
        widths = [max(width_pt(printed(cell), 8.0) for cell in column) for column in columns]
        assert sum(widths) + 8.0 * (len(widths) - 1) <= place


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", WIDTHS_IN)
def test_a_figure_has_its_width_and_all_its_text_at_8_pt_inside(reports, name, width):
    figure = draw_paper_figure(name, reports, width)
    assert figure.get_figwidth() == width
    texts = [text for text in figure.findobj(lambda one: hasattr(one, "get_fontsize")) if text.get_text()]
    texts = [text for text in texts if text.get_visible()]
    assert {text.get_fontsize() for text in texts} == {8.0}
    box = figure.get_tightbbox()
    assert box.x0 >= -1e-9
    assert box.x1 <= width + 1e-9
    assert box.y0 >= -1e-9
    assert box.y1 <= figure.get_figheight() + 1e-9


def test_keys_are_those_of_the_chip_files_and_never_mean_two_works(reports):
    keys = citation_keys(reports)
    assert (keys["toy", "made up for tests"], keys["toy", CITATION]) == ("toy", "toya")
    text = bibliography(keys)
    assert re.findall(r"^@\w+{(.*),$", text, re.MULTILINE) == [*dict.fromkeys(keys.values()), "spikewatt"]
    assert "year = {{2018}}" in text
    assert "author = {{Ł. Çelik and É. [U+03A9]mega}}" in text
    assert "author = {{M. Davies et al.}}" in text  # the toy cites in words of its own


def test_a_known_work_has_its_fields_and_one_key_for_all_its_places(tmp_path):
    """Table 2 on one chip, Table 2 at 0.75 V on another: one article, with both as its note."""
    words = works()["davies2018"].citation
    folders = [
        _write(
            tmp_path / name,
            name=name,
            sources__davies2018=f"{words}, {place}",
            core__dendrite__accumulate__energy=price("20 pJ", source="davies2018"),
        )
        for name, place in (("one", "Table 2"), ("two", "Table 2 (0.75 V)"))
    ]
    keys = citation_keys(read_paper_reports(folders))
    assert {key for source, key in keys.items() if source[0] == "davies2018"} == {"davies2018"}
    (entry,) = re.findall(r"^@article{davies2018,\n.*?^}", bibliography(keys), re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in entry.splitlines()]
    assert lines[1:-1] == [
        "author = {M. Davies and others},",
        "title = {{Loihi: A Neuromorphic Manycore Processor with On-Chip Learning}},",
        "journal = {IEEE Micro},",
        "volume = {38},",
        "number = {1},",
        "pages = {82--99},",
        "year = {2018},",
        "note = {Table 2; Table 2 (0.75 V)},",
    ]


def test_every_key_that_is_cited_is_in_the_bibliography(kit):
    text = "".join(file.read_text(encoding="utf-8") for file in kit.glob("*.tex"))
    known = re.findall(r"^@\w+{(.*),$", (kit / "refs.bib").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\\cite{(.*?)}", text)) == set(known)
    labels = re.findall(r"\\label{(.*?)}", text)
    assert len(set(labels)) == len(labels)
    assert set(re.findall(r"\\ref{(.*?)}", text)) <= set(labels)


def test_the_kit_replaces_only_its_own_files_and_is_the_same_twice(folders, kit, tmp_path):
    out = shutil.copytree(kit, tmp_path / "kit")
    (out / "my_text.tex").write_text("mine")
    (out / "energy.tex").write_text("changed by hand, made again")
    names = {file.relative_to(out) for file in write_paper(folders, out)}
    assert all((out / name).read_bytes() == (kit / name).read_bytes() for name in names)
    assert {Path("energy.tex"), Path("paper.tex"), Path("refs.bib")} <= names
    assert (out / "my_text.tex").read_text() == "mine"
    listed = json.loads((out / "paper.json").read_text())["files"]
    assert all((out / name).is_file() for name in listed)


def test_what_is_there_already_is_not_lost(folders, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for out, said in ((tmp_path, "is not empty"), (folders[0], "holds the report"), (folders[0].parent, "holds the")):
        with pytest.raises(OutputError, match=said):
            write_paper(folders, out)
    with pytest.raises(OutputError, match="holds the report"):
        write_paper(folders, folders[0].parent, force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("folders_given", [[], ["a"], ["twice", "twice"]])
def test_reports_that_cannot_be_used_are_named(folders, folders_given, tmp_path):
    paths = [folders[0] if name == "twice" else tmp_path / name for name in folders_given]
    with pytest.raises(OutputError, match=r"^paper|a: found no such folder, expected one that"):
        write_paper(paths, tmp_path / "kit")
    assert not (tmp_path / "kit").exists()


def test_a_damaged_price_table_is_named(folders, tmp_path):
    copy = shutil.copytree(folders[0], tmp_path / "copy")
    (copy / "assumptions.csv").write_text("action,path\nsynapse.synop,a\n")
    with pytest.raises(OutputError, match=r"assumptions\.csv: found no column"):
        write_paper([copy], tmp_path / "kit")


def test_letters_that_latex_reads_as_commands_are_written_out():
    assert escape_latex("a_b & 50% {x} #1 $") == r"a\_b \& 50\% \{x\} \#1 \$"
    assert escape_latex("\n\x00") == "[U+000A][U+0000]"
    assert "\\allowbreak{}" in breakable("x" * 40)
    assert breakable("short words stay") == "short words stay"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex; the width arithmetic above does not")
@pytest.mark.parametrize("count", [1, 3])
def test_the_article_compiles_without_an_overfull_box(folders, kit, tmp_path, count):
    out = shutil.copytree(kit, tmp_path / "kit")
    if count < len(folders):
        write_paper(folders[-count:], out)
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    for command in (latex, ["bibtex", "paper"], latex, latex):
        done = subprocess.run(
            command, cwd=out, capture_output=True, text=True, errors="replace", timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout
    log = (out / "paper.log").read_text(errors="replace")
    assert not re.findall(r"^(?:Overfull|LaTeX Warning).*$", log, re.MULTILINE)
    assert (out / "paper.pdf").stat().st_size > 10_000
