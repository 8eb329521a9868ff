"""Where a model lies: a Hugging Face folder, a GGUF file, or a hub id in the local Hub cache."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import ModelError
from simulator.hub_cache import hub_folder, is_hub_id
from simulator.model.gguf_file import MAGIC, PART
from simulator.text_files import LFS_POINTER

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = WEIGHTS_FILE + ".index.json"
EXPECTED = "expected a Hugging Face folder, a GGUF file, or a hub id in the local cache"
SHARD = re.compile(r"-\d{5}-of-\d{5}\.safetensors$")
# What a file of another kind is, by the end of its name, and what makes a folder of it that is read.
RESAVE = "load it with transformers, then call save_pretrained(FOLDER) of the model and of the tokenizer"
OTHER_KINDS = (
    ("consolidated.safetensors", "weights in Mistral's own layout", "download the repository's model*.safetensors"),
    ("adapter_model.safetensors", "a LoRA adapter without its base model", "merge_and_unload() it and save the result"),
    (".pth", "PyTorch weights in the layout of their authors", "convert them with transformers' conversion script"),
    (".bin", "PyTorch weights", RESAVE),
    (".pt", "PyTorch weights", RESAVE),
    (".ckpt", "PyTorch weights", RESAVE),
    (".h5", "TensorFlow weights", RESAVE),
    (".msgpack", "Flax weights", RESAVE),
    (".onnx", "an ONNX graph", "take the folder of the safetensors weights"),
    (".nemo", "a NeMo archive", "convert it to Hugging Face's layout"),
    ("tokenizer.model", "a SentencePiece tokenizer", RESAVE),
    (".tiktoken", "a tiktoken vocabulary", RESAVE),
    (".incomplete", "an unfinished download", "download it again"),
)


@dataclass(frozen=True)
class ModelLocation:
    """A model on this machine.

    Attributes
    ----------
    path
        The folder, or the GGUF file.
    name
        In results: that of the folder, of the file without its suffix, or the last part of the hub id.
    """

    path: Path
    name: str

    @property
    def is_gguf(self) -> bool:
        """Whether config, weights and tokenizer are those of one GGUF file."""
        return not self.path.is_dir()


def locate_model(model: Path | str) -> ModelLocation:
    """The model that a path or a hub id names; nothing is downloaded.

    Raises
    ------
    ModelError
        There is none; the line says what lies there instead, and what helps.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        stored = path.name.startswith("models--") and (path / "snapshots").is_dir()
        return _snapshot(path, path.name.removeprefix("models--").replace("--", "/", 1)) if stored else _folder(path)
    if path.is_file():
        return _file(path)
    if is_hub_id(str(model)) and (hub_folder(str(model)).is_dir() or not path.parent.is_dir()):
        return _cached(str(model))
    raise ModelError(f"{model}: no such file or folder; {EXPECTED}")


def _file(path: Path) -> ModelLocation:
    if _starts_with(path, MAGIC):
        return ModelLocation(path, path.stem)
    kind, fix = _kind_of(path)
    fix = fix or f"name the folder: {path.parent}"
    raise ModelError(f"{path}: {kind}; {EXPECTED} ({fix})")


def _folder(folder: Path, name: str = "") -> ModelLocation:
    """The folder itself, or the one GGUF file in it when it holds no safetensors weights."""
    found = sorted(p for p in folder.glob("*.gguf") if p.is_file())
    if not found or (folder / WEIGHTS_FILE).exists() or (folder / INDEX_FILE).exists():
        return ModelLocation(folder, name or folder.resolve().name)
    if len(found) > 1 and not all(PART.fullmatch(p.name) for p in found):  # the first of several parts says what helps
        names = ", ".join(p.name for p in found[:8])
        raise ModelError(f"{folder}: holds {len(found)} GGUF files, expected one; name the file: {names}")
    return _file(found[0])


def _cached(hub_id: str) -> ModelLocation:
    """A hub id in the local cache."""
    stored = hub_folder(hub_id)
    if stored.is_dir():
        return _snapshot(stored, hub_id)
    raise ModelError(
        f"{hub_id}: no such folder, and the Hub cache {stored.parent} does not hold it;"
        f" download it with: hf download {hub_id}"
    )


def _snapshot(stored: Path, hub_id: str) -> ModelLocation:
    """The snapshot in a folder of the Hub cache, that of ``main`` where there are several."""
    main = stored / "refs" / "main"
    snapshots = sorted(p for p in (stored / "snapshots").glob("*") if p.is_dir())
    if main.is_file():
        commit = main.read_text(encoding="utf-8", errors="replace").strip()
        snapshots = [p for p in snapshots if p.name == commit]
    if len(snapshots) != 1:
        raise ModelError(
            f"{hub_id}: {stored} holds {len(snapshots)} snapshots of it, expected one;"
            f" download it with: hf download {hub_id}"
        )
    return _folder(snapshots[0], hub_id.split("/")[-1])


def missing_weights(folder: Path) -> ModelError:
    """The error for a folder without safetensors weights: what it holds instead."""
    found = "; ".join(_other_kinds(folder)) or "no weights"
    return ModelError(f"{folder / WEIGHTS_FILE}: no such file, nor {INDEX_FILE}; the folder holds {found}")


def missing_file(folder: Path, name: str, expected: str = EXPECTED) -> ModelError:
    """The error for a folder without one of its other files: what it holds instead, or what is expected."""
    found = "; ".join(_other_kinds(folder))
    return ModelError(f"{folder / name}: no such file; " + (f"the folder holds {found}" if found else expected))


def _other_kinds(folder: Path) -> Iterator[str]:
    """What the files of a folder are, one phrase for each kind of file that cannot be read."""
    try:
        paths = sorted(p for p in folder.iterdir() if p.is_file())
    except OSError:
        return
    seen = set()
    for path in paths:
        kind, fix = _kind_of(path)
        if kind not in seen and fix:
            seen.add(kind)
            yield f"{path.name}, {kind} ({fix})"


def _kind_of(path: Path) -> tuple[str, str]:
    """What a file is that is no model, and what helps; no help for files that belong to a model folder."""
    if is_lfs_pointer(path):
        return "a Git LFS pointer in place of the file", "run: git lfs pull"
    if path.suffix == ".gguf":
        return "not a GGUF file: its first bytes are not GGUF", "download it again"
    for end, kind, fix in OTHER_KINDS:
        if path.name.endswith(end):
            return kind, fix
    if SHARD.search(path.name):
        indexed = path.with_name(INDEX_FILE).exists()
        return "one shard of the weights", "" if indexed else f"download {INDEX_FILE}, which lists the shards"
    if path.suffix == ".safetensors":
        return "safetensors weights", "" if path.name == WEIGHTS_FILE else f"rename the file to {WEIGHTS_FILE}"
    return "one file of a model folder" if path.suffix == ".json" else "a file of another kind", ""


def is_lfs_pointer(path: Path) -> bool:
    """Whether git-lfs left a pointer in place of the file."""
    return _starts_with(path, LFS_POINTER)


def refuse_lfs_pointer(path: Path) -> None:
    """Raise ModelError when a file is a Git LFS pointer."""
    if is_lfs_pointer(path):
        raise ModelError(f"{path}: a Git LFS pointer, the file itself was not downloaded; run: git lfs pull")


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False
