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
    prices = chip_prices(chip)
    watts = math.fsum(p.pj_per_count for n, p in prices.items() if n.startswith("static.") and n != "static.dram")
    assert found.pop("static.leak") == pytest.approx(watts * chip.noc.cycle.value, rel=1e-12)
    others = {n: p.pj_per_count for n, p in prices.items() if not n.startswith("static.")}
    expected = {n: 0.0 if math.isnan(pj) else pj for n, pj in others.items()}
    assert found == expected


def test_areas_are_in_um2():
    tables = yaml.safe_load(art_text(load_chip("loihi-like")))["ART"]["tables"]
    assert tables == [{"name": "loihi-like.core", "area": pytest.approx(469_000)}]
    assert yaml.safe_load(art_text(load_chip("spinnaker2-like")))["ART"]["tables"] == []
