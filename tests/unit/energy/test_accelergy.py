import math

import pytest
import yaml

from simulator.config import list_chips, load_chip
from simulator.energy.accelergy import art_text, chip_text_from_ert, ert_text
from simulator.energy.prices import chip_prices
from simulator.errors import ConfigError


@pytest.mark.parametrize("name", [name for name, _ in list_chips()])
def test_every_price_is_one_action_of_one_table(name):
    chip = load_chip(name)
    tables = yaml.safe_load(ert_text(chip))["ERT"]["tables"]
    found = {f"{t['name'].split('.')[-1]}.{a['name']}": a["energy"] for t in tables for a in t["actions"]}
    assert found.pop("static.leak") == chip.chip.static_power.value * chip.noc.cycle.value
    wanted = {n: 0.0 if math.isnan(p.unit_pj) else p.unit_pj for n, p in chip_prices(chip).items()}
    wanted.pop("static.power")
    assert found == wanted


def test_what_goes_out_comes_in_again(tmp_path):
    chip = load_chip("sdllm-asic-45nm")
    table, file = tmp_path / "ert.yaml", tmp_path / "again.yaml"
    table.write_text(ert_text(chip))
    file.write_text(chip_text_from_ert(table, "sdllm-asic-45nm", "again"))
    again = load_chip(str(file))
    for name, price in chip_prices(chip).items():
        assert chip_prices(again)[name].unit_pj == price.unit_pj, name
    assert chip_prices(again)["synapse.word_read"].source == "ert"
    assert chip_prices(again)["static.power"].source == chip.chip.static_power.source


def test_rows_of_other_components_are_left_alone(tmp_path):
    table = tmp_path / "ert.yaml"
    rows = [
        {
            "name": "system.pe[0..3].synapse",
            "actions": [{"name": "word_read", "energy": 7}, {"name": "idle", "energy": 1}],
        }
    ]
    rows.append({"name": "system.glb", "actions": [{"name": "read", "energy": 9.0}]})
    table.write_text(yaml.safe_dump({"ERT": {"version": "0.4", "tables": rows}}))
    chip = yaml.safe_load(chip_text_from_ert(table, "loihi-like", "mine"))
    assert chip["core"]["synapse"] == {
        "word_read": {"energy": {"value": "7.0 pJ", "source": "ert", "grade": "published-model"}}
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ART: {}", "found no ERT with tables"),
        ("ERT: {tables: [{name: a.b, actions: [{name: c, energy: 1}]}]}", "found no row of an action known here"),
        ("ERT: {tables: [{name: synapse, actions: [{name: synop, energy: -1}]}]}", "synapse.synop: found energy -1"),
    ],
)
def test_what_is_no_table_of_ours_is_refused(tmp_path, text, words):
    table = tmp_path / "ert.yaml"
    table.write_text(text)
    with pytest.raises(ConfigError, match=words):
        chip_text_from_ert(table, "loihi-like", "mine")


def test_areas_are_in_um2():
    tables = yaml.safe_load(art_text(load_chip("loihi-like")))["ART"]["tables"]
    assert tables == [{"name": "loihi-like.core", "area": pytest.approx(469_000)}]
    assert yaml.safe_load(art_text(load_chip("spinnaker2-like")))["ART"]["tables"] == []
