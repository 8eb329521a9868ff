import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import yaml_marks
from simulator.config.source_position import Place
from simulator.config.yaml_marks import MapNode, parse_marked, plain, read_marked, read_scalar
from simulator.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-12", 1e-12),  # PyYAML: text
        ("4.2e12", 4.2e12),  # PyYAML: text
        ("12:30", "12:30"),  # PyYAML: 750
        ("NO", "NO"),  # PyYAML: False
        ("on", "on"),
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),  # PyYAML: a date
        ("1_000", "1_000"),  # PyYAML: 1000
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("+3", 3),
        (".5", 0.5),
        ("3.", 3.0),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1e999", math.inf),
        ("1.2.3", "1.2.3"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_follow_the_yaml_1_2_core_schema(text, value):
    assert read_scalar(text) == value
    assert type(read_scalar(text)) is type(value)


def test_nan_is_a_number():
    assert math.isnan(read_scalar(".NaN"))


def test_every_key_and_value_knows_its_line_and_column():
    root, problems = parse_marked("a:\n  b: 1\n  c: [2, {d: x}]\n", "f.yaml")
    assert not problems
    assert isinstance(root, MapNode)
    b, c = root.items["a"].node.items["b"], root.items["a"].node.items["c"]
    assert (b.place, b.node.place) == (Place("f.yaml", 2, 3), Place("f.yaml", 2, 6))
    assert [item.place for item in c.node.items] == [Place("f.yaml", 3, 7), Place("f.yaml", 3, 10)]
    assert c.node.items[1].items["d"].node.place == Place("f.yaml", 3, 14)


def test_quoted_scalars_are_text():
    root, _ = parse_marked("a: '1'\nb: \".nan\"\nc: |\n  2\n", "f")
    assert plain(root) == {"a": "1", "b": ".nan", "c": "2\n"}


def test_anchors_work():
    root, problems = parse_marked("a: &x {v: 1}\nb: *x\n", "f")
    assert not problems
    assert plain(root) == {"a": {"v": 1}, "b": {"v": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: found the key a second time, expected it once (first at line 1)"),
        ("a: {b: 1, b: 2}\n", "f.yaml:1:11: a.b: found the key a second time, expected it once (first at line 1)"),
        (
            "a: 010\n",
            "f.yaml:1:4: a: found 010, which YAML 1.1 reads as octal and YAML 1.2 as decimal, "
            "expected 10 without the leading zero",
        ),
        (
            "a: !!float 1\n",
            "f.yaml:1:4: a: found the tag !!float, expected none (write a number plain, a text in quotes)",
        ),
        ("a: !x [1]\n", "f.yaml:1:4: a: found the tag !x, expected none (write a number plain, a text in quotes)"),
        (
            "a: &a {b: 1}\nc:\n  <<: *a\n",
            "f.yaml:3:3: c.<<: found a merge key, expected none (use `extends` to build on another file)",
        ),
        ("? [1]\n: 2\n", "f.yaml:1:3: found a list or mapping as a key, expected text"),
        ('"": 2\n', "f.yaml:1:1: found an empty key, expected text"),
        ("a: &a [*a]\n", "f.yaml:1:4: a[0]: found an alias to a value around it, expected no cycle"),
    ],
)
def test_what_is_refused_and_where(text, message):
    _, problems = parse_marked(text, "f.yaml")
    assert [str(problem) for problem in problems] == [message]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a: [1\nb: 2\n",
            "f.yaml:2:2: not valid YAML while parsing a flow sequence from line 1: expected ',' or ']', but got ':'",
        ),
        (
            "a:\n\tb: 1\n",
            "f.yaml:2:1: not valid YAML while scanning for the next token: "
            r"found character '\t' that cannot start any token (indent with spaces)",
        ),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: found a second document, expected one"),
        ("a: *b\n", "f.yaml:1:4: not valid YAML: found undefined alias 'b'"),
        ("a: \x07\n", "f.yaml:1:4: found the control character 0x07, expected printable text"),
        (b"a: 1\nb: \xc3\xa4\xff\n", "f.yaml:2:5: found byte 0xff, expected UTF-8 text"),
        ("[" * 800, "f.yaml: found values nested too deeply, expected a configuration"),
        (
            "a: &a [" + "1," * 99 + "1]\nb: &b [" + "*a," * 99 + "*a]\nc: [" + "*b," * 99 + "*b]\n",
            "f.yaml:1:204: found more than 40000 values, expected a configuration",
        ),
    ],
)
def test_a_file_that_is_no_yaml_gives_one_line(write, content, message):
    name = write(content, "f.yaml")
    with pytest.raises(ConfigError) as error:
        read_marked(Path(name), name)
    assert str(error.value) == message


def test_missing_file_and_directory(write):
    write("")
    for name, message in (
        ("no.yaml", "no.yaml: no such file, expected a YAML file"),
        (".", ".: found a directory, expected a YAML file"),
    ):
        with pytest.raises(ConfigError) as error:
            read_marked(Path(name), name)
        assert str(error.value) == message


def test_a_file_with_a_byte_order_mark_reads(write):
    root, _ = read_marked(Path(write(b"\xef\xbb\xbfa: 1")), "f")
    assert plain(root) == {"a": 1}


_KEYS = st.text("abcdefghij", min_size=1, max_size=4)
_LEAVES = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text("xyz é'\"#:-", max_size=9))
_TREES = st.recursive(
    _LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3))
)


@given(st.dictionaries(_KEYS, _TREES, max_size=4))
def test_reads_what_another_writer_wrote(tree):
    def tuples(value):
        if isinstance(value, dict):
            return {key: tuples(inner) for key, inner in value.items()}
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    root, problems = parse_marked(yaml.safe_dump(tree, allow_unicode=True), "f")
    assert not problems
    assert plain(root) == tuples(tree)


def test_a_file_of_too_many_values_is_not_read_to_its_end(write, monkeypatch):
    """The flow sequence is never closed, which only a reader of the whole file would find."""
    monkeypatch.setattr(yaml_marks, "_MOST_NODES", 5)
    name = write("a: [1, 2, 3, 4, 5", "f.yaml")
    with pytest.raises(ConfigError, match=r"^f.yaml:1:11: found more than \d+ values, expected a configuration$"):
        read_marked(Path(name), name)
