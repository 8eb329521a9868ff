"""What every command of a model says it assumed, and the options that take the place of an assumption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from families import write_family
from program import run_program
from tiny_gguf import write_gguf
from tiny_model import TINY, tiny_tensors, write_tiny_model

ASSUMED = "warning: config.json: no rope_theta, assumed 10000.0"
QWEN2 = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "bos_token_id": None}
COMMANDS = {
    "perplexity": ("perplexity", "-T", 3, "--encoding", "ternary"),
    "float perplexity": ("perplexity",),
    "capture": ("capture", "-T", 3, "--out", "cap.npz"),
    "calibrate": ("calibrate", "-T", 3, "--tokens", 6, "--target", 100, "--out", "mine.yaml"),
}


@pytest.fixture
def text(work: Path) -> Path:
    path = work / "text.txt"
    path.write_text("a cab and a bed.")
    return path


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_command_says_what_it_assumed(command: tuple[object, ...], work: Path, text: Path) -> None:
    write_tiny_model(work / "m", rope_theta=None)
    done = run_program(*command, "--model", "m", "--text", text)
    said = [*done.out.splitlines(), *done.err.splitlines()]
    assert (done.code, said.count(ASSUMED)) == (0, 1), said


def test_a_sweep_says_what_its_captures_assumed(work: Path, text: Path) -> None:
    write_tiny_model(work / "m", rope_theta=None, auto_map={"a": "b"})
    capture = "{model: m, text: text.txt, bos: none, ignore_config_keys: [auto_map]}"
    axes = "{encoding.timesteps: [3, 4]}"
    objectives = "[energy.per_token_pj]"
    Path("s.yaml").write_text(
        f"name: s\nsummary: s\nbase: loihi-like\ncapture: {capture}\naxes: {axes}\nobjectives: {objectives}\n"
    )
    for _ in range(2):  # captured, then taken up
        done = run_program("sweep", "s.yaml", "--out", "out")
        assert (done.code, done.out.splitlines().count(ASSUMED)) == (0, 1), done.err
    assert "warning: config.json: auto_map: {'a': 'b'} was ignored (--ignore-config-keys)" in done.out


def test_a_sweep_captures_a_hub_id(work: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(work / "hub"))
    sweep = Path("s.yaml")
    sweep.write_text(
        "name: s\nsummary: s\nbase: loihi-like\ncapture: {model: owner/name, text: text.txt}\n"
        "axes: {encoding.timesteps: [3]}\nobjectives: [energy.per_token_pj]\n"
    )
    done = run_program("sweep", sweep, "--out", "out")
    assert (done.code, "found 'owner/name', expected a model; there is no folder or file owner/name" in done.err) == (
        2,
        True,
    )
    write_tiny_model(work / "hub" / "models--owner--name" / "snapshots" / "abc")
    assert run_program("sweep", sweep, "--out", "out").code == 0


@pytest.mark.parametrize("name", ["qwen3", "qwen2", "llama-yarn", "mistral", "llama-other-head"])
def test_a_family_from_its_files_to_a_report(name: str, work: Path, text: Path, plain_page: None) -> None:
    """Rotated, with spiking attention, on a chip: each op that a family has is placed and priced."""
    write_family(work / "m", name)
    options = ("--model", "m", "--text", text, "--preset", "sdllm", "-T", 3, "--attention", "spiking")
    done = run_program("capture", *options, "--out", "cap.npz")
    assert done.code == 0, done.err
    done = run_program("simulate", "--trace", "cap.npz", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["energy"]["total_pj"] > 0


def json_of(*args: object) -> dict[str, object]:
    done = run_program("perplexity", *args, "--json")
    assert done.code == 0, done.err
    found: dict[str, object] = json.loads(done.out)
    return found


def test_the_token_in_front_of_a_text(work: Path, text: Path) -> None:
    write_tiny_model(work / "m", **QWEN2)
    write_tiny_model(work / "with", **QWEN2 | {"bos_token_id": 1})
    options = ("--text", text, "--model")
    plain, none, one = (json_of(*options, "m", *bos) for bos in ((), ("--bos", "none"), ("--bos", 1)))
    assert plain["perplexity"] == none["perplexity"] != one["perplexity"]
    assert (len(plain["warnings"]), none["warnings"], one["warnings"]) == (1, [], [])
    assert one == json_of(*options, "with")
    assert json_of(*options, "with", "--bos", "none")["perplexity"] == none["perplexity"]


def test_keys_that_a_publisher_added(work: Path, text: Path, refused: Callable[..., str]) -> None:
    write_tiny_model(work / "m", auto_map={"a": "b"}, note=1)
    options = ("--text", text, "--model", "m")
    done = run_program("perplexity", *options)
    assert (done.code, done.err.count("--ignore-config-keys")) == (2, 2)
    for keys in (
        ("--ignore-config-keys", "auto_map,note"),
        ("--ignore-config-keys", "auto_map", "--ignore-config-keys", "note"),
    ):
        assert len(json_of(*options, *keys)["warnings"]) == 2
    line = refused(run_program("perplexity", *options, "--ignore-config-keys", "auto_map,note,hidden_act"))
    assert line == "m/config.json: hidden_act: decides the forward pass, and cannot be ignored"


def test_a_capture_of_ignored_keys_can_be_verified(work: Path, text: Path, plain_page: None) -> None:
    write_tiny_model(work / "m", note=1)
    options = ("--text", text, "--model", "m", "--ignore-config-keys", "note")
    assert run_program("capture", *options, "-T", 3, "--out", "cap.npz").code == 0
    done = run_program("simulate", "--trace", "cap.npz", "--verify", "m", "--no-dense-twin", "--json")
    assert done.code == 0, done.err


def test_a_gguf_file_through_every_command(work: Path, text: Path, plain_page: None) -> None:
    path = write_gguf(work / "tiny.gguf", TINY, tiny_tensors(TINY))
    for command in COMMANDS.values():
        done = run_program(*command, "--model", path, "--text", text)
        assert done.code == 0, done.err
    done = run_program("simulate", "--trace", "cap.npz", "--verify", path, "--no-dense-twin", "--json")
    assert done.code == 0, done.err
    assert run_program("synthesize", "--shape", path, "--like", "cap.npz", "--out", "s.npz").code == 0
