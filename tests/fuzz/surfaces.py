"""Readers of files of others: each surface writes a mutated input and names the command that reads it."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import yaml
from mutations import NASTY, mutated_bytes, mutated_tree, paths_of
from program import run_program
from tiny_gguf import write_gguf
from tiny_model import TINY, tiny_tensors, write_tiny_model

from simulator.trace.trace_manifest import manifest_hash

ROOT = Path(__file__).resolve().parents[2]
CHIPS = ("loihi-like", "sdllm-asic-45nm", "truenorth-like", "dense-int8-45nm", "odin-like")
ERT = {
    "ERT": {
        "version": 0.4,
        "tables": [
            {
                "name": "chip.synapse",
                "actions": [{"name": "synop", "arguments": {"x": 1}, "energy": 1.5}, {"name": "idle", "energy": 0}],
            },
            {"name": "chip.sram", "actions": [{"name": "read", "energy": 12.5}, {"name": "write", "energy": 1}]},
        ],
    }
}
OPTION_WORDS = (
    "-1",
    "0",
    "1",
    "2",
    "1000000000",
    "9" * 400,
    "nan",
    "1e400",
    "",
    "\x1b[2J",
    "a" * 5000,
    "../x",
    "é",
    "[/red]",
    "ternary",
)
Surface = Callable[[Random, "Seeds", Path], list[str]]


@dataclass(frozen=True)
class Seeds:
    """Good inputs, which no surface changes."""

    folder: Path
    chips: dict[str, Any]
    sweep: dict[str, Any]

    @property
    def trace(self) -> Path:
        """A trace of two layers."""
        return self.folder / "tiny.npz"

    @property
    def perplexity(self) -> list[str]:
        """A pass of the tiny model."""
        model, text = self.folder / "model", self.folder / "text.txt"
        return ["perplexity", "--model", str(model), "--text", str(text), "--tokens", "6"]


def make_seeds(folder: Path) -> Seeds:
    """Write one good input of each kind."""
    assert run_program("synthesize", "--sizes", "6,5,4", "--tokens", 2, "--out", folder / "tiny.npz").code == 0
    write_tiny_model(folder / "model")
    write_gguf(folder / "m.gguf", TINY, tiny_tensors(TINY))
    saved = ("optimize", "--trace", folder / "tiny.npz", "--no-check", "--quiet", "--save", folder / "m.yaml")
    assert run_program(*saved).code == 0
    (folder / "text.txt").write_text("hello world\n<|endoftext|>\nanother one\n", encoding="utf-8")
    _write_nir(folder)
    quiet = ("--trace", folder / "tiny.npz", "--no-dense-twin", "--quiet")
    assert run_program("simulate", *quiet, "--out", folder / "report").code == 0
    sweep = {
        "name": "s",
        "summary": "two points",
        "base": "loihi-like",
        "trace": str(folder / "tiny.npz"),
        "axes": {"core.synapse.lanes": [2, 4], "noc.multicast": [True], "chip.static_fixed": [True]},
        "objectives": ["energy.per_token_pj", "latency.per_token_ps"],
        "constraints": ["latency.per_token_ps <= 1 s"],
        "mode": "grid",
    }
    (folder / "s.yaml").write_text(json.dumps(sweep), encoding="utf-8")
    assert run_program("sweep", folder / "s.yaml", "--quiet", "--out", folder / "sweep").code == 0
    chips = {name: yaml.safe_load((ROOT / f"chip_configs/{name}.yaml").read_text("utf-8")) for name in CHIPS}
    return Seeds(folder, chips, sweep)


def _write_nir(folder: Path) -> None:
    """A graph of one layer and its spikes, where NIR is installed."""
    if importlib.util.find_spec("nir") is None:
        return
    import nir

    ones = np.ones(3)
    nodes = {
        "input": nir.Input({"input": np.array([4])}),
        "fc": nir.Linear(np.ones((3, 4))),
        "lif": nir.LIF(tau=ones, r=ones, v_leak=0 * ones, v_threshold=ones),
        "output": nir.Output({"output": np.array([3])}),
    }
    nir.write(folder / "net.nir", nir.NIRGraph(nodes, list(pairwise(nodes))))
    np.savez(folder / "spikes.npz", input=np.ones((5, 4), np.int8))


def _mutate_yaml(rng: Random, source: Path, path: Path) -> None:
    """Write a shipped YAML file to ``path``, its bytes changed or, mostly, its values."""
    if rng.random() < 0.25:
        path.write_bytes(mutated_bytes(rng, source.read_bytes()))
    else:
        _dump(path, mutated_tree(rng, yaml.safe_load(source.read_text("utf-8"))))


def _dump(path: Path, tree: Any) -> Path:
    """As JSON, which is YAML."""
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def _simulate(chip: str | Path, trace: Path) -> list[str]:
    return ["simulate", "--chip", str(chip), "--trace", str(trace), "--no-dense-twin", "--quiet", "--out", "out"]


def chip(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A few keys on top of a shipped chip, or the text of one."""
    name = rng.choice(CHIPS)
    if rng.random() < 0.1:
        path = work / "c.yaml"
        path.write_bytes(mutated_bytes(rng, (ROOT / f"chip_configs/{name}.yaml").read_bytes()))
        return ["validate", str(path)]
    tree = seeds.chips[name]
    part: dict[str, Any] = {"extends": name, "name": "fuzz"}
    for _ in range(rng.randint(1, 3)):
        _copy_path(tree, part, rng.choice(paths_of(tree)))
    made = _dump(work / "c.yaml", mutated_tree(rng, part, lambda path: path[0] != "extends" or rng.random() < 0.05))
    commands = (_simulate(made, seeds.trace), ["validate", str(made)], ["export-ert", "--chip", str(made)])
    return rng.choices(commands, (2, 3, 1))[0]


def _copy_path(tree: Any, into: dict[str, Any], path: tuple[Any, ...]) -> None:
    """Copy what ``tree`` holds at ``path``, up to the first list on it, into the same place of another tree."""
    for key in path[:-1]:
        if not isinstance(tree[key], dict):
            break
        tree, into = tree[key], into.setdefault(key, {})
        if not isinstance(into, dict):
            return
    else:
        key = path[-1]
    into[key] = copy.deepcopy(tree[key])


def override(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """``--set`` of any path to any value."""
    name = rng.choice(CHIPS)
    sets = []
    for _ in range(rng.randint(1, 2)):
        path = [str(part) for part in rng.choice(paths_of(seeds.chips[name]))]
        value = rng.choice(NASTY)
        text = json.dumps(value) if rng.random() < 0.7 else str(value).replace("\0", "")
        sets += ["--set", f"{'.'.join(path)}={text}"]
    return [*_simulate(name, seeds.trace), *sets]


def trace(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A trace whose bytes are damaged, or whose manifest or arrays were changed and signed again."""
    path = work / "t.npz"
    if rng.random() < 0.3:
        path.write_bytes(mutated_bytes(rng, seeds.trace.read_bytes()))
    else:
        _resign(rng, seeds.trace, path)
    return rng.choices(
        [_simulate(rng.choice(CHIPS), path), ["validate", str(path)], ["fit", "--trace", str(path)]], (4, 2, 1)
    )[0]


def _resign(rng: Random, source: Path, path: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    if rng.random() < 0.3:
        name = rng.choice(list(members))
        members[name] = mutated_bytes(rng, members[name]) if rng.random() < 0.3 else _other_array(rng, members[name])
    else:
        manifest = mutated_tree(rng, manifest, lambda path: path[0] not in ("content_hash", "format"))
    if isinstance(manifest, dict):
        of = manifest.get("members")
        for name, data in members.items():
            if isinstance(of, dict) and isinstance(of.get(name), dict) and rng.random() < 0.97:
                of[name]["sha256"] = hashlib.sha256(data).hexdigest()
        try:
            manifest["content_hash"] = manifest_hash(manifest)
        except (ValueError, TypeError):
            manifest["content_hash"] = "0" * 64
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(
            "manifest.json", json.dumps(manifest, ensure_ascii=rng.random() < 0.8).encode("utf-8", "replace")
        )


def _other_array(rng: Random, data: bytes) -> bytes:
    array = np.load(io.BytesIO(data))
    low, high = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
    for _ in range(rng.randint(1, 3)):
        array.flat[rng.randrange(array.size)] = rng.choice((low, high, 0, 1, -1 if low else 1, 7, 100))
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def sweep(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A sweep file in any mode; few of them are run."""
    tree = copy.deepcopy(seeds.sweep)
    tree["mode"] = rng.choice(("grid", "zip", "random", "latin", "sobol", "optuna"))
    if tree["mode"] not in ("grid", "zip"):
        tree |= {"samples": 2, "seed": 1}
    if rng.random() < 0.3:
        tree["axes"]["vector.mac.latency"] = {"low": "1 ns", "high": "2 ns", "scale": "log"}
    path = _dump(work / "w.yaml", mutated_tree(rng, tree))
    if rng.random() < 0.15:
        path.write_bytes(mutated_bytes(rng, (seeds.folder / "s.yaml").read_bytes()))
    return ["sweep", str(path), "--quiet", "--out", "out"] if rng.random() < 0.15 else ["validate", str(path)]


def preset(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A preset of a spike encoder."""
    source = rng.choice(sorted((ROOT / "simulator/model/presets").glob("*.yaml")))
    path = work / "p.yaml"
    _mutate_yaml(rng, source, path)
    if rng.random() < 0.2:
        return [
            "perplexity",
            "--model",
            str(seeds.folder / "model"),
            "--text",
            str(seeds.folder / "text.txt"),
            "--preset",
            str(path),
        ]
    return ["validate", str(path)]


def energy_table(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """An energy reference table of Accelergy."""
    path = _dump(work / "e.yaml", mutated_tree(rng, ERT))
    if rng.random() < 0.2:
        path.write_bytes(mutated_bytes(rng, yaml.safe_dump(ERT).encode()))
    return ["import-ert", str(path), "--base", rng.choice((*CHIPS, "nothing"))]


def model(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A model folder or GGUF file of which one file is damaged, or a text."""
    text, folder = seeds.folder / "text.txt", work / "model"
    kind = rng.choice(("config.json", "config.json", "tokenizer.json", "model.safetensors", "gguf", "text", "index"))
    target = folder
    if kind == "gguf":
        target = work / "m.gguf"
        target.write_bytes(mutated_bytes(rng, (seeds.folder / "m.gguf").read_bytes()))
    elif kind == "text":
        target = seeds.folder / "model"
        text = work / "x.txt"
        text.write_bytes(mutated_bytes(rng, (seeds.folder / "text.txt").read_bytes()))
    else:
        shutil.copytree(seeds.folder / "model", folder)
        _damage_model(rng, folder, kind)
    command = rng.choice((["perplexity"], ["capture", "--out", "out.npz", "--quiet"]))
    return [*command, "--model", str(target), "--text", str(text), "--tokens", "6"]


def _damage_model(rng: Random, folder: Path, kind: str) -> None:
    if kind == "index":
        tensors = tiny_tensors(TINY)
        index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(tensors, "model.safetensors")}
        _dump(folder / "model.safetensors.index.json", mutated_tree(rng, index))
    elif kind == "model.safetensors" or rng.random() < 0.25:
        (folder / kind).write_bytes(mutated_bytes(rng, (folder / kind).read_bytes()))
    else:
        _dump(folder / kind, mutated_tree(rng, json.loads((folder / kind).read_text("utf-8"))))


def nir_graph(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A damaged NIR graph, or damaged spikes of one."""
    pytest.importorskip("nir", reason="needs the extra nir")
    graph, spikes = work / "net.nir", work / "spikes.npz"
    damaged = graph if rng.random() < 0.5 else spikes
    for path in (graph, spikes):
        data = (seeds.folder / path.name).read_bytes()
        path.write_bytes(mutated_bytes(rng, data) if path == damaged else data)
    return ["import-nir", str(graph), "--spikes", str(spikes), "--out", "out.npz"]


def claim(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """The claim of a paper; few of them replayed on a chip."""
    source = rng.choice(sorted((ROOT / "simulator/energy/paper_claims").glob("*.yaml")))
    path = work / "claim.yaml"
    _mutate_yaml(rng, source, path)
    return rng.choice((["defend", str(path), "--counts-only"], ["validate", str(path)]))


def mapping(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A mapping file of the mapper."""
    source, path = seeds.folder / "m.yaml", work / "m.yaml"
    if rng.random() < 0.25:
        path.write_bytes(mutated_bytes(rng, source.read_bytes()))
    else:
        tree = yaml.safe_load(source.read_text("utf-8")) | {"home_cores": 2, "layer_cores": {"*": 1}, "ops": {"*": 1}}
        _dump(path, mutated_tree(rng, tree))
    return [*_simulate(rng.choice(CHIPS), seeds.trace), "--mapping", str(path)]


def finished(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """A damaged report, or a damaged point of a sweep."""
    if rng.random() < 0.35:
        shutil.copytree(seeds.folder / "sweep", work / "out")
        points = sorted((work / "out/points").glob("*/result.json"))
        _damage(rng, rng.choice([*points, work / "out/sweep.json"]))
        again = ["sweep", str(seeds.folder / "s.yaml"), "--quiet", "--out", "out"]
        return rng.choice((again, ["rerun", str(points[0].parent)]))
    shutil.copytree(seeds.folder / "report", work / "report")
    names = ("result.json", "components.csv", "stages.csv", "assumptions.csv", "chip.json", "manifest.json")
    _damage(rng, work / "report" / rng.choice([name for name in names if (work / "report" / name).exists()]))
    good = str(seeds.folder / "report")
    stored = str(Path("report", "result.json"))
    commands = (
        *(["explain", "report"], ["compare", good, "report", "--out", "c.html"], ["report", "report", good]),
        *(["band", "report"], ["check", stored, "--quiet"], ["check", stored, "--report", good, "--update"]),
        ["paper", "report", "--out", "out"],
    )
    return rng.choice((*commands, [*_simulate("loihi-like", seeds.trace)[:-1], "report"]))


def _damage(rng: Random, path: Path) -> None:
    if path.suffix == ".json" and rng.random() < 0.7:
        _dump(path, mutated_tree(rng, json.loads(path.read_text("utf-8"))))
    elif path.suffix == ".csv" and rng.random() < 0.7:
        rows = [line.split(",") for line in path.read_text("utf-8").splitlines()]
        rows = mutated_tree(rng, {"rows": rows}, lambda path: len(path) > 1)["rows"]
        lines = [",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows]
        path.write_text("\n".join(lines), "utf-8", "replace")
    else:
        path.write_bytes(mutated_bytes(rng, path.read_bytes()))


def options(rng: Random, seeds: Seeds, work: Path) -> list[str]:
    """Options of every command with values that fit them badly."""
    tiny = ["--trace", str(seeds.trace)]
    capture = ["capture", *seeds.perplexity[1:], "--out", "out.npz", "--quiet"]
    synthesize = ["synthesize", "poisson", "--out", "out.npz", "--sizes", "4,4"]
    commands = (
        (_simulate("loihi-like", seeds.trace), "encoding memory-limit chunk noc sync op-count schedule set"),
        (synthesize, "tokens timesteps mean-count seed encoding"),
        (["fit", *tiny], "chip set"),
        (["map", *tiny], "chip set"),
        (["sync", *tiny], "chip set"),
        (["breakeven", *tiny], "tokens dense set chip"),
        (["claims", "--model", "llama-2-7b"], "tokens batch spikes model"),
        (seeds.perplexity, "timesteps bos encoding kv-bits attention preset"),
        (capture, "timesteps decode encoding preset prefill attention"),
        (["explain", str(seeds.folder / "report")], "layer action top chip"),
        (["export-ert"], "chip set"),
        (["rerun", "--in", str(seeds.folder / "sweep"), "0"], "out"),
    )
    command, names = rng.choice(commands)
    chosen = rng.sample(names.split(), min(len(names.split()), rng.randint(1, 2)))
    for name in chosen:
        value = rng.choice(OPTION_WORDS if rng.random() < 0.7 else [str(word) for word in NASTY[:-1]])
        command = [*command, f"--{name}", value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")]
    return command


# Surface -> its share of the inputs.
SURFACES: dict[Surface, int] = {
    chip: 22,
    override: 12,
    trace: 16,
    sweep: 10,
    preset: 8,
    energy_table: 6,
    model: 12,
    nir_graph: 2,
    finished: 10,
    options: 6,
    claim: 4,
    mapping: 4,
}
