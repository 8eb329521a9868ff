"""The chip file in words: what a key takes, its default, and each record once."""

from __future__ import annotations

from simulator.config.chip_core import Sram
from simulator.config.chip_reference import chip_reference


def rows(section: str) -> dict[str, list[str]]:
    """Key -> what it takes, its default and its meaning, of one section of the page."""
    text = chip_reference().partition(f"## {section}\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]
    return {cell[0].strip("`"): cell[1:] for cell in cells}


def test_every_record_has_one_section():
    headings = [line for line in chip_reference().splitlines() if line.startswith("## ")]
    assert headings[0] == "## ChipConfig"
    assert len(headings) == len(set(headings)) >= 30
    assert {"## Noc", "## Core", "## BarrierPoint", "## Price", "## SramArea"} <= set(headings)


def test_a_key_says_what_it_takes_and_its_default():
    top = rows("ChipConfig")
    assert top["name"][:2] == ["text", "required"]
    assert top["sources"][:2] == ["a mapping", "required"]
    assert top["technology"][:2] == ["`Technology`", "required"]
    assert top["area"][:2] == ["`Areas`", "not set"]
    assert top["replay"][:2] == ["one of captured, dense", "`captured`"]
    assert top["mapping"][:2] == ["`Mapping`", "its defaults"]


def test_values_with_bounds_and_units():
    assert rows("Sram")["banks"][:2] == ["a whole number from 1 to 65536", "`1`"]
    assert rows("Sram")["capacity"][0] == "a size such as '128 KiB'"
    assert rows("Dram")["capacity"][:2] == ["a size such as '128 KiB'", "not set"]


def test_a_list_of_records_names_its_record():
    assert rows("Barrier")["latency"][:2] == ["a list of `BarrierPoint`", "required"]
    assert rows("Barrier")["energy"][0] == "`Price`"


def test_a_section_begins_with_what_its_record_means():
    text = chip_reference().partition("## Sram\n")[2]
    assert text.splitlines()[1] == " ".join((Sram.__doc__ or "").split()) != ""
