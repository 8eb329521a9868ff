import math

import pytest
import yaml

from simulator.config import list_chips, load_chip
from simulator.energy.accelergy import art_text, ert_text
from simulator.energy.prices import chip_prices


@pytest.mark.parametrize("name", [name for name, _ in list_chips()])
def test_every_price_is_one_action_of_one_table(name):
    chip = load_chip(name)
    tables = yaml.safe_load(ert_text(chip))["ERT"]["tables"]
    found = {f"{t['name'].split('.')[-1]}.{a['name']}": a["energy"] for t in tables for a in t["actions"]}
    assert found.pop("static.leak") == chip.chip.static_power.value * chip.noc.cycle.value
    wanted = {n: 0.0 if math.isnan(p.pj_per_count) else p.pj_per_count for n, p in chip_prices(chip).items()}
    wanted.pop("static.power")
    assert found == wanted


def test_areas_are_in_um2():
    tables = yaml.safe_load(art_text(load_chip("loihi-like")))["ART"]["tables"]
    assert tables == [{"name": "loihi-like.core", "area": pytest.approx(469_000)}]
    assert yaml.safe_load(art_text(load_chip("spinnaker2-like")))["ART"]["tables"] == []
