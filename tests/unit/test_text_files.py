"""Text of any origin: byte order marks of each encoding taken off, wrong bytes placed."""

from __future__ import annotations

import pytest

from simulator.config.yaml_marks import read_marked
from simulator.errors import ConfigError, SpikewattError, TraceError
from simulator.text_files import NotTextError, decode_text, read_text
from simulator.trace.trace_files import load_trace


# The marks of Unicode 16.0, table 23-4 (section 23.8), each before the letter a with diaeresis, U+00E4.
@pytest.mark.parametrize(
    "data",
    [
        b"\xc3\xa4",
        b"\xef\xbb\xbf\xc3\xa4",
        b"\xff\xfe\xe4\x00",
        b"\xfe\xff\x00\xe4",
        b"\xff\xfe\x00\x00\xe4\x00\x00\x00",
        b"\x00\x00\xfe\xff\x00\x00\x00\xe4",
    ],
)
def test_each_mark_names_its_encoding(data):
    assert decode_text(data) == "ä"


def test_a_mark_inside_is_a_character():
    assert decode_text("a\ufeffb".encode()) == "a\ufeffb"


@pytest.mark.parametrize(
    ("data", "line", "column", "offset", "words"),
    [
        (b"caf\xe9", 1, 4, 3, "byte 0xe9 is not UTF-8"),
        ("ä\nö".encode() + b"\xff.", 2, 2, 5, "byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfa\xff", 1, 2, 4, "byte 0xff is not UTF-8"),
        (b"\xff\xfea\x00\x00\xd8", 1, 2, 4, "byte 0x00 0xd8 is not UTF-16"),
    ],
)
def test_a_wrong_byte_is_placed(data, line, column, offset, words):
    with pytest.raises(NotTextError) as fault:
        decode_text(data)
    assert (fault.value.line, fault.value.column, fault.value.offset, str(fault.value)) == (line, column, offset, words)


def test_read_text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("\ufeffa\r\nb\rc\n".encode("utf-16-le"))
    assert read_text(path) == "a\nb\nc\n"
    path.write_bytes(b"a\nb\0c")
    with pytest.raises(SpikewattError, match=r"t\.txt:2:2: .*a NUL character is not text.*byte offset 3"):
        read_text(path)


def test_yaml_of_another_encoding(tmp_path):
    (tmp_path / "f.yaml").write_bytes("a: ä".encode("utf-16"))
    marked, problems = read_marked(tmp_path / "f.yaml", "f.yaml")
    assert (marked.items["a"].node.value, problems) == ("ä", ())


def test_a_pointer_of_git_lfs_is_no_text(tmp_path):
    (tmp_path / "t").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(SpikewattError, match=r"t:1:1: cannot read the text: a Git LFS pointer \(run: git lfs pull\)"):
        read_text(tmp_path / "t")
    with pytest.raises(ConfigError, match="found a Git LFS pointer"):
        read_marked(tmp_path / "t", "t.yaml")
    with pytest.raises(TraceError, match="a Git LFS pointer"):
        load_trace(tmp_path / "t")
