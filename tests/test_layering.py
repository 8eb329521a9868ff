"""The shape of the package: imports run one way, only kernel files compile, and a cold start stays light."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "simulator"

# A room may import the rooms of the ranks before its own (DESIGN section 3), and none of its own rank.
RANKS = (
    ("errors", "private_folder"),
    ("units", "actions", "choices", "arrays", "outputs", "compiled", "text_files", "shipped", "hub_cache", "orphans"),
    ("bounded_json", "npz_file"),
    ("config",),
    ("trace",),
    ("model", "mapping"),
    ("engine",),
    ("energy", "verify"),
    ("mapper",),
    ("report",),
    ("simulation",),
    ("sweep",),
    ("validation", "server"),
    ("cli",),
    ("__main__",),
)
RANK_OF = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
FORBIDDEN = {("engine", "model")}
# The public names: loads them when they are used, so it is next to the ranks and only `cli` and up are closed to it.
FRONT = "__init__"
# What every room may ask of the front: facts of the package, which load nothing.
FACTS = {"simulator.__version__", "simulator.__file__"}
FILE_LINES_MAX = 320
COMPILING = ("compiled.py", "kernels/*.py", "model/*_kernels.py")


def room_of(module: str) -> str:
    """Room of a module of the package: ``simulator.engine.tally`` is in ``engine``; ``simulator`` is the front."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FRONT


def imported_modules(source: str) -> Iterator[tuple[int, str]]:
    """(line, absolute module) of every import, wherever it stands.

    A name of the front is what is imported, however it is reached: ``from simulator import x``, or ``simulator.x``
    after ``import simulator``, is ``simulator.x``.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name != "simulator" or alias.asname)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "simulator":
            yield node.lineno, f"simulator.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level + (node.module or "")
            elif node.module == "simulator":
                yield from ((node.lineno, f"simulator.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module or ""


def import_faults(module: str, source: str) -> list[str]:
    """Imports of ``module`` that run against the ranks, one line each."""
    room, faults = room_of(module), []
    for line, target in imported_modules(source):
        where = f"{module}:{line}"
        if target.startswith("."):
            faults.append(f"{where}: relative import {target}, expected the full name")
            continue
        if target.split(".")[0] != "simulator":
            continue
        other = room_of(target)
        if other == room or target in FACTS:
            continue
        if other not in RANK_OF:
            faults.append(f"{where}: imports {target}, which has no rank")
        elif room == FRONT:
            if RANK_OF[other] >= RANK_OF["cli"]:
                faults.append(f"{where}: imports {target}")
        elif room not in RANK_OF:
            faults.append(f"{where}: {room} has no rank")
        elif RANK_OF[other] >= RANK_OF[room] or (room, other) in FORBIDDEN:
            faults.append(f"{where}: {room} imports {target}")
    return faults


def compiling_faults(module: str, source: str) -> list[str]:
    """Uses of numba or of our ``jit`` in a file that is no kernel file."""
    faults = []
    for line, target in imported_modules(source):
        if target.split(".")[0] == "numba" or target == "simulator.compiled":
            faults.append(f"{module}:{line}: imports {target}")
    return faults


# Rooms of the engine, and what each may not import: the flow uses the network, which uses the kernels.
ENGINE_ROOM_MAY = {"kernels": ("kernels",), "network": ("kernels", "network")}


def engine_room_faults(module: str, source: str) -> list[str]:
    """Imports of a room of the engine from a room that stands above it, or from the flow itself."""
    _, _, room, _ = module.split(".", 3)
    may = tuple(f"simulator.engine.{name}." for name in ENGINE_ROOM_MAY[room])
    return [
        f"{module}:{line}: {room} imports {target}"
        for line, target in imported_modules(source)
        if target.startswith("simulator.engine") and not target.startswith(may)
    ]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = sorted(PACKAGE.rglob("*.py"))


def test_the_package_is_where_this_test_looks() -> None:
    assert len(FILES) > 50


def test_every_module_and_folder_has_a_rank() -> None:
    rooms = {room_of(module_name(path)) for path in FILES} - {FRONT}
    assert rooms == set(RANK_OF)


def test_a_file_name_stands_once() -> None:
    names = [path.name for path in FILES if path.name not in ("__init__.py", "__main__.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_a_file_stays_within_its_length() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES_MAX} == {}


def test_imports_run_one_way() -> None:
    assert [fault for path in FILES for fault in import_faults(module_name(path), path.read_text("utf-8"))] == []


@pytest.mark.parametrize("room", ENGINE_ROOM_MAY)
def test_rooms_of_the_engine_form_no_circle(room: str) -> None:
    files = sorted((PACKAGE / "engine" / room).glob("[!_]*.py"))
    assert len(files) > 3
    assert [f for path in files for f in engine_room_faults(module_name(path), path.read_text("utf-8"))] == []


@pytest.mark.parametrize("target", ["oracle.reference", "network.trees", "plan"])
def test_a_circle_in_the_engine_would_be_found(target: str) -> None:
    assert engine_room_faults("simulator.engine.kernels.mesh", f"from simulator.engine.{target} import x") != []


def code_lines(function: ast.FunctionDef) -> int:
    """Lines of a function below its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_of_the_engine_are_short_and_take_few_parameters() -> None:
    nodes = [node for p in (PACKAGE / "engine").rglob("*.py") for node in ast.walk(ast.parse(p.read_text("utf-8")))]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    assert len(functions) > 300
    assert [node.name for node in functions if code_lines(node) > 80] == []
    assert [node.name for node in functions if len(node.args.args) + len(node.args.kwonlyargs) > 9] == []


def test_only_kernel_files_compile() -> None:
    others = [path for path in FILES if not any(path.match(pattern) for pattern in COMPILING)]
    assert len(others) < len(FILES)
    assert [fault for path in others for fault in compiling_faults(module_name(path), path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("simulator.trace.x", "from simulator.model.ops import y", "trace imports simulator.model.ops"),
        ("simulator.model.x", "import simulator.mapping.place", "model imports simulator.mapping.place"),
        ("simulator.mapping.x", "from simulator.model import ops", "mapping imports simulator.model"),
        ("simulator.engine.x", "from simulator.model.ops import y", "engine imports simulator.model.ops"),
        ("simulator.energy.x", "from simulator import report", "energy imports simulator.report"),
        ("simulator.errors", "import simulator.units", "errors imports simulator.units"),
        (
            "simulator.config.x",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from simulator.trace.trace import Trace",
            "config imports simulator.trace.trace",
        ),
        ("simulator.sweep.x", "def f():\n    import simulator.cli", "sweep imports simulator.cli"),
        ("simulator", "from simulator.cli import main", "simulator:1: imports simulator.cli"),
        ("simulator.report.x", "import simulator.nowhere", "has no rank"),
        ("simulator.report.x", "from simulator import simulate", "has no rank"),
        (
            "simulator.report.x",
            "import simulator\nsimulator.simulate",
            "x:2: imports simulator.simulate, which has no rank",
        ),
        ("simulator.report.x", "import simulator as s", "imports simulator, which has no rank"),
        ("simulator.report.x", "from ..cli import main", "relative import ..cli"),
    ],
)
def test_the_check_finds_a_made_up_violation(module: str, source: str, fault: str) -> None:
    (found,) = import_faults(module, source)
    assert fault in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("simulator.engine.x", "from simulator.config.chip import y\nimport numpy\nfrom simulator.engine.z import q"),
        ("simulator", "from simulator.simulation.simulation import simulate"),
        ("simulator.sweep.x", "from simulator import __version__"),
        ("simulator.sweep.x", "import simulator\nsimulator.__version__"),
        ("simulator.cli", "from simulator.sweep.runner import run_sweep"),
    ],
)
def test_the_check_lets_good_imports_pass(module: str, source: str) -> None:
    assert import_faults(module, source) == []


@pytest.mark.parametrize("source", ["import numba", "from numba import njit", "from simulator.compiled import jit"])
def test_the_check_finds_a_made_up_compilation(source: str) -> None:
    assert len(compiling_faults("simulator.engine.plan", source)) == 1


def in_a_new_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(statement: str) -> set[str]:
    modules = json.loads(in_a_new_python(f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"))
    return {name.split(".")[0] for name in modules}


HEAVY = {"numpy", "numba", "pandas", "matplotlib", "pydantic", "tokenizers"}


@pytest.mark.parametrize("module", ["simulator", "simulator.cli", "spikewatt"])
def test_importing_loads_no_heavy_package(module: str) -> None:
    assert loaded(f"import {module}") & HEAVY == set()


def test_a_heavy_package_would_be_seen() -> None:
    assert "numpy" in loaded("import simulator\nsimulator.load_trace")


# Every encoding on two kinds of chip, closed by barriers and by handshakes, and the kernels of model/ that check a
# capture, in one process.
ONE_SPECIALIZATION = """
import importlib, json, pkgutil
import numpy as np
import simulator
import simulator.engine.kernels
from simulator.model.encoder import encode
from simulator.model.hadamard import hadamard_of
from simulator.model.count_kernels import accumulate_spikes
from simulator.model.dense_attention import dense_attention, float_attention
from simulator.model.kv_cache import KVCache
from simulator.model.linear import dequantize
from simulator.model.transformer import rotate
from simulator.model.weights import quantize_weights
from simulator.trace.encoding import Encoding

ones = np.ones((3, 4), np.float32)
hadamard_of(12)(np.ones((2, 24), np.float32), 2)
rotate(ones[None], ones[:, :2].copy(), ones[:, :2].copy())
for attention in (dense_attention, float_attention):
    attention("b", ones[None], ones[None], ones[None], KVCache(), None)
    attention("b", ones[None, :, ::2], ones[None, :, ::2], ones[None, :, ::2], KVCache(), 2)
for code, levels in (("ternary", 3), ("binary", 3), ("bitwise", 127), ("bitwise_twos", 127)):
    trace = simulator.synthetic_trace("poisson", (12, 8, 4), code=code, levels=levels, tokens=2, name=code)
    for chip in ("loihi-like", "sdllm-asic-45nm"):
        simulator.simulate(simulator.load_chip(chip), trace, dense_chip=simulator.load_chip("dense-int8-45nm"))
        simulator.simulate(simulator.load_chip(chip, ["sync.kind=handshake"]), trace)
    counts, rows = np.ones((1, 4), np.int16), np.ones((4, 3), np.int8)
    graded = accumulate_spikes(counts, rows, Encoding("graded", 7))
    assert (accumulate_spikes(counts, rows, Encoding(code, levels)) == graded).all()
    spikes = encode(np.ones((2, 3), np.float32), Encoding(code, levels))
    for sums in (np.ones((2, 3), np.int32), np.ones((2, 3), np.float32), np.ones((3, 2)).T):
        dequantize(sums, spikes, quantize_weights(ones))

names = [f"simulator.engine.kernels.{m.name}" for m in pkgutil.iter_modules(simulator.engine.kernels.__path__)]
names = [*names, "simulator.model.attention_kernels", "simulator.model.count_kernels"]
found = {}
for name in names:
    for key, value in vars(importlib.import_module(name)).items():
        if hasattr(value, "signatures") and value.__module__ == name:
            found[f"{name}.{key}"] = [str(signature) for signature in value.signatures]
print(json.dumps(found))
"""
# Kernels that Python calls. Those that they call in turn are no measure: numba compiles these once more for every
# constant argument, and not at all when the machine code of the caller came from disk.
ENTRIES = {
    "simulator.engine.kernels.timesteps.run_cores": 2,  # with barriers, and without
    "simulator.engine.kernels.timesteps.run_network": 2,
    "simulator.engine.kernels.value_transfer.run_transfer": 1,
    "simulator.model.attention_kernels.exponentials": 1,
    "simulator.model.attention_kernels.raise_maxima": 1,
    "simulator.model.attention_kernels.seen_scores": 1,
    "simulator.model.attention_kernels.to_shares": 1,
    "simulator.model.count_kernels.add_count_rows": 1,
    "simulator.model.count_kernels.add_pairs": 1,
    "simulator.model.count_kernels.add_signed": 1,
    "simulator.model.count_kernels.add_spike_rows": 1,
    "simulator.model.count_kernels.count_steps": 1,
    "simulator.model.count_kernels.largest_sizes": 1,
    "simulator.model.count_kernels.scale_sums": 1,
    "simulator.model.count_kernels.turn_pairs": 1,
}


def test_each_kernel_is_compiled_for_as_few_sets_of_types_as_there_are_variants() -> None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        pytest.skip("NUMBA_DISABLE_JIT is set: nothing is compiled")
    found = json.loads(in_a_new_python(ONE_SPECIALIZATION))
    assert {name: found[name] for name, n_types in ENTRIES.items() if len(found[name]) != n_types} == {}
