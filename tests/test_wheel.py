"""The built wheel: what is in it, and that it finds its files in an empty folder; built without a network."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = "simulator/data"
MODEL_FILES = {"config.json", "generation_config.json", "heldout_sample.txt", "model.safetensors", "prompt.txt"}
MODEL_FILES |= {"tokenizer.json", "tokenizer_config.json", "README.md"}


def built(kind: str, source: Path, out: Path) -> Path:
    """The only file that the build of ``source`` leaves in ``out``."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    return made


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip lays it out, without its libraries."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def below(folder: str, pattern: str) -> set[str]:
    return {str(path.relative_to(ROOT / folder)) for path in (ROOT / folder).rglob(pattern)}


def test_it_holds_the_program_and_everything_that_ships(wheel: Path) -> None:
    found = content(wheel)
    assert {name for name in found if name.endswith(".py")} == {
        f"{package}/{path}" for package in ("simulator", "spikewatt") for path in below(package, "*.py")
    }
    data = {name.removeprefix(f"{DATA}/") for name in found if name.startswith(DATA)}
    assert {name for name in data if name.startswith("chip_configs")} == {
        f"chip_configs/{path}" for kind in ("*.yaml", "*.json", "README.md") for path in below("chip_configs", kind)
    }
    traces = {f"traces/{path.name}" for path in (ROOT / "traces").glob("*.npz")}
    model = {f"traces/model/{name}" for name in MODEL_FILES}
    assert {name for name in data if name.startswith("traces")} == {"traces/README.md", *traces, *model}
    for kind in ("model/presets/*.yaml", "model/shapes/*.json", "report/templates/*"):
        assert {str(path.relative_to(ROOT)) for path in (ROOT / "simulator").glob(kind)} <= set(found)
    assert {name.partition("/")[0] for name in found} == {"simulator", "spikewatt"}
    assert "simulator/py.typed" in found


def test_its_files_are_those_of_the_folders(wheel: Path) -> None:
    found = content(wheel)
    for name in (
        "chip_configs/loihi-like.yaml",
        "traces/shakespeare-ternary-T15.npz",
        "traces/model/model.safetensors",
    ):
        assert found[f"{DATA}/{name}"] == (ROOT / name).read_bytes()


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(built("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert content(built("wheel", source, tmp_path / "again")) == content(wheel)


USE = """
import json, sys
import spikewatt as sw

model = sw.sample_model()
print(json.dumps({
    "from": sys.modules["simulator"].__file__,
    "chips": [name for name, _ in sw.list_chips()],
    "traces": [name for name, _ in sw.list_traces()],
    "sweeps": [name for name, _ in sw.list_sweeps()],
    "presets": [name for name, _ in sw.list_presets()],
    "shapes": sw.list_shapes(),
    "tokens": sw.load_trace("shakespeare-ternary-T15").n_tokens,
    "trace of a sweep": sw.load_sweep("sram-lanes").trace,
    "perplexity": sw.perplexity(model, "To be, or not to be", max_tokens=8).perplexity,
}))
"""


def in_an_empty_folder(unpacked: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in ``folder``, with the unpacked wheel before the checkout."""
    command = [sys.executable, *arguments]
    env = {"PYTHONPATH": str(unpacked), "PATH": "", "HOME": str(folder.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=240, check=False)


def test_it_finds_its_files_in_an_empty_folder(unpacked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    done = in_an_empty_folder(unpacked, folder, "-c", USE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["from"]).is_relative_to(unpacked)
    assert found["chips"] == sorted(path.stem for path in (ROOT / "chip_configs").glob("*.yaml"))
    assert found["traces"] == sorted(path.stem for path in (ROOT / "traces").glob("*.npz"))
    assert found["sweeps"] == sorted(path.stem for path in (ROOT / "chip_configs" / "sweeps").glob("*.yaml"))
    assert found["presets"] == sorted(path.stem for path in (ROOT / "simulator/model/presets").glob("*.yaml"))
    assert found["shapes"] == sorted(path.stem for path in (ROOT / "simulator/model/shapes").glob("*.json"))
    assert found["tokens"] == 64
    assert found["trace of a sweep"] == ["shakespeare-ternary-T15"]
    assert 1 < found["perplexity"] < 1e4
    assert list(folder.iterdir()) == []


def test_its_program_finds_them_too(unpacked: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    version = in_an_empty_folder(unpacked, folder, "-m", "spikewatt", "--version")
    assert version.stdout.startswith("spikewatt "), version.stderr
    fitted = in_an_empty_folder(unpacked, folder, "-m", "spikewatt", "fit", "--chip", "sdllm-asic-45nm")
    assert fitted.returncode == 0, fitted.stderr
    assert fitted.stdout.startswith("shakespeare-ternary-T15 on sdllm-asic-45nm")
