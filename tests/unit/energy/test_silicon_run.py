"""What a measurement makes of a simulated part: error, drift and target at their bounds, by hand."""

import pytest
from pydantic import ValidationError

from simulator.energy.silicon_case import Events, Part, SiliconCase
from simulator.energy.silicon_run import Verdict, run_point
from simulator.energy.silicon_table import recorded_table


def part(**fields):
    named = {"what": "price", "of": "a bit", "measured": 200.0, "unit": "pJ", "price": "dram.read", "recorded": 10.0}
    return Part.model_validate(named | fields)


def test_drift_is_in_points_of_a_per_cent():
    """300 for 200 is +50 %, 40 points from the recorded 10."""
    found = Verdict(part(), 300.0, "assumed")
    assert (found.error, found.drift, found.drifted) == (0.5, 40.0, True)
    assert not Verdict(part(recorded=48.0), 300.0, "assumed").drifted
    assert Verdict(part(recorded=47.9), 300.0, "assumed").drifted


@pytest.mark.parametrize(("target", "met"), [(50.0, True), (49.9, False), (None, None)])
def test_a_target_is_met_up_to_it(target, met):
    assert Verdict(part(target=target), 300.0, "assumed").met is met
    assert Verdict(part(target=target), 100.0, "assumed").met is met


def case(*settings, **fields):
    stated = [{"path": path, "value": value, "why": "x"} for path, value in settings]
    point = {"name": "p", "parts": {"bit": part(**fields).model_dump()}}
    record = {"name": "c", "source": "s", "grade": "measured", "chip": "dense-int8-45nm", "settings": stated}
    return SiliconCase.model_validate(record | {"points": [point]})


@pytest.mark.parametrize(("settings", "kind"), [((), "sequential"), ((("schedule.kind", "pipelined"),), "pipelined")])
def test_stages_go_one_after_another_unless_a_setting_says_otherwise(settings, kind):
    whole = case(*settings)
    assert run_point(whole, whole.points[0]).chip.schedule.kind == kind


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"role": "fitted"}, "used for fitting"),
        ({}, "no target"),
        ({"target": 10.0}, "pass"),
        ({"target": 9.9}, "fail"),
    ],
)
def test_a_recorded_row_by_hand(fields, verdict):
    """10 % above 200 pJ."""
    row = recorded_table([case(**fields)]).iloc[0]
    assert (row["measured"], row["simulated"], row["error"], row["verdict"]) == ("200 pJ", "220 pJ", "+10.0 %", verdict)


def test_each_part_has_the_grade_of_what_it_rests_on():
    """A silent trace on Loihi: its published barrier is nearly all of the time, its measured power all that leaks."""
    parts = {
        "cores": part(what="cores", unit="cores", price=None),
        "chips": part(what="chips", unit="chips", price=None),
        "time": part(what="time", unit="us", price=None),
        "power": part(what="static power", unit="mW", price=None),
        "synapse": part(price="synapse.synop"),
    }
    events = {"layers": [[4, 4]], "code": "ternary", "levels": 1, "pattern": "poisson", "mean_count": 0.0}
    point = {"name": "p", "parts": {name: made.model_dump() for name, made in parts.items()}}
    record = {"name": "c", "source": "s", "grade": "measured", "chip": "loihi-like", "events": events}
    whole = SiliconCase.model_validate(record | {"points": [point]})
    found = {name: verdict.grade for name, verdict in run_point(whole, whole.points[0]).verdicts.items()}
    assert found == {
        "cores": "counted",
        "chips": "counted",
        "time": "pre-silicon",
        "power": "measured",
        "synapse": "pre-silicon",
    }


def test_a_seed_of_events_is_0_or_more():
    events = {"layers": ((4, 4),), "code": "ternary", "levels": 1}
    assert Events.model_validate(events).seed == Events.model_validate(events | {"seed": 0}).seed == 0
    with pytest.raises(ValidationError):
        Events.model_validate(events | {"seed": -1})
