"""Axes that an objective cannot feel are named before the first point, and what points assumed after the last."""

from pathlib import Path

import pytest

from simulator.errors import ConfigError
from simulator.sweep import compute, runner
from simulator.sweep.point_table import next_lines, point_table
from simulator.sweep.point_warnings import shared_warnings
from simulator.sweep.runner import run_sweep
from simulator.validation import validate_file

LANES, HOP, TOPOLOGY = "core.synapse.lanes", "noc.hop_x", "noc.topology"
ENERGY, TIME = "energy.per_token_pj", "latency.per_token_ps"


@pytest.fixture
def notes_of(sweep, monkeypatch):
    """The notes of a sweep that are there when its first point is computed."""

    def notes(axes, **more):
        heard, early = [], []
        real = runner.local_outcomes

        def outcomes(*arguments):
            early.extend(heard)
            return real(*arguments)

        monkeypatch.setattr(runner, "local_outcomes", outcomes)
        found = run_sweep(sweep(axes, **more), "out", note=heard.append)
        assert early == heard == list(found.notes)
        return heard

    return notes


def test_time_does_not_depend_on_a_price(notes_of):
    assert notes_of({HOP: ["1 pJ", "2 pJ"]}) == [
        f"axis {HOP}: objective {TIME} does not depend on it, because it is only a price"
    ]


def test_a_mapper_that_looks_at_prices_feels_them(notes_of):
    assert notes_of({HOP: ["1 pJ", "2 pJ"]}, mapping="auto") == []


def test_hardware_of_one_price_is_named(notes_of):
    [note] = notes_of({LANES: [1, 4]})
    assert note.startswith(f"axis {LANES}: the chip file gives every value the same prices")
    assert f"{ENERGY} depends on it only by counts and time" in note


def test_an_axis_that_sets_a_chip_apart_from_hardware_is_not_named(notes_of):
    assert notes_of({"sync.kind": ["barrier", "handshake"]}, objectives=(TIME,)) == []


def test_warnings_that_differ_in_numbers_are_one_with_the_number_of_points():
    points = [["258 KiB do not fit", "ideal"], ["1,024 KiB do not fit"], [], ["3 KiB do not fit", "4 KiB do not fit"]]
    assert shared_warnings(points) == ["258 KiB do not fit (3 of 4 points)", "ideal (1 of 4 points)"]


def test_the_warnings_of_a_simulation_reach_the_table_and_the_result(sweep):
    found = run_sweep(sweep({LANES: [1, 4]}), "out")
    assert (found.frame["warnings"].str.len() > 0).all()
    assert all("of 2 points)" in line for line in found.warnings[len(found.notes) :])
    assert "warnings" in Path("out/points.csv").read_text().splitlines()[0]


def test_the_front_comes_first_and_the_next_commands_name_its_best_point(sweep):
    found = run_sweep(sweep({LANES: [1, 4], HOP: ["1 pJ", "2 pJ"]}), "out")
    table = point_table(found)
    assert table["front"].tolist() == sorted(table["front"], reverse=True)
    assert {"chips", "static_share"} < set(table.columns)
    best = found.frame.loc[found.frame[ENERGY].idxmin(), "point"]
    lines = next_lines(found)
    assert lines[0] == f"next: spikewatt explain out/points/{best}"
    assert lines[1].startswith("next: spikewatt compare out/points/")
    assert lines[1].endswith(f"out/points/{best}")


def test_validate_checks_the_objectives_as_a_sweep_does(sweep, monkeypatch):
    monkeypatch.setattr(compute, "simulate", None)  # no point is computed
    sweep({LANES: [1]})
    text = "name: s\nsummary: x\nbase: ./toy.yaml\ntrace: small.npz\naxes: {core.synapse.lanes: [1, 2]}\n"
    path = Path("s.yaml")
    path.write_text(text + "objectives: [energy.per_token_pj]\n")
    assert validate_file(path).splitlines()[0] == f"sweep 's' over {LANES}"
    path.write_text(text + "objectives: [energy]\n")
    with pytest.raises(ConfigError, match=r"s.yaml:6:14: objectives: found 'energy', which holds several numbers"):
        validate_file(path)


def test_validate_names_the_axes_that_a_sweep_names(sweep, notes_of):
    """The toy has one price for any number of lanes."""
    text = "name: s\nsummary: x\nbase: ./toy.yaml\ntrace: small.npz\naxes: {core.synapse.lanes: [1, 2]}\n"
    named = notes_of({LANES: [1, 2]}, objectives=(ENERGY,))
    Path("s.yaml").write_text(text + f"objectives: [{ENERGY}]\n")
    assert validate_file(Path("s.yaml")).splitlines()[1:] == [f"warning: {note}" for note in named]
    assert any("the chip file gives every value the same prices" in note for note in named)
