import pytest

from simulator.config.constraints import parse_constraint


@pytest.mark.parametrize(
    ("text", "key", "bound"),
    [
        ("latency.per_token < 1 ms", "latency.per_token_ps", 1e9),
        ("latency.per_token_ps <= 5e6", "latency.per_token_ps", 5e6),
        ("area.total<100 mm2", "area.total_mm2", 100.0),
        ("energy.per_token >= 2 nJ", "energy.per_token_pj", 2000.0),
        ("utilization.mean > 0.1", "utilization.mean", 0.1),
        ("utilization.sram.total < 1 KiB", "utilization.sram.total_bytes", 1024.0),
    ],
)
def test_a_bound_is_read_with_its_unit_and_finds_its_key(text, key, bound):
    constraint = parse_constraint(text)
    assert constraint.bound == bound
    assert constraint.full_key([key, "other"]) == key


@pytest.mark.parametrize(
    ("text", "below", "at", "above"),
    [("a < 2", True, False, False), ("a <= 2", True, True, False), ("a > 2", False, False, True)],
)
def test_signs(text, below, at, above):
    constraint = parse_constraint(text)
    assert [constraint.holds(value) for value in (1.0, 2.0, 3.0)] == [below, at, above]


def test_excess_is_how_far_a_value_is_beyond_its_bound():
    assert parse_constraint("a < 2").excess(5.0) == 3.0
    assert parse_constraint("a > 2").excess(5.0) == -3.0


@pytest.mark.parametrize("text", ["latency.per_token", "a = 1", "a < ", "< 3", "a < many", "a < 1 furlong"])
def test_what_is_no_constraint(text):
    with pytest.raises(ValueError, match="expected a result key"):
        parse_constraint(text)


def test_a_bound_of_another_dimension():
    with pytest.raises(ValueError, match=r"found an energy '1 pJ' for latency\.total_ps, expected a time"):
        parse_constraint("latency.total_ps < 1 pJ")
