"""A folder output replaces the files that an earlier one of its kind lists, and no other."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from simulator.errors import OutputError
from simulator.outputs import output_folder
from simulator.outputs.output_folder import FolderKind, check_folder, replaced_folder

REPORT = FolderKind("report", "manifest.json", "test/report")


def fill(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "manifest.json").write_text(json.dumps({"schema": REPORT.schema, "files": list(files)}))


def write(place: Path, force: bool = False, **files: str) -> None:
    with replaced_folder(place, REPORT, force) as folder:
        fill(folder, **files)


def content(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(params=[True, False], ids=["exchange", "two renames"])
def system(request, monkeypatch):
    """With and without an exchange of names in one step."""
    if not request.param:
        monkeypatch.setattr(output_folder, "_exchanged", lambda one, other: False)


def test_a_new_folder(tmp_path, system):
    write(tmp_path / "a" / "b", x="1")
    assert content(tmp_path / "a" / "b")["x"] == "1"
    assert os.listdir(tmp_path / "a") == ["b"]


def test_an_earlier_one_is_replaced_and_what_a_user_put_there_stays(tmp_path, system):
    place = tmp_path / "r"
    write(place, x="1", gone="1")
    (place / "sub").mkdir()
    (place / "sub" / "thesis.tex").write_text("mine")
    (place / "notes.txt").write_text("mine")
    (place / "link").symlink_to(tmp_path)
    place.chmod(0o750)
    write(place, x="2")
    assert {k: v for k, v in content(place).items() if k != "manifest.json"} == {
        "x": "2",
        "sub/thesis.tex": "mine",
        "notes.txt": "mine",
    }
    assert (place / "link").is_symlink()
    assert place.stat().st_mode & 0o777 == 0o750
    assert os.listdir(tmp_path) == ["r"]


def test_an_empty_folder_of_the_user_stays_and_one_of_the_earlier_report_goes(tmp_path, system):
    write(tmp_path / "r", **{"figures/a.svg": "1"})
    (tmp_path / "r" / "for" / "later").mkdir(parents=True)
    (tmp_path / "r" / "x").mkdir()
    write(tmp_path / "r", x="2")
    assert sorted(p.relative_to(tmp_path / "r").as_posix() for p in (tmp_path / "r").rglob("*")) == [
        "for",
        "for/later",
        "manifest.json",
        "x",
    ]


def test_a_file_system_that_cannot_rename_loses_nothing(tmp_path, system, monkeypatch):
    """The error of the system reaches the caller; what was there is there."""
    write(tmp_path / "r", x="1")
    (tmp_path / "r" / "notes.txt").write_text("mine")
    before = content(tmp_path / "r")

    def refused(*paths: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "rename", refused)
    monkeypatch.setattr(output_folder, "_exchanged", lambda one, other: False)
    with pytest.raises(OSError, match="not implemented"):
        write(tmp_path / "r", x="2")
    assert content(tmp_path / "r") == before
    assert os.listdir(tmp_path) == ["r"]


def test_the_root_of_the_file_system_is_no_folder_of_a_report():
    with pytest.raises(OutputError, match="/: is the root of the file system"):
        check_folder(Path("/"), REPORT, force=True)


def test_a_file_of_the_user_whose_name_the_new_report_takes_is_kept(tmp_path, system):
    write(tmp_path / "r", x="1")
    (tmp_path / "r" / "y").write_text("mine")
    write(tmp_path / "r", x="2", y="report")
    assert content(tmp_path / "r")["y"] == "report"
    assert content(tmp_path / "r")["y.kept"] == "mine"


@pytest.mark.parametrize(
    "marker",
    [
        "{}",
        "[]",
        "not json",
        '{"schema": "of a web app", "files": []}',
        '{"schema": "test/report", "files": ["../victim"]}',
        '{"schema": "test/report", "files": ["/etc/passwd"]}',
        '{"schema": "test/report", "files": [7]}',
        "[" * 100_000,
    ],
)
def test_a_folder_with_another_manifest_is_refused(tmp_path, marker):
    place = tmp_path / "w"
    place.mkdir()
    (place / "manifest.json").write_text(marker)
    (place / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError, match=r"holds no report .*--force removes.*: manifest.json, thesis"):
        write(place, x="1")
    assert content(place)["thesis.tex"] == "mine"
    assert os.listdir(tmp_path) == ["w"]


def test_force_replaces_it_whole(tmp_path, system):
    place = tmp_path / "w"
    place.mkdir()
    (place / "thesis.tex").write_text("mine")
    write(place, force=True, x="1")
    assert set(content(place)) == {"x", "manifest.json"}
    assert os.listdir(tmp_path) == ["w"]


def test_a_file_at_its_place_is_refused(tmp_path):
    (tmp_path / "f").write_text("mine")
    with pytest.raises(OutputError, match="is a file, expected a folder for the report"):
        check_folder(tmp_path / "f", REPORT, force=True)


def test_a_linked_folder_is_followed(tmp_path, system):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", x="1")
    write(tmp_path / "link", x="2")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real")["x"] == "2"


def test_a_fault_leaves_the_earlier_one(tmp_path, system):
    write(tmp_path / "r", x="1")

    def failing() -> None:
        with replaced_folder(tmp_path / "r", REPORT) as folder:
            fill(folder, x="2")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        failing()
    assert content(tmp_path / "r")["x"] == "1"
    assert os.listdir(tmp_path) == ["r"]


KILLED = """
import os, signal, sys
from pathlib import Path
from simulator.outputs import output_folder
sys.path.insert(0, sys.argv[3])
from test_output_folder import write

def killed(*args):
    os.kill(os.getpid(), signal.SIGKILL)

at = sys.argv[2]
if at == "before":
    output_folder._exchange = killed
elif at == "after":
    output_folder._keep_others = killed
else:
    output_folder._exchanged = lambda one, other: False
    renamed, rename = [], os.rename
    def second(*paths):
        if renamed:
            killed()
        renamed.append(paths)
        rename(*paths)
    os.rename = second
write(Path(sys.argv[1]), x="2", y="2")
"""


@pytest.mark.parametrize("at", ["before", "after", "between the renames"])
def test_a_kill_at_any_point_loses_nothing_and_the_next_run_heals_it(tmp_path, at):
    place = tmp_path / "r"
    write(place, x="1")
    (place / "notes.txt").write_text("mine")
    command = [sys.executable, "-c", KILLED, str(place), at, str(Path(__file__).parent)]
    done = subprocess.run(command, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == (1 if at == "between the renames" else 2)
    write(place, x="3")
    assert os.listdir(tmp_path) == ["r"]
    assert content(place)["x"] == "3"
    assert content(place)["notes.txt"] == "mine"
    assert "y" not in content(place)


def test_a_read_only_folder_is_refused_before_the_work(tmp_path, monkeypatch):
    """Not by trying, because the superuser may write everywhere."""
    write(tmp_path / "r", x="1")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path / "r")
    with pytest.raises(OutputError, match="r: is read-only; choose another folder for the report"):
        write(tmp_path / "r", x="2")
    assert content(tmp_path / "r")["x"] == "1"


REMOVED = """
import os, sys
from pathlib import Path
from simulator.outputs.workspace import workspace
if os.geteuid() == 0:
    os.seteuid(65534)
with workspace(Path(sys.argv[1]) / "r") as folder:
    (folder / "made" / "figures").mkdir(parents=True)
    (folder / "made" / "figures" / "x").touch()
    (folder / "made" / "figures").chmod(0o500)
    (folder / "made").chmod(0o500)
"""


def test_a_workspace_with_read_only_folders_is_removed():
    """By a user who is not the superuser, who could remove it anyway; that user cannot enter the folders of pytest."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)
        done = subprocess.run([sys.executable, "-c", REMOVED, place], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert os.listdir(place) == []
