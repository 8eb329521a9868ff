import math
import re
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from factories import chip_fields, make_chip, make_run, make_trace, price
from matplotlib.figure import Figure

from simulator import load_chip, simulate, synthetic_trace
from simulator.config.chip import ChipConfig
from simulator.energy.ledger import EnergyLedger
from simulator.errors import ConservationError, OutputError
from simulator.report import figures
from simulator.report.bridge import bridge_frame
from simulator.report.figures import FIGURES, draw_figures, save_figures
from simulator.report.figures.bridge_chart import bridge_finding, draw_bridge
from simulator.report.figures.core_histogram import busy_groups
from simulator.report.figures.core_map import cores_finding, cores_frame, draw_cores
from simulator.report.figures.energy import draw_energy, energy_finding, energy_frame
from simulator.report.figures.energy_blocks import draw_energy_blocks, energy_blocks_finding, energy_blocks_frame
from simulator.report.figures.latency import draw_latency, latency_finding, latency_frame
from simulator.report.figures.latency_blocks import draw_latency_blocks, latency_blocks_finding, latency_blocks_frame
from simulator.report.figures.link_map import draw_links, links_finding, links_frame
from simulator.report.figures.spikes import draw_spikes, spikes_finding, spikes_frame
from simulator.report.figures.stack import fold_small
from simulator.report.figures.style import png_bytes, svg_text
from simulator.report.figures.tornado import draw_tornado, tornado_finding, tornado_frame
from simulator.report.format import format_energy

EXACT = 1e-12  # parts are rounded once each


@pytest.fixture(scope="module")
def run():
    return make_run()


def bar_lengths(ax):
    return math.fsum(bar.get_width() for bar in ax.patches)


def row_of(ax, name):
    names = [label.get_text() for label in ax.get_yticklabels()]
    y = names.index(name)
    return [bar for bar in ax.patches if abs(bar.get_y() + bar.get_height() / 2 - y) < 1e-9]


def legend_names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def free_chip(**changes):
    """The toy chip with every price 0 but those in ``changes`` (dotted path with ``__``)."""

    def clear(record):
        if isinstance(record, dict):
            if record.get("value", "").endswith(("J", "W")):
                record["value"] = "0 W" if record["value"].endswith("W") else "0 pJ"
                record.pop("low", None), record.pop("high", None)
            for part in record.values():
                clear(part)
        elif isinstance(record, list):
            for part in record:
                clear(part)

    fields = chip_fields()
    clear(fields)
    for path, value in changes.items():
        *above, last = path.split("__")
        record = fields
        for key in above:
            record = record[key]
        record[last] = value
    return ChipConfig.model_validate(fields)


def cheap_static():
    return make_chip(chip__static_power__value="1 uW")


# ---- energy


def test_energy_bars_sum_to_the_ledger(run):
    frame = energy_frame(run)
    _, ax = draw_energy(frame)
    assert bar_lengths(ax) * run.n_tokens == pytest.approx(run.ledger.total_pj, rel=EXACT)
    assert math.fsum(frame["energy_pj"]) * run.n_tokens == pytest.approx(run.ledger.total_pj, rel=EXACT)


def test_energy_of_one_kind_by_hand(run):
    # gate of both blocks: spikes of mlp_in x 32 outputs x 23.6 pJ, over 4 tokens
    spikes = sum(int(np.abs(run.trace.spike_counts(f"blocks.{i}.mlp_in").astype(int)).sum()) for i in (0, 1))
    frame = energy_frame(run).set_index(["kind", "component"])["energy_pj"]
    assert frame["gate", "dendrite"] == pytest.approx(spikes * 32 * 23.6 / 4, rel=EXACT)
    _, ax = draw_energy(energy_frame(run))
    # lookup 5 pJ per spike; 32 weights of 8 bit are 4 words of 64 bit at 10 pJ
    gate = spikes * (5 + 4 * 10 + 32 * 23.6) / 4
    assert sum(bar.get_width() for bar in row_of(ax, "gate")) == pytest.approx(gate, rel=EXACT)


def test_energy_rows_follow_the_token_and_end_with_the_chip(run):
    kinds = list(dict.fromkeys(energy_frame(run)["kind"]))
    assert kinds[:4] == ["norm", "encode", "spikes of attn_in", "q"]
    assert kinds[-3:] == ["head", "barriers", "static power"]


def test_component_inside_another_price_has_no_legend_entry():
    inside = {"included_in": "synapse.synop", "source": "toy", "grade": "assumed"}
    run = make_run(
        chip=make_chip(core__synapse__synop__energy=price("23.6 pJ"), core__dendrite__accumulate__energy=inside)
    )
    frame = energy_frame(run)
    assert "dendrite" not in set(frame["component"])
    _, ax = draw_energy(frame)
    assert "dendrite" not in legend_names(ax)
    assert "synapse" in legend_names(ax)


def test_uncosted_work_is_always_shown(run):
    rows = run.ledger.rows.copy()
    rows.loc[rows["action"] == "exp", ["component", "energy_pj"]] = ["uncosted", 0.0]
    uncosted = replace(run, ledger=EnergyLedger(rows, ()))
    _, ax = draw_energy(energy_frame(uncosted))
    assert "uncosted" in legend_names(ax)


def test_kind_without_energy_keeps_its_row():
    frame = energy_frame(make_run(chip=make_chip(vector__exp__energy__value="0 pJ", vector__add__energy__value="0 pJ")))
    assert frame[frame["kind"] == "residual"]["energy_pj"].tolist() == [0.0]


def test_dominant_chip_bar_is_cut_by_the_axis_not_in_the_data():
    run = make_run(chip=make_chip(chip__static_power__value="10 W"))
    _, ax = draw_energy(energy_frame(run))
    (bar,) = row_of(ax, "static power")
    assert bar.get_width() * run.n_tokens == pytest.approx(10 * run.result.static_ps, rel=EXACT)  # 1 W x 1 ps = 1 pJ
    assert ax.get_xlim()[1] < bar.get_width() / 3
    assert bar_lengths(ax) * run.n_tokens == pytest.approx(run.ledger.total_pj, rel=EXACT)


def test_energy_finding_names_the_largest():
    finding = energy_finding(energy_frame(make_run(chip=make_chip(chip__static_power__value="10 W"))))
    assert finding.startswith("The largest item is static power with 9")
    assert "; among the layers, gate leads with " in finding or "; among the layers, up leads with " in finding
    assert "; by component, dendrite leads with " in energy_finding(energy_frame(make_run(chip=cheap_static())))


def test_blocks_and_chip_level_sum_to_the_ledger(run):
    frame = energy_blocks_frame(run)
    rows = run.ledger.rows
    chip = math.fsum(rows.loc[rows["owner"] == "chip", "energy_pj"])
    assert math.fsum(frame["energy_pj"]) * run.n_tokens + chip == pytest.approx(run.ledger.total_pj, rel=EXACT)
    _, ax = draw_energy_blocks(frame)
    kinds = frame.groupby("kind")["energy_pj"].sum()
    shown = set(kinds[kinds >= 0.001 * kinds.sum()].index)  # a smaller kind cannot be seen next to the others
    assert {label.get_text() for label in ax.get_yticklabels()} == shown
    cells = frame[frame["kind"].isin(shown)]
    tips = [patch.get_gid().removeprefix("tip:") for patch in ax.patches]
    assert len(tips) == len(cells)
    for kind, block, energy in cells.itertuples(index=False):
        where = f"block {block}" if block.isdigit() else "outside blocks"
        assert f"{kind}, {where}: {format_energy(energy)}" in tips


def test_energy_blocks_finding_compares_blocks(run):
    frame = energy_blocks_frame(run)
    by_block = frame.groupby("block")["energy_pj"].sum()
    high, low = ("0", "1") if by_block["0"] > by_block["1"] else ("1", "0")
    assert energy_blocks_finding(frame).startswith(f"Block {high} takes ")
    assert f"the energy of block {low}, the cheapest of 2." in energy_blocks_finding(frame)


# ---- time


def test_latency_bars_sum_to_the_elapsed_time(run):
    frame = latency_frame(run)
    _, ax = draw_latency(frame)
    assert bar_lengths(ax) * run.n_tokens == pytest.approx(run.result.total_ps, rel=EXACT)
    assert legend_names(ax) == ["compute", "network", "transfer", "vector", "barrier"]


def test_latency_of_one_stage_by_hand(run):
    # factories: 3 timesteps x 4 tokens x 200 ns of barrier per stage, two blocks
    frame = latency_frame(run).set_index(["stage", "part"])["time_ps"]
    assert frame["mlp_in", "barrier"] * run.n_tokens == 2 * 3 * 4 * 200_000
    assert latency_finding(latency_frame(run)).startswith("Barrier takes ")


def test_latency_by_block_sums_to_the_elapsed_time(run):
    frame = latency_blocks_frame(run)
    assert math.fsum(frame["time_ps"]) * run.n_tokens == pytest.approx(run.result.total_ps, rel=EXACT)
    slowest = run.result.stages.set_index("stage")["total_ps"].idxmax()
    _, block, stage = str(slowest).split(".")
    assert f"{stage} of block {block}" in latency_blocks_finding(frame)


# ---- hardware


def test_core_map_shows_every_core_once(run):
    frame = cores_frame(run)
    assert len(frame) == run.result.cores_total == 32
    busy = run.result.cores.set_index("core")["busy_ps"]
    assert frame.loc[7, "time_util"] == busy[7] / run.result.total_ps
    assert not frame.loc[31, "used"]
    _, ax = draw_cores(frame)
    cells = [len(shapes.get_paths()) for shapes in ax.collections]
    assert cells == [9, 23, 1]  # hatched, used, outline of the busiest
    assert ax.collections[0].get_hatch()
    assert "unused: 9 of 32 cores" in legend_names(ax)
    numbers = [text.get_text() for text in ax.texts]
    assert len(numbers) == 23
    assert f"{100 * frame.loc[7, 'time_util']:.1f}" in numbers


def test_bars_of_the_histogram_add_up_to_the_cores():
    # Scale by the square root up to 64 %: 8 bars end at 1, 4, 9, 16, 25, 36, 49 and 64 %.
    shares = [0.0, 0.005, 0.012, 0.05, 0.15, 0.2, 0.3, 0.4, 0.5, 0.64, 0.0]
    frame = pd.DataFrame({"time_util": shares, "used": [True] * 10 + [False]})
    groups = busy_groups(frame)
    assert groups["high_percent"].tolist() == pytest.approx([1, 4, 9, 16, 25, 36, 49, 64])
    assert groups["n_cores"].tolist() == [2, 1, 1, 1, 1, 1, 1, 2]  # the core that is not in use has its own bar


def test_histogram_shows_every_core_and_unused_ones_apart(run):
    frame = cores_frame(run)
    figure, ax = draw_cores(frame)
    (below,) = [other for other in figure.axes if other is not ax]
    heights = [bar.get_height() for bar in below.patches]
    assert sum(heights) == len(frame) == 32
    assert heights[-1] == 9  # unused
    assert [text.get_text() for text in below.texts] == [f"{int(height)}" for height in heights]


def test_one_core_far_above_the_rest_makes_the_scale_logarithmic():
    frame = pd.DataFrame({"time_util": [0.5, *[0.001] * 30, *[0.003] * 9, 0.0], "used": True})
    groups = busy_groups(frame)
    assert groups["n_cores"].sum() == 41
    # bounds are 0.1 % times powers of 2.17; the core that is never busy is at the low end
    assert groups["n_cores"].tolist() == [31, 9, 0, 0, 0, 0, 0, 1]
    ratios = groups["high_percent"] / groups["low_percent"]
    assert ratios.tolist() == pytest.approx([(0.5 / 0.001) ** (1 / 8)] * 8)


def test_a_logarithmic_scale_of_the_cores_has_plain_numbers(run):
    frame = cores_frame(run)
    frame["time_util"] = np.where(frame["used"], 0.001, 0.0)
    frame.loc[7, "time_util"] = 0.5
    svg = svg_text(draw_cores(frame)[0], "cores")
    assert "mathdefault" not in svg
    assert {">0.1<", ">1<", ">10<"} <= set(re.findall(r">[\d.]+<", svg))


def test_cores_of_a_tile_lie_inside_its_square(run):
    frame = cores_frame(run)
    _, ax = draw_cores(frame)
    corners = np.concatenate([path.vertices for path in ax.collections[1].get_paths()])
    used = frame[frame["used"]]
    centres = np.repeat(used[["x", "y"]].to_numpy(), len(corners) // len(used), axis=0)
    assert np.abs(corners - centres).max() <= 0.45 + 1e-9


def test_numbers_only_on_a_small_map():
    run = make_run(chip=make_chip(chip__tiles_x=17))
    _, ax = draw_cores(cores_frame(run))
    assert not ax.texts


def test_cores_finding_names_the_busiest(run):
    assert f"the busiest is core {run.busiest_core} (" in cores_finding(cores_frame(run))


def test_link_map_holds_every_flit(run):
    frame = links_frame(run)
    assert math.fsum(frame["flits_per_token"]) * run.n_tokens == pytest.approx(run.result.links["flits"].sum())
    _, ax = draw_links(frame)
    idle, used, routers, hottest = (len(shapes.get_paths()) for shapes in ax.collections)
    assert (idle + used, routers, hottest) == (len(frame), 16, 1)
    assert "hottest: (0,0) → (1,0)" in legend_names(ax)
    assert "chip boundary" in legend_names(ax)


def test_link_colours_grow_with_the_load(run):
    frame = links_frame(run)
    _, ax = draw_links(frame)
    used = frame[frame["flits_per_token"] > 0]
    brightness = ax.collections[1].get_facecolor()[:, :3].sum(axis=1)
    order = used["flits_per_token"].to_numpy().argsort()
    assert (np.diff(brightness[order]) <= 1e-9).all()  # darker for more


def test_traffic_keeps_to_the_right(run):
    frame = links_frame(run)
    _, ax = draw_links(frame)
    idle = (frame["flits_per_token"] == 0).to_numpy()
    steps = {"+x": (1, 0), "-x": (-1, 0), "+y": (0, 1), "-y": (0, -1)}
    seen = set()
    for links, shapes in ((frame[idle], ax.collections[0]), (frame[~idle], ax.collections[1])):
        for link, path in zip(links.itertuples(), shapes.get_paths(), strict=True):
            step_x, step_y = steps[link.direction]
            corners = path.vertices - (link.x, link.y)
            along, right = corners @ (step_x, step_y), corners @ (step_y, -step_x)
            assert (along > 0).all()
            assert (along < 1).all()
            assert (right > 0).all()
            seen.add(link.direction)
    assert seen == set(steps)


def test_links_finding_names_the_hottest(run):
    frame = links_frame(run)
    assert links_finding(frame).startswith("The hottest link is (0,0) → (1,0) with ")
    assert links_finding(frame.assign(flits_per_token=0.0)) == "No flit crossed a link between two tiles."


# ---- bridge


def test_bridge_adds_up(run):
    frame = bridge_frame(run)
    steps = math.fsum(frame["energy_pj"].iloc[:-1])
    assert steps * run.n_tokens == pytest.approx(run.ledger.total_pj, rel=EXACT)
    assert frame["energy_pj"].iloc[-1] * run.n_tokens == pytest.approx(run.ledger.total_pj, rel=EXACT)
    assert frame["stop_pj"].iloc[-2] == pytest.approx(frame["energy_pj"].iloc[-1], rel=EXACT)
    assert (frame["start_pj"].iloc[1:-1].to_numpy() == frame["stop_pj"].iloc[:-2].to_numpy()).all()


def test_bridge_by_hand(run):
    # 0.9 pJ per synop in the op count, 23.6 pJ on the chip: the first step is 22.7 pJ per synop
    step = bridge_frame(run).set_index("step")["energy_pj"] * run.n_tokens
    assert step["op_count"] == pytest.approx(0.9 * run.result.synops)
    assert step["accumulate"] == pytest.approx((23.6 - 0.9) * run.result.synops)
    parts = run.ledger.by_component()
    rows = run.ledger.rows
    crossings = rows.loc[rows["action"] == "chip_hop", "energy_pj"].sum()
    assert step["weight_fetch"] == pytest.approx(parts["synapse"])
    assert step["membrane"] == 0  # the toy's accumulator is in the accumulate, and its neurons are those of stages
    assert step["routing"] == pytest.approx(parts["noc"] - crossings + parts["axon_in"] + parts["axon_out"])
    assert step["links"] == pytest.approx(crossings)
    assert step["neurons"] == pytest.approx(parts["soma"])
    assert step["static"] == pytest.approx(parts["static"] + parts["sync"])


def test_bridge_counts_neurons_of_layers_as_membranes(run):
    rows = run.ledger.rows.copy()
    rows.loc[rows["component"] == "soma", "owner"] = "blocks.0.q"
    step = bridge_frame(replace(run, ledger=EnergyLedger(rows, ()))).set_index("step")["energy_pj"] * run.n_tokens
    assert step["membrane"] == pytest.approx(run.ledger.by_component()["soma"])
    assert step["neurons"] == 0


def test_bridge_of_a_chip_that_only_accumulates_is_flat():
    chip = free_chip(core__dendrite__accumulate__energy=price("0.9 pJ"))
    frame = bridge_frame(make_run(chip=chip))
    assert frame.loc[frame["role"] == "change", "energy_pj"].to_numpy() == pytest.approx(0.0, abs=1e-9)
    assert frame["energy_pj"].iloc[-1] == pytest.approx(frame["energy_pj"].iloc[0], rel=EXACT)


def test_bridge_may_go_down():
    chip = free_chip(core__dendrite__accumulate__energy=price("0.1 pJ"))
    run = make_run(chip=chip)
    step = bridge_frame(run).set_index("step")
    assert step.loc["accumulate", "energy_pj"] * run.n_tokens == pytest.approx(-0.8 * run.result.synops)
    assert bridge_finding(bridge_frame(run)).endswith("no step adds to it.")
    _, ax = draw_bridge(bridge_frame(run))
    assert any(text.get_text().startswith("−") for text in ax.texts)


def test_prices_given_together_are_one_step():
    inside = {"included_in": "synapse.synop", "source": "toy", "grade": "assumed"}
    run = make_run(
        chip=make_chip(core__synapse__synop__energy=price("23.6 pJ"), core__dendrite__accumulate__energy=inside)
    )
    step = bridge_frame(run).set_index("step")["energy_pj"] * run.n_tokens
    assert "accumulate" not in step
    assert step["synapse"] == pytest.approx(run.ledger.by_component()["synapse"] - 0.9 * run.result.synops)
    # a memory of the accumulators with a price of its own does not take them apart again
    own = {"owner": "blocks.0.q", "component": "dendrite", "action": "accumulator_read", "energy_pj": 700.0}
    row = run.ledger.rows.iloc[[0]].assign(**own, source="toy")
    more = replace(run, ledger=EnergyLedger(pd.concat([run.ledger.rows, row], ignore_index=True), ()))
    found = bridge_frame(more).set_index("step")["energy_pj"] * run.n_tokens
    assert found["synapse"] == pytest.approx(step["synapse"])
    assert found["membrane"] == pytest.approx(step["membrane"] + 700.0)


@pytest.mark.parametrize("price", ["1 uJ", "1 J", "1000 J"])
def test_a_bridge_of_one_huge_step_has_a_few_ticks(price):
    """The ticks beyond the break went up to a share of the total, which no longer was a share of their distance."""
    chip = make_chip(core__dendrite__accumulate__energy__value=price)
    _, ax = draw_bridge(bridge_frame(make_run(chip=chip)))
    assert 2 <= len(ax.xaxis.get_major_locator()()) < 20


def test_bridge_shows_components_it_does_not_know(run):
    rows = run.ledger.rows.copy()
    rows.loc[rows["component"] == "vector", "component"] = "optical"
    frame = bridge_frame(replace(run, ledger=EnergyLedger(rows, ())))
    assert frame.set_index("step").loc["optical", "energy_pj"] > 0


def test_bridge_that_does_not_add_up_is_refused(run, monkeypatch):
    monkeypatch.setattr(EnergyLedger, "total_pj", 1.0)
    with pytest.raises(ConservationError, match="bridge: steps reach"):
        bridge_frame(replace(run))


def test_bridge_bars_have_their_true_length(run):
    for static in ("2 mW", "100 W"):  # the second breaks the axis
        frame = bridge_frame(make_run(chip=make_chip(chip__static_power__value=static)))
        _, ax = draw_bridge(frame)
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(frame["energy_pj"].abs().tolist(), rel=EXACT)
        assert (ax.get_xscale() == "function") is (static == "100 W")


def test_axis_break_is_where_no_bar_ends_and_can_be_undone():
    frame = bridge_frame(make_run(chip=make_chip(chip__static_power__value="100 W")))
    _, ax = draw_bridge(frame)
    axis = ax.xaxis.get_transform()
    ends = frame[["start_pj", "stop_pj"]].to_numpy().ravel()
    x = np.linspace(0, ends.max(), 100_001)
    drawn = axis.transform(x)
    assert axis.inverted().transform(drawn) == pytest.approx(x, rel=1e-9, abs=1e-6)
    slopes = np.diff(drawn) / np.diff(x)
    assert (slopes > 0).all()
    assert slopes.max() == pytest.approx(1.0)
    inside = x[1:][slopes < 0.5]  # the stretch that is drawn shorter
    assert len(inside) > 10
    for places in (ends, ax.get_xticks()):
        assert not ((places > inside.min()) & (places < inside.max())).any()


# ---- spikes


def test_spike_counts_cover_every_activation(run):
    frame = spikes_frame(run)
    assert frame["activations"].sum() == run.n_activations
    assert frame["spikes"].sum() == run.result.spikes
    assert frame.groupby("kind")["share"].sum().to_numpy() == pytest.approx(1.0)


def test_spike_counts_by_hand():
    trace = make_trace(n_blocks=1, n_tokens=1)
    counts = {stream.stream_id: np.zeros((1, stream.n), np.int8) for stream in trace.streams}
    counts["blocks.0.attn_in"][0, :3] = (2, -3, -3)
    run = make_run(trace=replace(trace, load_counts=counts.__getitem__))
    frame = spikes_frame(run)
    rows = frame[frame["kind"] == "attn_in"][["count", "activations", "spikes"]].to_numpy().tolist()
    assert rows == [[-3, 2, 6], [0, 13, 0], [2, 1, 2]]
    # 77 of 80 activations are silent; attn_in sends 8 spikes from 16 activations
    finding = spikes_finding(frame)
    assert finding.startswith("96.2% of all activations send no spike; attn_in is the most active stream with 0.5 ")
    _, ax = draw_spikes(frame)
    assert ax.lines[0].get_xydata().tolist() == [[-3, 2 / 16], [0, 13 / 16], [2, 1 / 16]]


# ---- all of them


@pytest.mark.parametrize("name", FIGURES)
def test_draws_into_given_axes(run, name):
    figure = Figure(figsize=(8, 8))
    ax = figure.add_subplot()
    kind = FIGURES[name]
    assert kind.draw(kind.frame(run), ax) == (figure, ax)
    assert ax.has_data()


@pytest.mark.parametrize("name", FIGURES)
def test_svg_is_the_same_twice_and_legible(run, name):
    kind = FIGURES[name]
    first, second = (svg_text(kind.draw(kind.frame(run))[0], name) for _ in range(2))
    assert first == second
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", first)]
    sizes += [float(size) for size in re.findall(r"font: (?:\w+ )*([\d.]+)px", first)]
    assert sizes
    assert min(sizes) >= 9  # 9 pt are 12 CSS pixels: the SVG's own size is in pt
    assert "<metadata" not in first
    assert "<text" in first  # selectable text, not outlines
    ids = re.findall(r'\bid="([^"]*)"', first)
    assert len(ids) == len(set(ids))
    assert all(i.startswith(f"{name}-") for i in ids)
    assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', first)) == set(ids)


def test_png_is_the_same_twice(run):
    kind = FIGURES["bridge"]
    assert png_bytes(kind.draw(kind.frame(run))[0], 72) == png_bytes(kind.draw(kind.frame(run))[0], 72)


def test_figures_leave_global_settings_alone(run):
    before = dict(mpl.rcParams)
    kind = FIGURES["energy"]
    svg_text(kind.draw(kind.frame(run))[0], "energy")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"chip": free_chip()}, ("bridge", "energy", "energy_blocks")),
        ({"trace": make_trace(n_blocks=1, n_tokens=1)}, ("energy_blocks", "latency_blocks")),
        ({"chip": make_chip(chip__tiles_x=1, chip__tiles_y=1, chip__cores_per_tile=30)}, ("cores", "links")),
    ],
    ids=["nothing costs", "one block, one token", "one tile per chip"],
)
def test_unusual_runs_can_be_drawn(changes, names):
    run = make_run(**changes)
    for name, kind in FIGURES.items():
        frame = kind.frame(run)
        assert kind.finding(frame).endswith(".")
        figure, _ = kind.draw(frame)
        if name in names:  # those whose layout is at stake
            figure.draw_without_rendering()


def test_silent_trace_can_be_drawn():
    trace = make_trace()
    silence = {stream.stream_id: np.zeros((4, stream.n), np.int8) for stream in trace.streams}
    run = make_run(trace=replace(trace, load_counts=silence.__getitem__))
    for name, says in (
        ("spikes", "No activation sends a spike."),
        ("links", "No flit crossed a link between two tiles."),
        ("bridge", "The chip uses "),  # and no ratio to an op count of zero
    ):
        kind = FIGURES[name]
        frame = kind.frame(run)
        assert kind.finding(frame).startswith(says)
        assert "n/a" not in kind.finding(frame)
        kind.draw(frame)[0].draw_without_rendering()


def test_large_mesh_is_an_image_with_text():
    run = make_run(chip=make_chip(chip__tiles_x=40, chip__tiles_y=40))
    svg = svg_text(draw_links(links_frame(run))[0], "links")
    assert "data:image/png;base64," in svg
    assert "hottest" in svg
    assert len(svg) < 600_000


def test_names_are_taken_literally(run):
    frame = latency_frame(run).replace({"stage": {"mlp_in": "<b>$x^2$&"}})
    svg = svg_text(draw_latency(frame)[0], "latency")
    assert "&lt;b&gt;$x^2$&amp;" in svg
    assert "<b>" not in svg


def test_save_figures(run, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FIGURES", {name: FIGURES[name] for name in ("spikes", "links")})
    folder = tmp_path / "made" / "here"
    assert [path.name for path in save_figures(draw_figures(run), folder)] == ["spikes.svg", "links.svg"]
    written = save_figures(draw_figures(run, ["png", "pdf"]), folder)
    names = ["spikes.svg", "spikes.png", "spikes.pdf", "links.svg", "links.png", "links.pdf"]
    assert [path.name for path in written] == names
    assert (folder / "links.pdf").read_bytes().startswith(b"%PDF")
    assert all(path.stat().st_size > 2000 for path in written)
    assert (folder / "links.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "links.svg").read_text(encoding="utf-8").startswith("<svg ")


def test_save_figures_says_what_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="expected a directory"):
        save_figures({}, tmp_path / "file")


@pytest.mark.parametrize("sizes", [[6, 4], [64, 64]])
def test_a_program_of_one_layer_has_room_for_its_labels(sizes):
    run = simulate(load_chip("loihi-like"), synthetic_trace("full", sizes, levels=7, tokens=2))
    for name, kind in FIGURES.items():  # a layout that collapses is a warning, and a warning an error here
        svg_text(kind.draw(kind.frame(run))[0], name)


def test_no_figure_uses_pyplot():
    folder = Path(__file__).resolve().parents[3] / "simulator" / "report"
    assert not [path for path in folder.rglob("*.py") if "pyplot" in path.read_text(encoding="utf-8")]


# ---- tornado


def test_tornado_by_hand(run):
    """The toy's only price with a range is noc.local, 1.7 pJ from 1 to 2: bars of count x (bound - 1.7) around 0."""
    frame = tornado_frame(run)
    rows = run.ledger.rows
    n = rows.loc[(rows["component"] == "noc") & (rows["action"] == "local"), "count"].sum() / run.n_tokens
    assert list(frame["prices"]) == ["noc.local"]
    assert frame["low_pj"].iloc[0] == pytest.approx(run.energy_per_token_pj - 0.7 * n, rel=1e-12)
    _, ax = draw_tornado(frame)
    low, high = ax.patches
    assert (low.get_width(), high.get_width()) == (pytest.approx(-0.7 * n, rel=1e-6), pytest.approx(0.3 * n, rel=1e-6))
    assert low.get_x() == high.get_x() == 0.0
    assert ax.get_xlim()[0] < low.get_width() < 0 < high.get_width() < ax.get_xlim()[1]


@pytest.mark.parametrize(
    ("shares", "rows", "words"),
    [
        (
            (0.5, 0.01, 0.0005),
            2,
            "The range of a moves the total most, from 80.00 pJ to 130.0 pJ per token, 50.0% of it.",
        ),
        ((0.015, 0.01), 2, "No known range matters: the widest, of a, moves the total by 1.5%."),
        ((0.0004, 0.0001), 1, "No known range matters: the widest, of a, moves the total by <0.1%."),
    ],
)
def test_a_tornado_shows_what_can_be_seen(shares, rows, words):
    frame = pd.DataFrame({"prices": list("abc")[: len(shares)], "value_pj": 100.0, "swing_share": shares})
    frame["swing_pj"] = 100 * frame["swing_share"]
    frame["low_pj"], frame["high_pj"] = 100 - 0.4 * frame["swing_pj"], 100 + 0.6 * frame["swing_pj"]
    _, ax = draw_tornado(frame)
    assert len(ax.get_yticks()) == rows
    assert tornado_finding(frame) == words


# ---- what can be seen in five seconds


def test_small_rows_are_folded_and_the_largest_comes_first():
    rows = [("a", "x", 1.0), ("b", "x", 2000.0), ("c", "x", 0.5), ("c", "y", 0.25), ("d", "y", 3000.0)]
    frame = fold_small(pd.DataFrame(rows, columns=["row", "part", "value"]))
    assert list(dict.fromkeys(frame["row"])) == ["d", "b", "2 others < 0.1%"]
    assert frame["value"].sum() == pytest.approx(5001.75)
    kept = fold_small(pd.DataFrame(rows, columns=["row", "part", "value"]), keep=frozenset({"a"}))
    assert list(dict.fromkeys(kept["row"])) == ["d", "b", "a", "c"]  # one small row alone keeps its name


def test_a_block_that_differs_from_its_kind_is_named():
    """Five blocks of 10 us, one of 51 us: 5.1 times the median; the head has no other of its kind."""
    times = [10e6, 10e6, 10e6, 51e6, 10e6, 10e6]
    frame = pd.DataFrame({"stage": "mlp_in", "block": list("012345"), "time_ps": times})
    frame = pd.concat([frame, pd.DataFrame({"stage": ["head"], "block": ["none"], "time_ps": [900e6]})])
    finding = latency_blocks_finding(frame)
    assert finding.startswith("mlp_in of block 3 takes 5.1x the median of its kind. The slowest single stage is head")
    _, ax = draw_latency_blocks(frame)
    tips = [patch.get_gid().removeprefix("tip:") for patch in ax.patches if patch.get_gid()]
    assert "mlp_in, block 3: 51.00 µs, 5.1x the median of its kind" in tips
    assert "head, outside blocks: 900.0 µs" in tips
    assert [label.get_text() for label in ax.get_yticklabels()] == ["mlp_in  10.00 µs", "head  900.0 µs"]


def test_parts_of_a_picture_have_tooltips(run):
    figure, _ = draw_energy(energy_frame(run))
    svg = svg_text(figure, "energy")
    assert "<title>gate, synapse: " in svg or "<title>gate, dendrite: " in svg
    assert "tip:" not in svg


def test_a_broken_waterfall_has_a_strip_to_scale():
    frame = bridge_frame(make_run(chip=make_chip(chip__static_power__value="100 W")))
    _, ax = draw_bridge(frame)
    (strip,) = ax.child_axes
    widths = [patch.get_width() for patch in strip.patches]
    positive = frame.iloc[:-1]["energy_pj"].clip(lower=0)
    assert widths == pytest.approx(positive.tolist())
    assert any("static power and barriers" in text.get_text() for text in strip.texts)
    _, whole = draw_bridge(bridge_frame(make_run(chip=make_chip(chip__static_power__value="1 pW"))))
    assert not whole.child_axes


def test_numbers_stand_left_of_the_bars(run):
    """A phone shows the left part of a figure first."""
    _, ax = draw_energy(energy_frame(run))
    columns = [text for text in ax.texts if text.get_text().endswith(("J", "%"))]
    assert columns
    assert all(text.get_position()[0] < 0 for text in columns)


def test_a_tornado_without_ranges_says_so():
    frame = tornado_frame(make_run(chip=make_chip(noc__local=price("1 pJ"))))
    assert len(frame) == 0
    assert "No price that was used has a range" in tornado_finding(frame)
    draw_tornado(frame)
