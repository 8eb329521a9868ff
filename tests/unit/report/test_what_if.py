"""The what-if view in a real browser, against the same prices in the program."""

import pytest
import yaml
from browser import look
from factories import make_trace

from simulator.config import load_chip
from simulator.energy.ledger import build_ledger
from simulator.report.compare import read_reports
from simulator.report.compare_page import write_comparison
from simulator.report.format import format_energy
from simulator.report.html import write_page
from simulator.report.report_files import write_report
from simulator.report.what_if import what_if_of_reports, what_if_of_run
from simulator.simulation.simulation import simulate

CHIP = "sdllm-asic-45nm"
STATIC = "static.sram"
STATES = {
    "start": "",
    "cheap": f"#what-if&{STATIC}=0.5&noc.hop_x=low&synapse.synop=3",
    "low": "#what-if&" + "&".join(f"{name}=low" for name in (STATIC, "synapse.word_read", "memory.read")),
    "wrong": f"#what-if&{STATIC}=-1&nothing=2&memory.read=abc",
}
READ = """(page, window) => {
  const at = name => page.querySelector(`[data-at="${name}"]`);
  const order = () => [...at("layers").rows].map(row => row.cells[0].textContent);
  const first = order();
  page.querySelector("th[data-column='0'] button").click();
  const byName = order();
  at("filter").value = "blocks.0.q";
  at("filter").dispatchEvent(new window.Event("input"));
  const filtered = order();
  const shown = at("totals").textContent;
  const total = [...page.querySelectorAll("[data-total]")].map(each => Number(each.dataset.total));
  const set = at("set").textContent, yaml = at("yaml").textContent, hash = window.location.hash;
  const stages = [...at("stages").children].map(each => each.textContent);
  at("reset").click();
  const reset = [...page.querySelectorAll("[data-total]")].map(each => Number(each.dataset.total));
  const titles = [...page.querySelectorAll("[data-price]")].map(each => each.title);
  const sorted = page.querySelectorAll(".tall:not(.what-if .tall) th button").length;
  return {total, shown, set, yaml, hash, first, byName, filtered, stages, reset, titles, sorted,
          hidden: page.querySelector("#what-if").hidden};
}"""


@pytest.fixture(scope="module")
def run():
    return simulate(load_chip(CHIP), make_trace())


@pytest.fixture(scope="module")
def found(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("what-if")
    write_page(run, folder)
    other = simulate(load_chip("loihi-like"), make_trace())
    reports = read_reports([write_report(each, folder / name) for name, each in (("a", run), ("b", other))])
    write_comparison(reports, folder / "comparison.html")
    frames = {name: (f"report.html{state}", 1280) for name, state in STATES.items()}
    frames["both"] = (f"comparison.html#what-if&memory.read=0.5&{STATIC}=0.5", 1280)
    found, console = look(folder, frames, READ)
    assert console == []
    return found | {"totals": [run.ledger.total_pj, other.ledger.total_pj]}


def test_the_total_at_the_start_is_that_of_the_report_to_the_last_bit(run, found):
    assert found["start"]["total"] == [run.ledger.total_pj]
    assert found["start"]["shown"].startswith(format_energy(run.energy_per_token_pj))
    assert found["start"]["set"] == found["start"]["hash"].replace("#what-if&filter=blocks.0.q", "") == ""


@pytest.mark.parametrize("state", ["cheap", "low"])
def test_the_set_line_gives_the_same_total_in_the_program(run, found, state):
    words = found[state]["set"].split("--set ")[1:]
    assert words
    chip = load_chip(CHIP, [word.strip().replace('"', "") for word in words])
    assert found[state]["total"] == [pytest.approx(build_ledger(run.result, chip).total_pj, rel=1e-12)]
    assert found[state]["total"][0] != run.ledger.total_pj


@pytest.mark.parametrize("state", ["cheap", "low"])
def test_the_yaml_gives_the_same_total_in_the_program(run, found, state, tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text(found[state]["yaml"])
    assert yaml.safe_load(found[state]["yaml"])["extends"] == CHIP
    total = build_ledger(run.result, load_chip(str(path))).total_pj
    assert found[state]["total"] == [pytest.approx(total, rel=1e-12)]


def test_the_address_keeps_the_prices_and_the_filter(found):
    assert found["cheap"]["hash"].startswith(f"#what-if&{STATIC}=0.5&noc.hop_x=low&noc.hop_y=low&synapse.synop=3")
    assert found["cheap"]["hash"].endswith("&filter=blocks.0.q")
    assert found["cheap"]["reset"] == found["start"]["total"]


def test_settings_that_mean_nothing_are_left_out(found):
    assert found["wrong"]["total"] == found["start"]["total"]


def test_layers_are_sorted_and_filtered(run, found):
    by_energy = run.ledger.by_owner().sort_values(ascending=False, kind="stable")
    assert found["start"]["first"][:3] == list(by_energy.index[:3])
    assert found["start"]["byName"] == sorted(by_energy.index)
    assert found["start"]["filtered"] == [name for name in sorted(by_energy.index) if "blocks.0.q" in name]
    assert found["start"]["sorted"] > 10


def test_a_price_says_where_it_comes_from(found):
    assert any("range from 41.76 pJ to 79.76 pJ" in title and "CACTI" in title for title in found["start"]["titles"])


def test_two_reports_move_together(found):
    assert found["both"]["reset"] == found["totals"]
    assert all(now < before for now, before in zip(found["both"]["total"], found["totals"], strict=True))


def test_the_counts_of_the_data_are_those_of_the_ledger(run):
    (report,) = what_if_of_run(run)["reports"]
    energy = 0.0
    for _, _, *pairs in report["owners"]:
        energy += sum(report["prices"][i]["value"] * n for i, n in zip(pairs[::2], pairs[1::2], strict=True))
    assert energy == pytest.approx(run.ledger.total_pj, rel=1e-12)
    assert sum(report["charged"]) == pytest.approx(run.result.total_ps, rel=1e-12)


def test_a_report_read_from_its_folder_gives_the_same_data(run, tmp_path):
    folders = [write_report(run, tmp_path / name) for name in ("a", "b")]
    first, second = what_if_of_reports(read_reports(folders))["reports"]
    (fresh,) = what_if_of_run(run)["reports"]
    assert {**first, "label": ""} == {**second, "label": ""} == {**fresh, "label": ""}
