"""A name is a part of a path on any system, and nothing else."""

from __future__ import annotations

import pytest

from simulator.errors import OutputError
from simulator.outputs.names import as_name, name_fault, path_below, title_fault


@pytest.mark.parametrize("name", ["loihi-like", "T15", "a.b_c-1", "_x", "x" * 100, "7nm"])
def test_a_name(name):
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "-o", "a/b", "/etc", "a\\b", "a b", "a\n", "a\0b", "x" * 101, "é", "C:x", 7],
)
def test_what_is_no_name(name):
    fault = name_fault(name)
    assert fault is not None
    assert "expected letters, digits" in fault
    assert len(fault) < 300


@pytest.mark.parametrize("name", ["CON", "nul", "Aux.b", "com1", "LPT9.yaml"])
def test_a_device_of_windows_is_no_name(name):
    assert name_fault(name) == title_fault(name) == f"found {name!r}, a device of Windows, expected another name"
    assert name_fault(as_name(name)) is None


@pytest.mark.parametrize("name", ["console", "com", "null-1", "com10"])
def test_what_only_begins_as_a_device_is_a_name(name):
    assert name_fault(name) is None


def test_a_name_does_not_end_with_a_point():
    """Windows drops it, so two names would be one folder."""
    assert name_fault("a.") == "found 'a.', expected a name that does not end with '.'"
    assert as_name("a...") == "a"


@pytest.mark.parametrize(
    ("text", "name"),
    [("my model (1)", "my-model-1-"), ("../../x", "x"), ("é", "unnamed"), ("x" * 200, "x" * 100), ("ok", "ok")],
)
def test_as_name(text, name):
    assert as_name(text) == name
    assert name_fault(as_name(text)) is None


def test_path_below_joins_names(tmp_path):
    assert path_below(tmp_path, "a", "b") == tmp_path / "a" / "b"


def test_path_below_refuses_a_part_that_is_no_name(tmp_path):
    with pytest.raises(OutputError, match=r"found '\.\.', expected .*; choose a path with --out"):
        path_below(tmp_path, "..", "b")


def test_path_below_refuses_a_link_that_leads_out(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="leads out of"):
        path_below(tmp_path / "root", "a", "b")


@pytest.mark.parametrize("title", ["golden µ", "poisson 8-4", "a"])
def test_a_title_of_an_older_file(title):
    assert title_fault(title) is None


@pytest.mark.parametrize("title", ["", "../x", "/x", "a\\b", "C:x", ".x", "a\x1b[31m", "x" * 101])
def test_what_is_no_title(title):
    assert title_fault(title) is not None
