"""The examples of chip_configs/README.md work as printed."""

import re

from simulator.config import load_chip, load_sweep
from simulator.config.chip_files import chips_directory

README = (chips_directory() / "README.md").read_text(encoding="utf-8")


def test_the_yaml_example_loads(write):
    example, *_ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    chip = load_chip(write(example))
    assert chip.core.sram.capacity == 256 * 1024
    assert (chip.core.synapse.synop.energy.value, chip.core.synapse.synop.energy.high) == (30.0, None)


def test_the_sweep_example_loads(write):
    _, example, _ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    sweep = load_sweep(write(example, "mine.yaml"))
    assert sweep.trace == ("shakespeare-ternary-T15",)
    assert sweep.axes["chip.static_power"].at(1.0) == "1.0 W"


def test_the_python_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(example, names)
    assert names["chip"].core.synapse.synop.energy.grade == "assumed"


def test_every_shipped_chip_is_in_the_table():
    for path in chips_directory().glob("*.yaml"):
        assert f"| `{path.stem}` |" in README
