"""One row in the registry is enough: a made-up action is counted, priced and printed."""

import io
from dataclasses import replace

import pytest
from factories import make_chip, make_trace

from simulator.actions import ACTIONS, COMPONENTS, Action, Component, Look, billed_components, op_actions
from simulator.errors import TraceError
from simulator.report.bridge import STEPS, bridge_frame
from simulator.report.figures.energy import draw_energy, energy_frame
from simulator.report.figures.style import component_fills
from simulator.report.tables import assumption_table, owner_table
from simulator.report.terminal import make_console, print_report
from simulator.simulation.simulation import simulate
from simulator.trace.check import check_trace

PER_TOKEN = 1_000_000  # among the largest consumers, which the terminal names


def trace_with(action):
    """The toy trace, with an op that does ``action`` very often."""
    trace = make_trace()
    ops = tuple(
        replace(op, work_per_token={**op.work_per_token, action: (PER_TOKEN, 0)})
        if op.op_id == trace.ops[0].op_id
        else op
        for op in trace.ops
    )
    return replace(trace, ops=ops)


@pytest.mark.parametrize("component", ["vector", "table"])
def test_a_made_up_action_is_counted_priced_and_printed(monkeypatch, component):
    """It costs what the chip says of a division; nothing but its row (and that of a new component) is added."""
    trace = trace_with(name := f"{component}.gate")
    with pytest.raises(TraceError, match=f"unknown action '{name}'"):
        check_trace(trace)
    if component not in COMPONENTS:
        look = Look("#123456", "//")
        monkeypatch.setitem(COMPONENTS, component, Component(look, "vector", column="tables", of_ops=True))
    monkeypatch.setitem(ACTIONS, name, Action(component, "gate", ("vector", "div", "energy")))
    check_trace(trace)
    chip = make_chip(vector__div__energy__value="2.5 pJ")
    run, without = simulate(chip, trace), simulate(chip, make_trace())

    done = PER_TOKEN * trace.n_tokens
    assert {row.count for row in run.result.action_counts if f"{row.component}.{row.action}" == name} == {done}
    assert run.result.total_ps >= without.result.total_ps
    rows = run.ledger.rows
    paid = rows.loc[(rows["component"] == component) & (rows["action"] == "gate"), "energy_pj"]
    assert paid.sum() == pytest.approx(2.5 * done)
    assert owner_table(run)[f"n_{name}"].sum() == done
    assert name in set(assumption_table(run)["action"])
    steps = [bridge_frame(of).set_index("step")["energy_pj"]["vector"] for of in (run, without)]
    assert (steps[0] - steps[1]) * trace.n_tokens >= 0.99 * 2.5 * done
    assert component in set(energy_frame(run)["component"])
    assert draw_energy(energy_frame(run))[1].patches
    out = io.StringIO()
    print_report(run, make_console(out), verbose=True)
    assert name in out.getvalue()
    if component == "table":
        assert "tables" in out.getvalue().split("Largest")[0]


def test_rows_of_the_registry_fit_together():
    fills, steps = component_fills(), {step.key for step in STEPS}
    assert set(billed_components()) == set(COMPONENTS) < set(fills)
    for name, action in ACTIONS.items():
        assert name == f"{action.component}.{action.action}"
        assert action.step is None or action.step in steps
    for component in COMPONENTS.values():
        assert {component.step, component.layer_step or component.step} <= steps
    assert len({action.path for action in ACTIONS.values()}) == len(ACTIONS)
    assert all(name.startswith(("vector.", "memory.")) for name in op_actions())
