"""What a user names as a model is found, or named as what it is with the step that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_gguf import write_gguf
from tiny_model import TINY, tiny_tensors

from simulator.errors import ModelError
from simulator.hub_cache import hub_cache
from simulator.model.checkpoint import read_checkpoint
from simulator.model.llama_config import read_config
from simulator.model.model_location import locate_model
from simulator.model.tokenizer import Tokenizer

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 4400216536\n"


def refusal(model: Path | str) -> str:
    """The one line with which a model is refused."""
    with pytest.raises(ModelError) as error:
        Tokenizer(model, read_checkpoint(model).config)
    (line,) = str(error.value).splitlines()
    return line


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache, the only one that the environment names."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub"


def cached(cache: Path, model: Path, commits: tuple[str, ...] = ("abc",)) -> Path:
    """The cache with a model in it as ``hf download`` lays it out, its files links to blobs."""
    stored = cache / "models--owner--name"
    (stored / "refs").mkdir(parents=True)
    (stored / "refs" / "main").write_text(commits[0])
    for commit in commits:
        (stored / "snapshots" / commit).mkdir(parents=True)
    for path in model.iterdir():
        blob = stored / "blobs" / path.name
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes(path.read_bytes())
        (stored / "snapshots" / commits[0] / path.name).symlink_to(blob)
    return stored


def test_a_hub_id_is_found_in_the_local_cache(write_model, cache):
    cached(cache, write_model(), ("abc", "older"))
    assert locate_model("owner/name").name == "name"
    assert read_config("owner/name").hidden_size == TINY["hidden_size"]
    assert read_checkpoint(Path("owner/name")).weights["norm_final"].shape == (12,)


def test_a_folder_of_the_cache_is_its_snapshot(write_model, cache):
    assert locate_model(cached(cache, write_model())).path == cache / "models--owner--name" / "snapshots" / "abc"


def test_a_hub_id_that_is_not_cached_says_what_downloads_it(cache):
    assert refusal("owner/name") == (
        f"owner/name: no such folder, and the Hub cache {cache} does not hold it;"
        " download it with: hf download owner/name"
    )


def test_a_cached_id_without_its_snapshot_says_what_downloads_it(write_model, cache):
    stored = cached(cache, write_model())
    (stored / "refs" / "main").write_text("another")
    assert refusal("owner/name").endswith("0 snapshots of it, expected one; download it with: hf download owner/name")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(cache, monkeypatch, variables, expected):
    monkeypatch.delenv("HF_HOME")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert hub_cache() == Path(expected)


def test_a_folder_with_one_gguf_file_is_that_file(tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", TINY, tiny_tensors(TINY))
    (tmp_path / "config.json").write_text("{}")  # many repositories of GGUF files have one
    assert locate_model(tmp_path).path == path
    write_gguf(tmp_path / "other.gguf", TINY, tiny_tensors(TINY))
    assert refusal(tmp_path) == (f"{tmp_path}: holds 2 GGUF files, expected one; name the file: other.gguf, tiny.gguf")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.safetensors", "x", ("safetensors weights", "name the folder: ")),
        ("model-00001-of-00002.safetensors", "x", ("one shard of the weights", "model.safetensors.index.json")),
        ("config.json", "{}", ("one file of a model folder", "name the folder: ")),
        ("pytorch_model.bin", "x", ("PyTorch weights", "save_pretrained")),
        ("consolidated.00.pth", "x", ("PyTorch weights", "conversion script")),
        ("consolidated.safetensors", "x", ("Mistral's own layout", "model*.safetensors")),
        ("tokenizer.model", "x", ("a SentencePiece tokenizer",)),
        ("model.gguf", "ggml", ("its first bytes are not GGUF", "download it again")),
        ("model.gguf", POINTER, ("a Git LFS pointer", "git lfs pull")),
        ("notes.txt", "x", ("a file of another kind", "expected a Hugging Face folder, a GGUF file, or a hub id")),
    ],
)
def test_a_file_in_place_of_a_folder_is_named(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content)
    line = refusal(path)
    assert line.startswith(f"{path}: ")
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pytorch_model.bin", "pytorch_model.bin, PyTorch weights (load it with transformers"),
        ("consolidated.safetensors", "consolidated.safetensors, weights in Mistral's own layout"),
        ("adapter_model.safetensors", "a LoRA adapter without its base model (merge_and_unload()"),
        ("model-00001-of-00002.safetensors", "one shard of the weights (download model.safetensors.index.json"),
        ("weights.safetensors", "safetensors weights (rename the file to model.safetensors)"),
        ("tf_model.h5", "TensorFlow weights"),
        ("model.safetensors.incomplete", "an unfinished download"),
        ("readme.md", "the folder holds no weights"),
    ],
)
@pytest.mark.parametrize("with_config", [True, False])
def test_a_folder_of_other_weights_is_named(write_model, name, words, with_config):
    folder = write_model()
    (folder / "model.safetensors").rename(folder / name)
    if not with_config:
        (folder / "config.json").unlink()
    line = refusal(folder)
    assert words in line or (not with_config and name == "readme.md" and "config.json: no such file" in line)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_pointer_of_git_lfs_is_named(write_model, name):
    folder = write_model()
    (folder / name).write_text(POINTER)
    assert refusal(folder) == (
        f"{folder / name}: a Git LFS pointer, the file itself was not downloaded; run: git lfs pull"
    )


def test_a_pointer_in_place_of_a_shard_or_an_index_is_named(write_model):
    folder = write_model()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "s.safetensors"}}')
    (folder / "s.safetensors").write_text(POINTER)
    assert "s.safetensors: a Git LFS pointer" in refusal(folder)
    (folder / "model.safetensors.index.json").write_text(POINTER)
    assert "index.json: a Git LFS pointer" in refusal(folder)


def test_a_tokenizer_of_another_kind_is_named(write_model):
    folder = write_model()
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    assert refusal(folder).startswith(
        f"{folder / 'tokenizer.json'}: no such file; the folder holds tokenizer.model, a SentencePiece tokenizer (load"
    )


def test_a_path_that_is_not_there(tmp_path, cache):
    assert refusal(tmp_path / "none") == (
        f"{tmp_path / 'none'}: no such file or folder; expected a Hugging Face folder, a GGUF file, or a hub id in the"
        " local cache"
    )
