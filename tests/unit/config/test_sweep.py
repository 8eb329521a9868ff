# ruff: noqa: E501 - the error lines are what is tested, and stay whole
import pytest

from simulator.config import load_sweep
from simulator.config.sweep import CaptureSource
from simulator.config.sweep_rules import broken_sweep_rules
from simulator.errors import ConfigError

SWEEP = """\
name: lanes
summary: Lanes against memory
base: chips/toy.yaml
trace: traces/t.npz
axes:
  core.synapse.lanes: [1, 2, 4]
  core.sram.capacity:
    - 4 KiB
    - 8 KiB
mode: grid
objectives: [energy.per_token_pj]
"""


@pytest.fixture
def sweep_file(write, toy):
    """Write a sweep file next to a toy chip and what stands for its trace."""
    write(toy, "chips/toy.yaml")
    for name in ("traces/t.npz", "sweeps/traces/t.npz"):
        write("", name)
    return lambda text=SWEEP, name="sweep.yaml": write(text, name)


def problems(name):
    with pytest.raises(ConfigError) as error:
        load_sweep(name)
    return list(error.value.problems)


def test_a_sweep_file_loads(sweep_file):
    sweep = load_sweep(sweep_file())
    assert sweep.axes == {"core.synapse.lanes": (1, 2, 4), "core.sram.capacity": ("4 KiB", "8 KiB")}
    assert (sweep.base, sweep.trace, sweep.mode) == ("chips/toy.yaml", ("traces/t.npz",), "grid")
    assert sweep.objectives == ("energy.per_token_pj",)


def test_paths_are_relative_to_the_sweep_file(sweep_file):
    sweep = load_sweep(sweep_file(SWEEP.replace("chips/toy", "../chips/toy"), "sweeps/s.yaml"))
    assert (sweep.base, sweep.trace) == ("chips/toy.yaml", ("sweeps/traces/t.npz",))


def test_places_of_values_and_of_those_that_stand_in_no_file(sweep_file):
    sweep = load_sweep(sweep_file())
    assert str(sweep.value_place("core.synapse.lanes", 4)) == "sweep.yaml:6:30"
    assert str(sweep.value_place("core.synapse.lanes", 3)) == "--set core.synapse.lanes=3"
    assert str(sweep.value_place("noc.cycle", 4)) == "--set noc.cycle=4"


def test_a_seed_is_0_or_more(sweep_file):
    assert load_sweep(sweep_file(SWEEP + "seed: 0\n")).seed == load_sweep(sweep_file()).seed == 0
    assert problems(sweep_file(SWEEP + "seed: -1\n"))[0].startswith("sweep.yaml:12:7: seed: found -1")


ONE_PROBLEM = [
    ("[1, 2, 4]", "[1, 2, 0]", "sweep.yaml:6:30: core.synapse.lanes: found 0, expected a whole number of at least 1"),
    ("[1, 2, 4]", "[1, NO]", "sweep.yaml:6:27: core.synapse.lanes: found text 'NO', expected a whole number of at least 1"),
    ("[1, 2, 4]", "[1, 2, 1]", "sweep.yaml:6:30: axes.core.synapse.lanes[2]: found 1 a second time, expected each value once"),
    ("trace: traces/t.npz", "trace: [traces/t.npz, traces/t.npz]",
     "sweep.yaml:4:23: trace[1]: found 'traces/t.npz' a second time, expected each once"),
    ("objectives: [energy.per_token_pj]", "objectives: [energy.per_token_pj, latency.per_token_ps, energy.per_token_pj]",
     "sweep.yaml:11:57: objectives[2]: found 'energy.per_token_pj' a second time, expected each once"),
    ("[1, 2, 4]", "[1, [2]]", "sweep.yaml:6:27: axes.core.synapse.lanes[1]: found a list, expected text or a number"),
    ("[1, 2, 4]", "[1, ~]", "sweep.yaml:6:27: axes.core.synapse.lanes[1]: found nothing, expected text or a number"),
    ("[1, 2, 4]", "[1, .nan]", "sweep.yaml:6:27: axes.core.synapse.lanes[1]: found .nan, expected a finite number"),
    ("[1, 2, 4]", "[]", "sweep.yaml:6:3: axes.core.synapse.lanes: found a list without entries, expected at least one"),
    ("[1, 2, 4]", "4", "sweep.yaml:6:23: axes.core.synapse.lanes: found 4, expected a list of values, or a mapping with the keys low, high"),
    ("    - 8 KiB", "    - 8 pJ", "sweep.yaml:9:7: core.sram.capacity: found '8 pJ', which is an energy, expected a size such as '128 KiB'"),
    ("    - 8 KiB", "    - 8", "sweep.yaml:9:7: core.sram.capacity: found 8 without a unit, expected a size such as '128 KiB'"),
    ("core.sram.capacity", "core.sram.capcity",
     "sweep.yaml:7:3: core.sram.capcity: found an unknown key, expected one of capacity, word, banks, read, write (did you mean 'capacity'?)"),
    ("core.sram.capacity", "core..capacity",
     "sweep.yaml:7:3: axes.core..capacity: found an empty part, expected a path such as core.sram.capacity"),
    ("mode: grid", "mode: zip",
     "sweep.yaml:7:3: axes.core.sram.capacity: found 2 values, and 3 of core.synapse.lanes, expected as many because mode is zip"),
    ("mode: grid", "mode: gird", "sweep.yaml:10:7: mode: found text 'gird', expected one of grid, zip, sobol, lhs, optuna (did you mean 'grid'?)"),
    ("mode: grid", "mod: grid",
     "sweep.yaml:10:1: mod: found an unknown key, expected one of name, summary, base, trace, capture, axes, mode, samples, seed, mapping, objectives, tolerance, constraints (did you mean 'mode'?)"),
    ("base: chips/toy.yaml", "base: chips/tyo.yaml",
     "sweep.yaml:3:7: base: found 'chips/tyo.yaml', expected the name of a shipped chip or a path to a .yaml file; "
     "there is no file chips/tyo.yaml"),
    ("base: chips/toy.yaml", "base: loihi-lik",
     "sweep.yaml:3:7: base: unknown chip 'loihi-lik', expected one of dense-int8-22nm, dense-int8-45nm, "
     "dense-int8-7nm, loihi-like, loihi2-like, odin-like, sdllm-asic-22nm, sdllm-asic-45nm, sdllm-asic-7nm, "
     "seneca-like, spinnaker2-like, truenorth-like or a .yaml file (did you mean 'loihi-like'?)"),
    ("[energy.per_token_pj]", "[]", "sweep.yaml:11:1: objectives: found a list without entries, expected at least one"),
    ("trace: traces/t.npz\n", "", "sweep.yaml:1:1: trace: found neither trace nor capture, expected one of them"),
    ("trace: traces/t.npz", "trace: [traces/t.npz, t.npz]",
     "sweep.yaml:4:23: trace: found 't.npz', expected a trace; there is no file t.npz"),
    ("base: chips/toy.yaml\n", "", "sweep.yaml:1:1: base: found neither base nor axes.chip, expected one of them"),
    ("mode: grid", "mode: grid\nsamples: 4",
     "sweep.yaml:11:10: samples: found a number of samples, expected none because mode is grid"),
    ("mode: grid", "mode: sobol", "sweep.yaml:1:1: samples: missing, expected a whole number because mode is sobol"),
    ("[1, 2, 4]", "{low: 1, high: 4}",
     "sweep.yaml:6:3: axes.core.synapse.lanes: found a range, expected a list of values because mode is grid"),
    ("[energy.per_token_pj]", "[energy.per_token_pj]\nconstraints: [latency.per_token < 1 furlong]",
     "sweep.yaml:12:15: constraints[0]: found '1 furlong' in 'latency.per_token < 1 furlong', expected a result key, one of "
     "<, <=, >, >= and a number or quantity, such as 'latency.per_token < 1 ms'"),
    ("[energy.per_token_pj]", "[energy.per_token_pj]\nconstraints: [latency.per_token_ps < 1 mm2]",
     "sweep.yaml:12:15: constraints[0]: found an area '1 mm2' for latency.per_token_ps, expected a time"),
]  # fmt: skip


def test_true_and_1_are_two_values(sweep_file):
    """Python calls them equal; each is judged by itself."""
    assert problems(sweep_file(SWEEP.replace("[1, 2, 4]", "[1, true]"))) == [
        "sweep.yaml:6:27: core.synapse.lanes: found true, expected a whole number of at least 1",
    ]


def test_side_by_side_a_value_may_come_again_but_no_point(sweep_file):
    zipped = SWEEP.replace("mode: grid", "mode: zip").replace("[1, 2, 4]", "[1, 1]")
    assert load_sweep(sweep_file(zipped)).axes["core.synapse.lanes"] == (1, 1)
    assert problems(sweep_file(zipped.replace("8 KiB", "4 KiB"))) == [
        "sweep.yaml:6:27: axes.core.synapse.lanes[1]: found the values number 2 of all axes a second time, expected each"
        " point once"
    ]


@pytest.mark.parametrize(("old", "new", "line"), ONE_PROBLEM)
def test_one_problem_gets_one_line_at_its_place(sweep_file, old, new, line):
    assert SWEEP.count(old) == 1
    assert problems(sweep_file(SWEEP.replace(old, new))) == [line]


def test_all_problems_come_at_once(sweep_file):
    broken = SWEEP.replace("[1, 2, 4]", "[0, x]").replace("mode: grid", "mode: all").replace("8 KiB", "4 KiB")
    assert problems(sweep_file(broken)) == [
        "sweep.yaml:6:24: core.synapse.lanes: found 0, expected a whole number of at least 1",
        "sweep.yaml:6:27: core.synapse.lanes: found text 'x', expected a whole number of at least 1",
        "sweep.yaml:9:7: axes.core.sram.capacity[1]: found '4 KiB' a second time, expected each value once",
        "sweep.yaml:10:7: mode: found text 'all', expected one of grid, zip, sobol, lhs, optuna",
    ]


RANGED = """\
name: lanes
summary: Lanes against memory
base: chips/toy.yaml
trace: traces/t.npz
axes:
  core.synapse.lanes: {low: 1, high: 64, scale: log}
  core.sram.capacity: {low: 1 KiB, high: 8 KiB}
mode: lhs
samples: 8
objectives: [energy.per_token_pj]
"""


def test_a_range_is_written_with_the_unit_used_inside(sweep_file):
    lanes, capacity = load_sweep(sweep_file(RANGED)).axes.values()
    assert (lanes.at(0.0), lanes.at(0.5), lanes.at(1.0)) == (1, 8, 64)
    assert (capacity.at(0.0), capacity.at(0.5), capacity.at(1.0)) == ("1024 B", "4608 B", "8192 B")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("low: 1,", "low: 0,", "sweep.yaml:6:29: core.synapse.lanes: found 0, expected a whole number of at least 1"),
        ("high: 64", "high: 1", "sweep.yaml:6:38: axes.core.synapse.lanes.high: found '1', expected more than low: '1'"),
        ("high: 8 KiB", "high: 8 pJ",
         "sweep.yaml:7:42: axes.core.sram.capacity.high: found '8 pJ', expected the same kind of value as low: '1 KiB'"),
        ("low: 1 KiB", "lo: 1 KiB",
         "sweep.yaml:7:24: axes.core.sram.capacity.lo: found an unknown key, expected one of low, high, scale (did you mean 'low'?)"),
    ],
)  # fmt: skip
def test_a_wrong_range_is_told_at_its_place(sweep_file, old, new, line):
    assert RANGED.count(old) == 1
    assert line in problems(sweep_file(RANGED.replace(old, new)))


CAPTURING = """\
name: encoders
summary: Encoders
base: chips/toy.yaml
capture: {model: model, text: text.txt}
axes:
  preset: [sdllm, int8]
  encoding.timesteps: [3, 7]
objectives: [energy.per_token_pj]
"""


def test_a_sweep_that_captures(sweep_file, write):
    write("", "sweeps/model/config.json")
    write("", "sweeps/text.txt")
    sweep = load_sweep(sweep_file(CAPTURING.replace("chips/toy", "../chips/toy"), "sweeps/s.yaml"))
    assert (sweep.capture.model, sweep.capture.text, sweep.trace) == ("sweeps/model", "sweeps/text.txt", ())


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("model: model", "model: modle",
         "sweep.yaml:4:18: capture.model: found 'modle', expected a model; there is no folder or file modle"),
        ("capture: {model: model, text: text.txt}", "trace: traces/t.npz",
         "sweep.yaml:6:3: axes.preset: found an axis of the encoder, expected none without capture"),
        ("objectives", "trace: traces/t.npz\nobjectives",
         "sweep.yaml:8:8: trace: found both trace and capture, expected one of them"),
    ],
)  # fmt: skip
def test_a_wrong_capture_is_told_at_its_place(sweep_file, write, old, new, line):
    write("", "model/config.json")
    write("", "text.txt")
    assert line in problems(sweep_file(CAPTURING.replace(old, new)))


def test_true_and_false_are_values(sweep_file):
    text = SWEEP.replace("core.synapse.lanes: [1, 2, 4]", "noc.multicast: [true, false]")
    assert load_sweep(sweep_file(text)).axes["noc.multicast"] == (True, False)


def test_chips_as_an_axis_are_checked_like_the_base(sweep_file):
    text = SWEEP.replace("base: chips/toy.yaml\n", "").replace(
        "axes:\n", "axes:\n  chip: [chips/toy.yaml, chips/tyo.yaml]\n"
    )
    assert problems(sweep_file(text)) == [
        "sweep.yaml:5:26: axes.chip[1]: found 'chips/tyo.yaml', expected the name of a shipped chip or a path to a .yaml file; "
        "there is no file chips/tyo.yaml"
    ]
    write_good = text.replace(", chips/tyo.yaml", "")
    assert load_sweep(sweep_file(write_good)).axes["chip"] == ("chips/toy.yaml",)


def test_a_price_as_an_axis(sweep_file):
    text = SWEEP.replace("core.synapse.lanes: [1, 2, 4]", "core.synapse.synop.energy: [1 pJ, 2 ns]")
    assert problems(sweep_file(text)) == [
        "sweep.yaml:6:37: core.synapse.synop.energy.value: found '2 ns', which is a time, expected an energy such as '23.6 pJ'"
    ]


def test_a_broken_base_is_told_in_its_own_file(sweep_file, write, toy):
    name = sweep_file()
    write(toy.replace("tiles_x: 2", "tiles_x: no"), "chips/toy.yaml")
    assert problems(name) == [
        "chips/toy.yaml:7:12: chip.tiles_x: found text 'no', expected a whole number of at least 1"
    ]


def test_a_missing_file():
    assert problems("no-such-sweep.yaml") == ["no-such-sweep.yaml: no such file, expected a YAML file"]


def test_places_of_a_file_and_of_a_sweep_without_one(sweep_file):
    sweep = load_sweep(sweep_file())
    assert sweep.place("objectives.0").endswith("sweep.yaml:11:14")
    assert sweep.place("constraints.7") == "sweep 'lanes'"


def test_the_token_in_front_of_a_passage_may_be_number_0():
    assert CaptureSource(model="m", text="t", bos=0).bos == 0
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        CaptureSource(model="m", text="t", bos=-1)


def test_a_file_next_to_the_sweep_goes_before_a_shipped_trace_of_its_name(sweep_file, write):
    shipped = SWEEP.replace("traces/t.npz", "shakespeare-ternary-T15")
    assert load_sweep(sweep_file(shipped)).trace == ("shakespeare-ternary-T15",)
    write("", "sweeps/shakespeare-ternary-T15")
    beside = load_sweep(sweep_file(shipped.replace("chips/toy", "../chips/toy"), "sweeps/s.yaml"))
    assert beside.trace == ("sweeps/shakespeare-ternary-T15",)


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.5 %", 0.005), ("0.02", 0.02), ("0", 0.0), ("'0%'", 0.0)])
def test_a_tolerance_is_a_share(sweep_file, text, share):
    assert load_sweep(sweep_file(SWEEP + f"tolerance: {text}\n")).tolerance == pytest.approx(share)
    assert load_sweep(sweep_file()).tolerance == 0.005


@pytest.mark.parametrize(
    ("text", "found"),
    [("lots", "'lots'"), ("100%", "'100%'"), ("1", "1"), ("-1%", "'-1%'"), ("true", "true"), ("-0.1", "-0.1"),
     ("[1%]", "a list"), ("'%'", "'%'")],
)  # fmt: skip
def test_a_wrong_tolerance_is_told_at_its_place(sweep_file, text, found):
    [line] = problems(sweep_file(SWEEP + f"tolerance: {text}\n"))
    assert line.startswith("sweep.yaml:12:")
    assert f": tolerance: found {found}, expected a share below 1, such as 0.5% or 0.005" in line


def test_more_values_than_are_checked_in_time(sweep_file):
    values = ", ".join(map(str, range(1, 1000)))
    text = SWEEP.replace("[1, 2, 4]", f"[{values}]")
    assert problems(sweep_file(text)) == [
        "sweep.yaml:6:3: axes: found 1001 different values, expected at most 1000 in all"
        " (mode sobol draws any number from a range)"
    ]


@pytest.mark.parametrize(
    ("axes", "mode", "n", "path"),
    [
        ({f"a{i}": (0,) * 100 for i in range(3)}, {}, 10**6, ("axes",)),
        ({"a": (0,) * 60_000, "b": (0,) * 60_000}, {"mode": "zip", "trace": ("s", "t")}, 120_000, ("axes",)),
        ({"a": {"low": 1, "high": 2}}, {"mode": "lhs", "samples": 10**9}, 10**9, ("samples",)),
    ],
)
def test_more_points_than_are_validated_in_time(axes, mode, n, path):
    found = list(broken_sweep_rules({"base": "x", "trace": ("t",), "axes": axes, **mode}))
    assert (path, f"found {n} points, expected at most 100000") in found
