import json
import re

from simulator.config import chip_schema, write_chip_schema
from simulator.config.chip_files import chips_directory
from simulator.units import EXAMPLE


def test_the_shipped_schema_is_current(tmp_path):
    current = write_chip_schema(tmp_path / "schema.json").read_text(encoding="utf-8")
    shipped = (chips_directory() / "schema.json").read_text(encoding="utf-8")
    assert shipped == current, "run: python -m simulator.config"


def test_quantities_are_text_with_an_example_that_matches():
    schema = chip_schema()
    capacity = schema["$defs"]["Sram"]["properties"]["capacity"]
    assert capacity["type"] == "string"
    assert capacity["examples"] == [EXAMPLE["size"]]
    assert re.search(capacity["pattern"], "128 KiB")
    assert not re.search(capacity["pattern"], "128")
    assert not re.search(capacity["pattern"], "-1 KiB")
    assert not re.search(capacity["pattern"], "1 pJ")


def test_descriptions_reach_the_editor():
    assert chip_schema()["$defs"]["Synapse"]["properties"]["lanes"]["description"] == "synops served at once"


def test_a_file_that_extends_another_needs_nothing_but_that_and_a_name():
    records = chip_schema()["$defs"]
    assert records["ChipConfigPart"]["required"] == ["extends", "name"]
    assert "extends" not in records["ChipConfig"]["properties"]
    assert "required" in records["Sram"]
    assert "required" not in records["SramPart"]


def test_every_reference_leads_somewhere():
    schema = chip_schema()
    references = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(schema)))
    assert references == set(schema["$defs"])
