"""Mutation testing: change one operator, number or condition at a time and see whether the tests of its room notice.

    python tests/support/mutants.py [--sample 200] [--seed 0] [--jobs 2] [--rooms config mapping energy trace]

A mutant is killed when `pytest tests/unit/ROOM` fails or does not end. The energy has tests/invariants/test_energy.py
too, its replays of silicon tests/published/test_silicon.py. What survives meets the tests of the rooms that use its own
(`ABOVE`); the score counts both and names each. A mutant runs on a copy of the tree, several at once. A sample is drawn
from all mutants by seed, in random order; the score is printed with the survivors. The unchanged tree is tested first.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import multiprocessing
import os
import queue
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "mapping", "energy", "trace", "report/tables.py")
# Tests of the rooms that use a room, for what its own tests let pass.
ABOVE = {
    "config": ("tests/published/test_chip_constants.py", "tests/unit/mapping", "tests/unit/sweep"),
    "mapping": ("tests/unit/mapper", "tests/unit/simulation"),
    "energy": ("tests/unit/simulation", "tests/cli/test_energy_commands.py"),
    "trace": ("tests/golden/test_trace_format.py", "tests/unit/mapping", "tests/unit/simulation"),
    "report": ("tests/unit/report",),
}
TIMEOUT_S = 600
LIBRARIES = ("numpy", "pandas", "pydantic", "yaml", "numba", "rich.table", "typer", "matplotlib.figure")
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
CALLS = {"max": "min", "min": "max", "sum": "max", "any": "all", "all": "any", "sorted": "list"}


def mutations(tree: ast.Module) -> Iterator[tuple[ast.Module, int, str]]:
    """Every mutant of a module with its line and what was changed."""
    for i, node in enumerate(ast.walk(tree)):
        for change, label in _changes(node):
            mutant = copy.deepcopy(tree)
            change(list(ast.walk(mutant))[i])
            yield mutant, getattr(node, "lineno", 0), label


def _changes(node: ast.AST) -> Iterator[tuple[object, str]]:
    """Functions that change a node of this kind, each with a label."""
    if isinstance(node, (ast.BinOp, ast.BoolOp)) and (new := SWAPS.get(type(node.op))) is not None:
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant)):
            yield (lambda n: setattr(n, "op", new())), f"{type(node.op).__name__} -> {new.__name__}"
    elif isinstance(node, ast.Compare) and (new := SWAPS.get(type(node.ops[0]))) is not None:
        yield (lambda n: n.ops.__setitem__(0, new())), f"{type(node.ops[0]).__name__} -> {new.__name__}"
    elif isinstance(node, (ast.If, ast.IfExp)):
        yield (lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))), "condition negated"
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield (lambda n: setattr(n, "value", n.value + 1)), f"{node.value} -> {node.value + 1}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        new_name = CALLS[node.func.id]
        yield (lambda n: setattr(n.func, "id", new_name)), f"{node.func.id} -> {new_name}"


def files_of(rooms: list[str]) -> list[Path]:
    """Files of the package that are mutated."""
    found: list[Path] = []
    for room in rooms:
        path = ROOT / "simulator" / room
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [path for path in found if path.name not in ("__init__.py", "__main__.py")]


def tests_of(path: Path) -> list[str]:
    """Tests that have to notice a mutant of ``path``."""
    room = path.relative_to(ROOT / "simulator").parts[0]
    chosen = [f"tests/unit/{room}"]
    mirrored = f"tests/unit/{room}/test_{path.name}"
    if (ROOT / mirrored).exists():
        chosen.insert(0, mirrored)  # first, where most mutants fail at once
    if path.name == "tables.py":
        chosen = ["tests/unit/report/test_tables.py", "tests/unit/report/test_terminal.py"]
    if path.name.startswith("silicon_"):
        chosen.append("tests/published/test_silicon.py")
    return chosen + (["tests/invariants/test_energy.py", "tests/published/test_cmos45.py"] if room == "energy" else [])


def above(path: Path) -> list[str]:
    """Tests of the rooms that use the one of ``path``."""
    return list(ABOVE[path.relative_to(ROOT / "simulator").parts[0]])


def survives(tree: Path, tests: list[str]) -> bool:
    """Whether all tests of a tree pass, in a fork that has the libraries loaded and nothing of the package."""
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_test, args=(tree, tests))
    process.start()
    process.join(TIMEOUT_S)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def _test(tree: Path, tests: list[str]) -> NoReturn:
    """Run the tests of a tree in this process, without a word; the exit code is that of pytest."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = True
    os.environ["PYTHONPATH"] = str(tree)
    os._exit(int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests])))


def main() -> None:
    """Draw, run, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS))
    options = parser.parse_args()
    every = []
    for path in files_of(options.rooms):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        every += [(path, n, line, label) for n, (_, line, label) in enumerate(mutations(tree))]
    chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(options.jobs) as pool:
        trees: queue.Queue[Path] = queue.Queue()
        for job in range(options.jobs):
            trees.put(_copied(Path(folder) / str(job)))
        for tests in {tuple(tests) for path, *_ in chosen for tests in (tests_of(path)[-2:], above(path))}:
            if not survives(trees.queue[0], list(tests)):
                sys.exit(f"the unchanged tree fails {' '.join(tests)}")
        found = Counter(pool.map(lambda mutant: _tried(trees, *mutant), chosen))
    killed = len(chosen) - found["survived"]
    print(
        f"{killed} of {len(chosen)} mutants killed ({killed / len(chosen):.0%}), {found['killed above']} of them by"
        f" tests of rooms above; drawn from {len(every)}"
    )


def _copied(tree: Path) -> Path:
    """A copy of what the tests need."""
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", ".cache", "*_cache", "reports"))
    return tree


def _tried(trees: queue.Queue[Path], path: Path, number: int, line: int, label: str) -> str:
    """Run one mutant on a free copy, which is put back; returns and prints what became of it."""
    tree = trees.get()
    place = tree / path.relative_to(ROOT)
    original = place.read_text(encoding="utf-8")
    mutant = next(tree for n, (tree, _, _) in enumerate(mutations(ast.parse(original))) if n == number)
    try:
        place.write_text(ast.unparse(ast.fix_missing_locations(mutant)), encoding="utf-8")
        if not survives(tree, tests_of(path)):
            fate = "killed"
        else:
            fate = "survived" if survives(tree, above(path)) else "killed above"
    finally:
        place.write_text(original, encoding="utf-8")
        trees.put(tree)
    print(f"{fate}: {path.relative_to(ROOT)}:{line}: {label}", flush=True)
    return fate


if __name__ == "__main__":
    main()
