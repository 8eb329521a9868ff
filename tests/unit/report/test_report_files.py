import errno
import io
import json
import os

import pandas as pd
import pytest
from factories import make_run

from simulator.errors import OutputError
from simulator.outputs import output_folder
from simulator.outputs.csv_text import unquoted
from simulator.report.report_files import write_report
from simulator.report.tables import owner_table

FILES = (
    "analytic.csv assumptions.csv bands.csv charged.csv chip.json components.csv cores.csv links.csv manifest.json"
    " owners.csv result.json stages.csv storage.csv tokens.csv tornado.csv units.csv"
)


@pytest.fixture(scope="module")
def run():
    return make_run()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_read_back(run, tmp_path):
    out = write_report(run, tmp_path / "reports" / "toy")
    assert out == tmp_path / "reports" / "toy"
    assert sorted(contents(out)) == FILES.split()
    assert [path.name for path in out.parent.iterdir()] == ["toy"]  # nothing hidden is left next to it
    tables = {
        "components": run.ledger.rows,
        "owners": owner_table(run),
        "stages": run.result.stages,
        "cores": run.result.cores,
        "units": run.result.units,
        "links": run.result.links,
        "tokens": run.result.tokens,
    }
    for name, table in tables.items():
        found = pd.read_csv(out / f"{name}.csv").map(unquoted)  # a direction such as +x is no formula
        pd.testing.assert_frame_equal(found, table, check_dtype=False)
    assert json.loads((out / "result.json").read_text())["energy"]["total_pj"] == run.ledger.total_pj
    assert json.loads((out / "manifest.json").read_text())["files"] == FILES.replace("manifest.json ", "").split()


def test_same_run_same_bytes(run, tmp_path):
    assert contents(write_report(run, tmp_path / "a")) == contents(write_report(make_run(), tmp_path / "b"))


def test_writers_add_their_files_and_the_manifest_names_them(run, tmp_path):
    def draw(run, folder):
        (folder / "figures").mkdir()
        (folder / "figures" / "energy.svg").write_text(run.chip.name)

    out = write_report(run, tmp_path / "toy", writers=[draw])
    assert (out / "figures" / "energy.svg").read_text() == "toy"
    assert "figures/energy.svg" in json.loads((out / "manifest.json").read_text())["files"]


def test_an_earlier_report_is_replaced_as_a_whole(run, tmp_path):
    write_report(run, tmp_path / "toy", writers=[lambda _, folder: (folder / "old.html").write_text("old")])
    out = write_report(run, tmp_path / "toy")
    assert sorted(contents(out)) == FILES.split()
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ValueError("drawing failed"), OSError(errno.ENOSPC, "No space")]
)
def test_a_failure_leaves_the_earlier_report_alone(run, tmp_path, error):
    out = write_report(run, tmp_path / "toy")
    before = contents(out)

    def fail(run, folder):
        raise error

    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_report(run, out, writers=[fail])
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_a_failure_between_the_two_renames_brings_the_report_back(run, tmp_path, monkeypatch, error):
    out = write_report(run, tmp_path / "toy")
    before, rename, calls = contents(out), os.rename, []

    def second_fails(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise error
        rename(source, target)

    monkeypatch.setattr(output_folder, "_exchanged", lambda one, other: False)
    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        write_report(run, out)
    assert len(calls) == 3  # aside, into place (fails), back
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_a_folder_that_is_no_report_is_never_replaced(run, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis: is not empty and holds no report"):
        write_report(run, tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == "years of work"


def test_an_empty_folder_is_taken(run, tmp_path):
    (tmp_path / "new").mkdir()
    assert (write_report(run, tmp_path / "new") / "manifest.json").is_file()


def test_a_file_in_the_way(run, tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError, match="is a file, expected a folder"):
        write_report(run, tmp_path / "file")
    with pytest.raises(OutputError, match=r"below: cannot be written: .*file is a file, expected a folder"):
        write_report(run, tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "here"


def test_an_unwritable_folder_says_so_in_one_line(run, tmp_path, monkeypatch):
    """The operating system's refusal is staged: root, who may run the tests, is refused nothing."""

    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(OutputError) as error:
        write_report(run, tmp_path / "toy")
    assert str(error.value) == f"{tmp_path / 'toy'}: cannot write the report: Permission denied"


def test_csv_is_plain(run, tmp_path):
    text = (write_report(run, tmp_path / "toy") / "components.csv").read_bytes()
    assert b"\r" not in text
    first = pd.read_csv(io.BytesIO(text)).iloc[0]
    assert (first["owner"], first["component"]) == ("blocks.0.norm_attn", "vector")
