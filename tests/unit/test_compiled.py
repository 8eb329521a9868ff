"""Where compiled kernels are cached, and that no edit can run stale code."""

import ast
import warnings

import numba
import pytest

from simulator import compiled


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """The module as in a new process, with its cache below ``tmp_path``."""
    compiled.cache_directory.cache_clear()
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield tmp_path
    compiled.cache_directory.cache_clear()


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package with two kernel files instead of ours."""
    (tmp_path / "engine/kernels").mkdir(parents=True)
    (tmp_path / "model").mkdir()
    for name in (
        "compiled.py",
        "engine/kernels/a.py",
        "engine/kernels/b.py",
        "model/count_kernels.py",
        "engine/other.py",
    ):
        (tmp_path / name).write_text("X = 1\n")
    monkeypatch.setattr(compiled, "_PACKAGE", tmp_path)
    return tmp_path


def double(x):
    return 2 * x


def test_cache_lies_below_the_users_cache(fresh):
    assert compiled.cache_directory().parent == fresh / "spikewatt"


def test_cache_follows_numba_cache_dir(fresh, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(fresh / "mine"))
    assert compiled.cache_directory().parent == fresh / "mine"


@pytest.mark.parametrize(
    "edited", ["engine/kernels/a.py", "engine/kernels/b.py", "model/count_kernels.py", "compiled.py"]
)
def test_edit_of_any_kernel_file_changes_the_directory(fresh, package, edited):
    before = compiled.cache_directory()
    (package / edited).write_text("X = 2\n")
    compiled.cache_directory.cache_clear()
    assert compiled.cache_directory() != before


def test_edit_elsewhere_keeps_the_directory(fresh, package):
    before = compiled.cache_directory()
    (package / "engine/other.py").write_text("X = 2\n")
    compiled.cache_directory.cache_clear()
    assert compiled.cache_directory() == before


def test_decorated_function_is_cached_there_and_numba_left_as_it_was(fresh, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(fresh / "mine"))
    kernel = compiled.jit(double)
    assert str(fresh / "mine") == numba.config.CACHE_DIR
    assert kernel(3) == 6
    assert list(compiled.cache_directory().rglob("*.nbc"))


def test_unwritable_cache_warns_once_and_still_runs(fresh, monkeypatch):
    (fresh / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(fresh / "file"))
    with pytest.warns(RuntimeWarning, match=r"not cached.*set NUMBA_CACHE_DIR"):
        kernel = compiled.jit(double)
    assert kernel(3) == 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled.jit(double)


def test_without_jit_the_function_stays_itself(fresh, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert compiled.jit(double) is double


def test_kernels_take_constants_only_from_files_of_the_key():
    """What a kernel file imports from us is compiled in, so it must be part of the cache key."""
    sources = compiled.kernel_sources()
    assert any(path.name == "mesh.py" for path in sources)
    known = {"simulator." + ".".join(p.relative_to(compiled._PACKAGE).with_suffix("").parts) for p in sources}
    known |= {"simulator.errors", "simulator.private_folder"}  # of the Python shells, no constants
    for path in sources:
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        ours = {node.module for node in imports if node.module.split(".")[0] == "simulator"}
        assert ours <= known, path.name
