"""An Accelergy table as a chip file: right prices, a note on every other row, one line for what contradicts itself."""

import math
import os

import pytest
import yaml

from simulator.config import list_chips, load_chip
from simulator.energy.accelergy import ert_text
from simulator.energy.ert_import import import_ert
from simulator.energy.prices import chip_prices
from simulator.errors import ConfigError

CHIPS = [name for name, _ in list_chips()]


def table(name, *rows):
    """A table of (action, energy) or (action, energy, arguments)."""
    actions = [{"name": row[0], "arguments": dict(*row[2:]), "energy": row[1]} for row in rows]
    return {"name": name, "actions": actions}


@pytest.fixture
def written(tmp_path):
    """Write tables as an ERT, or a text as it is; returns its path."""

    def write(*tables):
        path = tmp_path / "ERT.yaml"
        of_tables = yaml.safe_dump({"ERT": {"version": "0.4", "tables": list(tables)}})
        path.write_text(tables[0] if isinstance(tables[0], str) else of_tables)
        return path

    return write


def loaded(made, folder):
    file = folder / "made.yaml"
    file.write_text(made.text, encoding="utf-8")
    return load_chip(str(file))


@pytest.mark.parametrize("name", CHIPS)
def test_what_goes_out_comes_in_again(name, written, tmp_path):
    """Onto the chip itself: every price, what contains it, and no note."""
    chip = load_chip(name)
    made = import_ert(written(ert_text(chip)), name, "again")
    again = chip_prices(loaded(made, tmp_path))
    assert [note for note in made.notes if "1 pJ, as the dummy" not in note] == []
    for action, price in chip_prices(chip).items():
        assert again[action].included_in == price.included_in
        assert again[action].pj_per_count == price.pj_per_count or math.isnan(price.pj_per_count)
    static = {action: price for action, price in chip_prices(chip).items() if action.startswith("static.")}
    assert {action: again[action] for action in static} == static
    taken = [price for price in again.values() if price.source.startswith("ert")]
    assert {price.grade for price in taken} == {"published-model"}


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("sdllm-asic-45nm", "loihi-like"),
        ("sdllm-asic-45nm", "odin-like"),
        ("loihi-like", "sdllm-asic-45nm"),
        ("seneca-like", "truenorth-like"),
    ],
)
def test_a_table_of_one_chip_on_another_is_a_valid_chip_with_its_prices(name, base, written, tmp_path):
    """What the base chip has no place for is named; all else costs what it costs on the chip of the table."""
    made = import_ert(written(ert_text(load_chip(name))), base, "mixed")
    mixed, ours = chip_prices(loaded(made, tmp_path)), chip_prices(load_chip(name))
    mixed_static, static = ({name for name in prices if name.startswith("static.")} for prices in (mixed, ours))
    for action in set(mixed) & set(ours) - static:
        assert mixed[action].included_in == ours[action].included_in
        assert mixed[action].pj_per_count == ours[action].pj_per_count or math.isnan(ours[action].pj_per_count)
    for action in set(ours) - set(mixed) - static:
        assert any(action in note and "base chip has no such action" in note for note in made.notes)
    (stay,) = [note for note in made.notes if "prices stay as in" in note]
    assert all(action in stay for action in set(mixed) - set(ours) | mixed_static)


def test_rows_that_are_no_prices_are_named_and_the_rest_stays(written, tmp_path):
    """By hand: of five rows one is a price; 2 of loihi-like's prices are of one table, the others stay."""
    path = written(
        table("system.pe[0..3].synapse", ("word_read", 7), ("idle", 1), ("synopp", 2.0), ("leak", 0.1)),
        table("system.mac", ("compute", 0.7), ("read", 3)),
    )
    made = import_ert(path, "loihi-like", "mine")
    chip = yaml.safe_load(made.text)
    price = {"energy": {"value": "7.0 pJ", "source": "ert", "grade": "published-model"}}
    assert chip["core"]["synapse"] == {"word_read": price}
    words = [
        "system.mac: no component of that name here, not imported: compute, read",
        "system.pe[0..3].synapse.idle: no action of synapse here, not imported",
        "system.pe[0..3].synapse.synopp: no action of synapse here, not imported (did you mean 'synop'?)",
        "system.pe[0..3].synapse.leak: energy per cycle, not a power: not imported",
        "prices stay as in loihi-like: axon_in.lookup",
    ]
    assert len(made.notes) == len(words)
    for note, word in zip(made.notes, words, strict=True):
        assert word in note
        assert f"# {note}\n" in made.text
    assert loaded(made, tmp_path).core.synapse.word_read.energy.value == 7


def test_a_component_of_many_instances_is_one(written):
    made = import_ert(written(table("chip.synapse[0..127]", ("synop", 0.5))), "sdllm-asic-45nm", "mine")
    assert yaml.safe_load(made.text)["core"]["synapse"]["synop"]["energy"]["value"] == "0.5 pJ"


def test_placeholders_are_named(written, tmp_path):
    """Energy 0 leaves the price of the base; 1 is what Accelergy's dummy estimator says of everything."""
    path = written(table("c.synapse", ("synop", 0), ("word_read", 1)), table("c.soma", ("update", 0.25)))
    made = import_ert(path, "sdllm-asic-45nm", "mine")
    assert any(
        "synop: 0 pJ, assumed to be a placeholder and not imported; synapse.synop 0.288 pJ stays" in n
        for n in made.notes
    )
    assert any("word_read: 1 pJ, as the dummy estimator" in n for n in made.notes)
    synapse = loaded(made, tmp_path).core.synapse
    assert (synapse.synop.energy.value, synapse.word_read.energy.value) == (0.288, 1)


def test_rows_that_agree_are_one_price(written):
    rows = [("synop", 0.5, {"data_delta": delta}) for delta in (0, 1)]
    made = import_ert(written(table("c.synapse", *rows)), "sdllm-asic-45nm", "mine")
    assert yaml.safe_load(made.text)["core"]["synapse"]["synop"]["energy"]["value"] == "0.5 pJ"
    assert any("the same energy as in line" in note for note in made.notes)


def test_the_base_may_be_a_file_and_be_imported_itself(written, tmp_path, monkeypatch):
    """The prices of the first table keep their own source."""
    first = loaded(import_ert(written(table("c.synapse", ("synop", 0.5))), "sdllm-asic-45nm", "one"), tmp_path)
    assert first.sources["ert"].endswith("ERT.yaml, imported")
    monkeypatch.chdir(tmp_path)
    made = import_ert(written(table("c.soma", ("update", 0.3))), "./made.yaml", "two")
    assert yaml.safe_load(made.text)["extends"] == os.path.abspath("made.yaml")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "two.yaml").write_text(made.text)
    second = load_chip(str(tmp_path / "elsewhere" / "two.yaml"))
    assert second.core.synapse.synop.energy.source == "ert"
    assert second.core.soma.update.energy.source == "ert2"


def test_no_name_of_a_table_gets_out_of_its_comment(written, tmp_path):
    made = import_ert(
        written(table("c.x\nname: y\x85z", ("r\u2028s", 2)), table("soma", ("update", 2))), "loihi-like", "m"
    )
    assert loaded(made, tmp_path).name == "m"
    assert "c.x\\nname: y\\x85z" in made.text


GOOD = "ERT: {tables: [{name: soma, actions: [{name: update, energy: 1.5}]}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ART: {}", ":1:1: found no ERT with tables, expected an Accelergy energy reference table"),
        ("ERT_summary: {tables: []}", "the table is in ERT.yaml"),
        ("[1, 2]", "found no ERT with tables"),
        ("ERT: {tables: {soma: {update: 1}}}", "ERT.tables: found a mapping, expected a list of tables"),
        ("ERT: {tables: []}", "found no row of an action known here, expected one such as axon_in.lookup"),
        ("ERT: {tables: [{name: a.b, actions: [{name: c, energy: 1}]}]}", "found no row of an action known here"),
        ("ERT: {tables: [{name: soma, actions: [{name: update, energy: 0}]}]}", "found no row of an action known here"),
        (f"{GOOD}, hello]}}", "found text 'hello', expected a mapping with `name`: a table"),
        (f"{GOOD}, {{name: 5}}]}}", "name: found 5, expected the name of the table"),
        (f"{GOOD}, {{actions: []}}]}}", "name: missing, expected the name of the table"),
        (f"{GOOD}, {{name: a, actions: x}}]}}", "a: found text 'x', expected a list of actions"),
        (f"{GOOD}, {{name: a, actions: [x]}}]}}", "found text 'x', expected a mapping with `name`: a row of a"),
        (
            f"{GOOD}, {{name: a, actions: [{{energy: 1}}]}}]}}",
            "name: missing, expected the name of the row of a",
        ),
        (f"{GOOD}, {{name: a, actions: [{{name: b}}]}}]}}", "a.b: found no energy, expected a number of pJ"),
        *(
            (f"{GOOD}, {{name: a, actions: [{{name: b, energy: {energy}}}]}}]}}", "expected a number of pJ from 0 to")
            for energy in ("-1", "true", "null", "'2'", ".nan", ".inf", "[1]", "{x: 1}", "1e300", "1" + "0" * 390)
        ),
    ],
)
def test_what_is_no_table_is_refused_at_its_place(written, text, words):
    with pytest.raises(ConfigError) as refused:
        import_ert(written(text), "loihi-like", "mine")
    assert len(refused.value.problems) == 1
    assert words in refused.value.problems[0]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            [table("imp.synapse", ("synop", 0.1, {"data_delta": 0}), ("synop", 0.5, {"data_delta": 1}))],
            "imp.synapse.synop: found 0.5 pJ for data_delta=1 after 0.1 pJ for data_delta=0 in line",
        ),
        (
            [table("c.pe[0].synapse", ("synop", 0.1)), table("c.pe[1].synapse", ("synop", 0.2))],
            "c.pe[1].synapse.synop: found 0.2 pJ after 0.1 pJ in line",
        ),
        (
            [table("system.a.synapse", ("synop", 0.1)), table("system.b.synapse", ("word_read", 2.0))],
            "found the table system.b.synapse after system.a.synapse in line",
        ),
    ],
)
def test_tables_that_contradict_themselves_are_refused(written, tables, words):
    with pytest.raises(ConfigError) as refused:
        import_ert(written(*tables), "loihi-like", "mine")
    (problem,) = refused.value.problems
    assert words in problem


@pytest.mark.parametrize(
    ("base", "name", "words"),
    [
        ("sdllm-asic-45", "mine", "did you mean 'sdllm-asic-45nm'"),
        ("nowhere/base.yaml", "mine", "nowhere/base.yaml"),
        ("loihi-like", "loihi-like", "--name loihi-like: found the name of the base chip"),
        ("loihi-like", "", "name: found '', expected letters"),
    ],
)
def test_a_base_or_a_name_that_cannot_be_is_refused(written, base, name, words):
    with pytest.raises(ConfigError, match=words):
        import_ert(written(table("soma", ("update", 1.5))), base, name)
