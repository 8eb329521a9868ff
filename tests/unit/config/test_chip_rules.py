import pytest
from pydantic import ValidationError

from simulator.actions import ACTIONS
from simulator.config import ChipConfig, load_chip
from simulator.config.chip_rules import broken_chip_rules
from simulator.config.provenance import Price, StaticPower
from simulator.config.schema_words import field_at, model_at


@pytest.mark.parametrize("path", [action.path for action in ACTIONS.values()], ids=".".join)
def test_every_action_has_a_price_in_the_schema(path):
    assert model_at(ChipConfig, path) in (Price, StaticPower)
    assert field_at(ChipConfig, (*path, "value")) is not None


@pytest.mark.parametrize(
    "chip",
    [{}, {"sources": 3}, {"core": [1, {"source": "x"}]}, {"chip": {"max_chips": "x", "static_power": {}}, "noc": 3}],
    ids=str,
)
def test_rules_leave_a_file_of_another_shape_to_the_schema(chip):
    assert broken_chip_rules(chip) == []


def test_a_source_without_a_table_is_found_in_any_shape():
    (fault,) = broken_chip_rules({"source": "x", "sources": {}})
    assert fault == (("source",), "found 'x', expected a key of `sources` ()")


def test_a_chip_made_in_python_keeps_the_rules_too(write, toy):
    chip = load_chip(write(toy))
    fields = {name: getattr(chip, name) for name in ChipConfig.model_fields}
    assert ChipConfig.model_validate(fields) == chip
    with pytest.raises(ValidationError, match="found 'doe2020', expected a key of `sources`"):
        ChipConfig.model_validate({**fields, "sources": {"other": "A. Other, 2021"}})
