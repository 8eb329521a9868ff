"""Which values of a chip file are named by a description elsewhere in it, wherever that stands."""

import pytest

from simulator.config.price_overrides import is_price, read_by_others
from simulator.config.source_position import Place
from simulator.config.yaml_marks import Entry, ListNode, MapNode, ScalarNode

HERE = Place("toy.yaml", 1, 1)


def scalar(text):
    return ScalarNode(HERE, text, text)


def under(key, node):
    return MapNode(HERE, {"other": Entry(HERE, scalar("7 pJ")), key: Entry(HERE, node)})


@pytest.mark.parametrize(
    "around", [lambda node: node, lambda node: ListNode(HERE, (scalar("1"), node)), lambda node: under("a", node)]
)
def test_a_value_is_found_in_mappings_and_lists(around):
    assert read_by_others(under("energy", around(scalar("noc.hop_x.value"))), "noc.hop_x")
    assert not read_by_others(under("energy", around(scalar("noc.hop_x"))), "noc.hop_x")


def test_what_is_a_price():
    assert is_price("noc.hop_x")
    assert is_price("static.base")
    assert not is_price("noc.flit_bits")
    assert not is_price("noc.no_such_key")
