"""Rows of equal blocks as one."""

import pandas as pd
import pytest

from simulator.mapping.alike import group_alike, ranges


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([4], "4"), ([0, 1], "0-1"), ([5, 0, 1, 2], "0-2,5"), ([1, 3, 5, 6], "1,3,5-6")]
)
def test_ranges(numbers, text):
    assert ranges(numbers) == text


def test_rows_that_differ_in_the_number_of_a_block_alone_are_one():
    names = ["blocks.0.q", "blocks.0.o", "blocks.1.q", "blocks.1.o", "blocks.2.q", "blocks.2.o", "head"]
    rows = pd.DataFrame({"owner": names, "cores": [3, 3, 3, 4, 3, 3, 3], "share": [0.5] * 7})
    grouped = group_alike(rows, "owner")
    assert list(grouped.columns) == ["owner", "alike", "cores", "share"]
    assert grouped.to_dict("list") == {
        "owner": ["blocks.0-2.q", "blocks.0,2.o", "blocks.1.o", "head"],
        "alike": [3, 2, 1, 1],
        "cores": [3, 3, 4, 3],
        "share": [0.5] * 4,
    }


def test_names_without_a_number_are_never_one():
    rows = pd.DataFrame({"owner": ["embed", "head"], "cores": [1, 1]})
    assert group_alike(rows, "owner")["owner"].tolist() == ["embed", "head"]
