"""One figure of static power belongs to one size of chip: other sizes are refused unless that is allowed."""

import pytest

from simulator.config import load_chip, load_sweep
from simulator.errors import ConfigError

SIZES = {
    "chip.tiles_x": "16",
    "chip.tiles_y": "2",
    "chip.cores_per_tile": "8",
    "core.sram.capacity": "64 KiB",
    "core.synapse.lanes": "16",
    "core.dendrite.accumulator_bits": "32 bit",
    "core.dendrite.accumulators_per_core": "2048",
    "core.soma.lanes": "2",
    "vector.lanes": "4",
    "memory.capacity": "1 MiB",
    "core.limits.neurons": "2048",
}
REFUSED = "found .*, expected .*, the size that chip.static_power is of: .* set chip.static_power of the new size too"


@pytest.mark.parametrize("path", SIZES)
def test_a_size_set_on_a_measured_chip_is_refused_and_told_how(path):
    with pytest.raises(ConfigError, match=f"--set {path}={SIZES[path]}: {REFUSED}, or chip.static_fixed=true"):
        load_chip("loihi-like", [f"{path}={SIZES[path]}"])


@pytest.mark.parametrize("path", SIZES)
@pytest.mark.parametrize("stated", ["chip.static_fixed=true", "chip.static_power=1 W", "chip.static_power.value=1 W"])
def test_it_is_taken_when_told(path, stated):
    assert load_chip("loihi-like", [f"{path}={SIZES[path]}", stated]).chip.static_power is not None


def test_the_same_size_in_other_words_is_no_change():
    load_chip(
        "loihi-like", ["core.sram.capacity=131072 B", "chip.tiles_x=8", "core.dendrite.accumulators_per_core=1024"]
    )


@pytest.mark.parametrize("override", ["noc.multicast=true", "core.limits.neurons=64", "chip.static_power.low=1 mW"])
def test_what_moves_no_leakage_is_taken(override):
    load_chip("loihi-like", [override])


def test_a_bound_of_the_figure_is_not_the_figure():
    with pytest.raises(ConfigError, match=REFUSED):
        load_chip("loihi-like", ["chip.tiles_x=4", "chip.static_power.low=1 mW"])


def test_the_size_that_is_expected_is_the_one_that_the_file_states(write):
    """1024 neurons stand for as many accumulators until a file says 4096 of them."""
    path = "core.dendrite.accumulators_per_core"
    figure = "{value: 1 W, source: frady2020, grade: assumed}"
    stated = f"chip: {{static_power: {figure}}}\ncore: {{dendrite: {{accumulators_per_core: 4096}}}}\n"
    with pytest.raises(ConfigError, match="found 2048, expected 4096, the size"):
        load_chip(write(f"extends: loihi-like\nname: m\nsummary: m\n{stated}"), [f"{path}=2048"])


EXTENDED = "extends: loihi-like\nname: mine\nsummary: mine\n"


def test_a_file_that_extends_a_measured_chip_is_refused_at_its_line(write):
    with pytest.raises(ConfigError, match=r"my.yaml:4:18: chip.tiles_x: " + REFUSED):
        load_chip(write(EXTENDED + "chip: {tiles_x:  16}\n"))


def test_so_is_one_two_files_away(write):
    write(EXTENDED, "middle.yaml")
    with pytest.raises(ConfigError, match=r"my.yaml:4:17: vector.lanes: " + REFUSED):
        load_chip(write("extends: middle.yaml\nname: other\nsummary: other\nvector: {lanes: 16}\n"))


@pytest.mark.parametrize(
    "chip",
    [
        "chip: {tiles_x: 16, static_fixed: true}",
        "chip: {tiles_x: 16, static_power: {value: 208 mW, source: frady2020, grade: assumed}}",
        "chip: {tiles_x: 16}\nstatic: {core: {value: 0.8 mW, source: frady2020, grade: assumed}}",
    ],
)
def test_a_file_that_says_what_it_leaks_is_taken(write, chip):
    found = load_chip(write(f"{EXTENDED}{chip}\n"))
    assert found.chip.tiles_x == 16
    assert (found.chip.static_power is None) == (found.static is not None)


SWEEP = """\
name: s
summary: s
base: {base}
trace: shakespeare-ternary-T15
axes:
  {axes}
mode: grid
objectives: [energy.per_token_pj]
"""


@pytest.mark.parametrize("axis", ["chip.tiles_x: [8, 16]", "core.synapse.lanes: {low: 4, high: 16}"])
def test_a_sweep_over_sizes_of_a_measured_chip_is_refused_before_it_runs(write, axis):
    with pytest.raises(ConfigError, match=REFUSED):
        load_sweep(write(SWEEP.format(base="loihi-like", axes=axis)))


@pytest.mark.parametrize("stated", ["chip.static_fixed: [true]", "chip.static_power: [104 mW, 208 mW]"])
def test_a_sweep_that_is_told_runs(write, stated):
    load_sweep(write(SWEEP.format(base="loihi-like", axes=f"chip.tiles_x: [8, 16]\n  {stated}")))


def test_a_sweep_over_a_chip_of_parts_runs_and_one_of_its_chips_may_refuse_it(write):
    load_sweep(write(SWEEP.format(base="sdllm-asic-45nm", axes="chip.tiles_x: [8, 16]")))
    both = SWEEP.replace("base: {base}\n", "").format(
        axes="chip: [sdllm-asic-45nm, loihi-like]\n  chip.tiles_x: [8, 16]"
    )
    with pytest.raises(ConfigError, match=REFUSED):
        load_sweep(write(both))


def test_one_figure_takes_the_place_of_parts_and_parts_that_of_the_figure():
    whole = load_chip("sdllm-asic-45nm", ["chip.static_power=240 mW", "chip.tiles_x=4"])
    assert (whole.chip.static_power.value, whole.static) == (0.24, None)
    parts = load_chip("loihi-like", ["static.base=1 mW"])
    assert (parts.chip.static_power, parts.static.base.value) == (None, 0.001)


def test_a_chip_has_one_of_both(write, toy):
    with pytest.raises(ConfigError, match=r"chip.static_power: missing, expected one, or the parts"):
        load_chip(write(toy.replace("static: {base: {value: 1 mW, source: doe2020, grade: measured}}\n", "")))
    both = toy.replace(
        "  max_chips: 2\n", "  max_chips: 2\n  static_power: {value: 1 mW, source: doe2020, grade: measured}\n"
    )
    with pytest.raises(ConfigError, match=r"static: found static power by part and chip.static_power, expected one"):
        load_chip(write(both))


def test_one_figure_has_no_cores_to_switch_off():
    with pytest.raises(ConfigError, match=r"chip.gating=core: found core, expected none or chip"):
        load_chip("loihi-like", ["chip.gating=core"])
    assert load_chip("loihi-like", ["chip.gating=chip"]).chip.gating == "chip"
