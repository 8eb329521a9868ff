"""Every command but `simulate`: what it prints, its exit code, and what a fault leaves behind."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from program import Done, run_program
from tiny_model import TINY, tiny_tensors, write_tiny_model

import spikewatt
from simulator.mapping.placements import PLACEMENTS
from simulator.mapping.strategies import STRATEGIES
from simulator.trace.trace_files import load_trace

ROOT = Path(__file__).resolve().parents[2]
CHIPS = sorted(path.stem for path in (ROOT / "chip_configs").glob("*.yaml"))
FIXED = ("--set", "chip.static_fixed=true")  # a measured chip of another size
Refused = Callable[[Done], str]
Snapshot = Callable[[Path], dict[str, bytes | None]]


def test_chips_lists_each_with_its_summary() -> None:
    done = run_program("chips")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == CHIPS
    assert all(len(line.split()) > 3 for line in done.out.splitlines())


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("traces", "traces/*.npz"),
        ("presets", "simulator/model/presets/*.yaml"),
        ("sweeps", "chip_configs/sweeps/*.yaml"),
    ],
)
def test_what_ships_is_listed_with_what_it_is(command: str, folder: str) -> None:
    done = run_program(command)
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == sorted(path.stem for path in ROOT.glob(folder))
    assert all(len(line.split()) > 3 for line in done.out.splitlines())


def test_the_version_is_one_line() -> None:
    assert run_program("--version") == Done(0, f"spikewatt {spikewatt.__version__}\n", "")


@pytest.mark.parametrize("command", ["fit", "map", "sync", "breakeven", "simulate"])
def test_every_command_takes_a_shipped_trace_by_its_name(command: str, work: Path, refused: Refused) -> None:
    line = refused(run_program(command, "--trace", "shakespeare-ternary-T1"))
    assert line.startswith("shakespeare-ternary-T1: no such trace, expected a file or one of shakespeare-attention-T15")
    assert line.endswith("(did you mean 'shakespeare-ternary-T15'?)")
    assert list(work.iterdir()) == []


def test_a_shipped_trace_and_a_shipped_sweep_from_an_empty_folder(work: Path, refused: Refused) -> None:
    done = run_program("fit", "--trace", "shakespeare-attention-T15", "--chip", "sdllm-asic-45nm")
    assert (done.code, done.out.split()[0]) == (0, "shakespeare-attention-T15")
    line = refused(run_program("sweep", "sram-lane"))
    assert line.startswith("sram-lane: no such sweep, expected a file or one of chips-7b, encoders")
    assert line.endswith("(did you mean 'sram-lanes'?)")


def test_schema_is_the_shipped_file() -> None:
    assert run_program("schema") == Done(0, (ROOT / "chip_configs" / "schema.json").read_text("utf-8"), "")


def test_an_unknown_command_is_a_fault_of_use() -> None:
    done = run_program("simulat")
    assert (done.code, done.out) == (2, "")
    assert "No such command 'simulat'" in done.err


# ---------------------------------------------------------------- validate


def test_validate_says_what_each_good_file_is(trace_file: Path) -> None:
    chip, sweep = ROOT / "chip_configs" / "loihi-like.yaml", ROOT / "chip_configs" / "sweeps" / "sram-lanes.yaml"
    done = run_program("validate", chip, sweep, trace_file)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{chip}: ok, chip 'loihi-like'",
        f"{sweep}: ok, sweep 'sram-lanes' over core.sram.capacity, core.synapse.lanes",
        f"{trace_file}: ok, trace, {load_trace(trace_file)}",
    ]


def test_validate_names_every_problem_of_every_file_and_the_good_ones(work: Path, trace_file: Path) -> None:
    (work / "a.yaml").write_text("extends: loihi-like\nname: a\ncore:\n  sramm: 3\n  soma:\n    evry: x\n")
    (work / "b.npz").write_bytes(trace_file.read_bytes()[:500])
    done = run_program("validate", "a.yaml", trace_file, "b.npz", "c.yaml")
    assert done.code == 2
    assert done.out == f"{trace_file}: ok, trace, {load_trace(trace_file)}\n"
    first, second, third, fourth = done.err.splitlines()
    assert first.startswith("error: a.yaml:4:3: core.sramm: found an unknown key, expected one of sram, limits")
    assert first.endswith("(did you mean 'sram'?)")
    assert second.startswith("error: a.yaml:6:5: core.soma.evry: found an unknown key, expected one of every")
    assert third == "error: b.npz: truncated or damaged zip file, expected a trace (.npz)"
    assert fourth.startswith("error: c.yaml: ")


# ---------------------------------------------------------------- fit


def test_fit_shows_the_blocks_and_the_cores(trace_file: Path) -> None:
    done = run_program("fit", "--trace", trace_file)
    assert (done.code, done.err) == (0, "")
    # 3 homes and 2 layers of one core each, on a chip of 128 cores
    assert done.out.startswith("tiny on loihi-like: fits one chip: 5 of 128 cores (3.9%); fullest is ")
    assert [line.split()[0] for line in done.out.splitlines() if " home " in line] == [
        "layers.0.in",
        "layers.1.in",
        "head",
    ]
    assert any(line.split()[:3] == ["values", "memory", "2"] for line in done.out.splitlines())  # what a stage receives


def test_fit_refuses_what_simulate_refuses(trace_file: Path, refused: Refused) -> None:
    line = refused(run_program("fit", "--trace", trace_file, "--set", "core.sram.capacity=1 B", *FIXED))
    assert line.startswith("loihi-like: layer layers.0: one synapse needs 8 B of a core's SRAM, limit 1 B (7 B over)")


def test_map_compares_every_mapping(trace_file: Path) -> None:
    done = run_program("map", "--compare", "--simulate", "--json", "--trace", trace_file)
    rows = json.loads(done.out)
    assert (done.code, len(rows)) == (0, 2 * len(STRATEGIES) * len(PLACEMENTS))
    assert rows[0].keys() >= {"strategy", "placement", "shared", "cores", "flit_hops", "energy_pj", "time_ps"}
    least = min(rows, key=lambda row: row["energy_pj"])
    lines = run_program("map", "--compare", "--simulate", "--trace", trace_file).out.splitlines()
    [best] = [line for line in lines if line.startswith("least energy: ")]
    assert best.startswith(f"least energy: {least['strategy']}, {least['placement']}, ")
    [ask] = [line for line in lines if line.startswith("next: spikewatt simulate ")]
    assert f"mapping.strategy={least['strategy']} --set mapping.placement={least['placement']}" in ask
    own = run_program("map", "--trace", trace_file, "--set", "mapping.placement=min_hops")
    assert [line.split()[:4] for line in own.out.splitlines() if "min_hops" in line] == [
        ["by_output", "min_hops", "no", "5"]
    ]


def test_sync_shows_barriers_beside_handshakes(trace_file: Path, work: Path, plain_page: None) -> None:
    done = run_program("sync", "--json", "--trace", trace_file)
    barrier, handshake = json.loads(done.out)
    assert (barrier["sync"], barrier["markers"], handshake["sync"], handshake["barriers"]) == (
        "barrier",
        0,
        "handshake",
        0,
    )
    assert handshake["packets"] == barrier["packets"] + handshake["markers"]
    own = run_program("simulate", "--sync", "handshake", "--mapping", "chip", "--json", "--trace", trace_file)
    result = json.loads(own.out)
    assert (result["latency"]["sync"], result["counts"]["markers"]) == ("handshake", handshake["markers"])
    assert any(warning.startswith("sync handshake") for warning in result["warnings"])


# ---------------------------------------------------------------- synthesize


def test_synthesize_prints_the_content_hash_and_makes_the_folders(work: Path) -> None:
    done = run_program("synthesize", "full", "--sizes", "6,4", "--tokens", 3, "-T", 5, "--out", "a/b/full.npz")
    trace = load_trace(work / "a" / "b" / "full.npz")
    assert done == Done(0, f"a/b/full.npz: {trace.content_hash}\n", "")
    assert (trace.name, trace.n_tokens, trace.encoding.levels) == ("full", 3, 5)
    assert (trace.spike_counts("layers.0.in") == 5).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sizes", "a,b"), "sizes 'a,b', expected whole numbers with commas such as 64,32,16"),
        (("-T", "100000"), "timesteps 100000, expected 1 to 32767 for ternary"),
        (("--sizes", "0,4"), "s: stream layers.0.in: n 0, expected 1 to 2147483647"),
        (("--shape", "llama-2-7b", "--sizes", "4,3"), "--sizes cannot be used with --shape; remove one of them"),
        (("--context", "4"), "--context requires --shape; add it, or remove --context"),
        (("--out", "/proc/s.npz"), "/proc/s.npz: cannot be written in /proc: No such file or directory"),
        (("--out", "."), ".: is a directory, expected the path of a file; choose another path"),
    ],
)
def test_synthesize_refuses_in_one_line(
    options: tuple[str, ...], message: str, work: Path, refused: Refused, snapshot: Snapshot
) -> None:
    assert refused(run_program("synthesize", "--out", "new/s.npz", *options)) == message
    assert snapshot(work) == {}


def test_synthesize_draws_a_shape_like_a_captured_trace(inputs: Path, work: Path) -> None:
    options = ("--shape", inputs / "model" / "config.json", "--phase", "decode", "--context", 9, "--tokens", 2)
    done = run_program("synthesize", *options, "--out", "drawn.npz")
    trace = load_trace(work / "drawn.npz")
    assert done == Done(0, f"drawn.npz: {trace.content_hash}\n", "")
    assert (trace.name, trace.positions.tolist(), trace.encoding.levels) == ("drawn", [9, 10], 15)
    assert (trace.origin["shape"], trace.origin["like"]) == ("model", "shakespeare-ternary-T15")


# ---------------------------------------------------------------- capture and perplexity


@pytest.fixture
def of_model(inputs: Path) -> tuple[object, ...]:
    return ("--model", inputs / "model", "--text", inputs / "text.txt")


def test_capture_prints_speed_perplexities_and_activity(of_model: tuple[object, ...], work: Path) -> None:
    done = run_program("capture", *of_model, "-T", 7, "--out", "new/cap.npz")
    long = "1 of 2 passages are longer than --tokens or the context: 5 tokens are not used"
    assert (done.code, done.err) == (0, f"warning: {long}\n")
    trace = load_trace(work / "new" / "cap.npz")
    words = r"new/cap\.npz: (\d+) tokens at (\d+) tokens/s; perplexity (\S+) float, (\S+) spiking \(ternary, T=7\)"
    match = re.fullmatch(words, done.out.splitlines()[0])
    assert match is not None
    assert int(match[1]) == trace.n_tokens
    assert int(match[2]) > 0
    known = trace.origin["perplexity"]
    assert isinstance(known, dict)
    assert float(match[3]) == pytest.approx(known["float"], abs=1e-3)
    assert float(match[4]) == pytest.approx(known["spiking"], abs=1e-3)
    kinds = [line.split()[0] for line in done.out.splitlines() if "%" in line]
    assert kinds == ["q/k/v", "o", "gate/up", "down", "all"]
    assert done.out.splitlines()[-1] == "next: spikewatt simulate --trace new/cap.npz"


def test_capture_as_json_and_what_perplexity_says_of_the_same(of_model: tuple[object, ...], work: Path) -> None:
    summary = json.loads(run_program("capture", *of_model, "-T", 7, "--out", "cap.npz", "--json").out)
    assert summary["trace"] == "cap.npz"
    assert [row["kind"] for row in summary["activity"]] == ["q/k/v", "o", "gate/up", "down", "all"]
    exact = json.loads(run_program("perplexity", *of_model, "--json").out)
    spiking = json.loads(run_program("perplexity", *of_model, "--encoding", "ternary", "-T", 7, "--json").out)
    assert (exact["mode"], spiking["mode"]) == ("float", "ternary, T=7")
    assert exact["perplexity"] == summary["perplexity_float"]
    assert spiking["perplexity"] == summary["perplexity_spiking"]


def test_capture_of_a_prompt_and_what_follows_it(of_model: tuple[object, ...], work: Path) -> None:
    """The prompt is BOS and 11 letters; five tokens are generated, attention is spiking."""
    (work / "prompt.txt").write_text("the cat sat")
    model = of_model[:2]
    options = ("--prefill", "prompt.txt", "--decode", 5, "--attention", "spiking", "-T", 7)
    done = run_program("capture", *model, *options, "--out", "cap.npz")
    assert (done.code, done.err) == (0, "")
    trace = load_trace(work / "cap.npz")
    assert (trace.n_tokens, trace.phases.tolist()) == (17, [0] * 12 + [1] * 5)
    assert done.out.splitlines()[1].startswith("generated 5 tokens: '")
    kinds = [line.split()[0] for line in done.out.splitlines() if "%" in line]
    assert kinds == ["q/k/v", "qk", "pv", "o", "gate/up", "down", "all"]
    again = json.loads(run_program("capture", *model, *options, "--out", "again.npz", "--json").out)
    assert repr(again["generated"]) in done.out
    drawn = run_program("capture", *model, *options, "--temperature", 1.5, "--seed", 3, "--out", "drawn.npz", "--json")
    assert json.loads(drawn.out)["generated"] != again["generated"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--prefill", "prompt.txt"), "found one of --prefill and --decode, expected both or neither"),
        (("--decode", 2), "found one of --prefill and --decode, expected both or neither"),
        (("--seed", 2), "--seed requires --decode; add it, or remove --seed"),
        (
            ("--prefill", "prompt.txt", "--decode", 2, "--text", "x"),
            "--text cannot be used with --prefill; remove one of them",
        ),
        (("--kv-bits", 5), "kv_bits 5, expected 4, 8 or 16"),
        (
            ("--attention", "spiking", "--kv-bits", 4),
            "attention: counts up to 15, a KV cache of 4 bits holds",
        ),
        (("--prefill", "long.txt", "--decode", 2), "a prompt of 101 tokens and 2 to generate need a context of 103"),
    ],
)
def test_captures_that_cannot_be(
    inputs: Path, work: Path, refused: Callable[[Done], str], options: tuple[object, ...], message: str
) -> None:
    (work / "prompt.txt").write_text("the cat sat")
    (work / "long.txt").write_text("a" * 100)
    line = refused(run_program("capture", "--model", inputs / "model", *options, "--out", "cap.npz"))
    assert line.startswith(message)
    assert not (work / "cap.npz").exists()


def test_perplexity_is_one_line_and_how_it_was_measured(of_model: tuple[object, ...], inputs: Path) -> None:
    done = run_program("perplexity", *of_model, "--tokens", 10)
    line = r"perplexity \S+ \(float\), \S+ nats per token, \S+ bits per byte, 9 tokens predicted\n"
    line += r"cloze accuracy: the most likely token is the right one at \S+ %\n"
    sha256 = hashlib.sha256((inputs / "model" / "tokenizer.json").read_bytes()).hexdigest()
    line += rf"protocol passages: window 24, stride 24, BOS 1, token level; tokenizer sha256 {sha256[:16]}\n"
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(line, done.out)


def test_perplexity_compares_with_the_float_model(of_model: tuple[object, ...]) -> None:
    exact = json.loads(run_program("perplexity", *of_model, "--json").out)
    fine = json.loads(run_program("perplexity", *of_model, "--encoding", "ternary", "--compare", "--json").out)
    assert fine["float_perplexity"] == pytest.approx(exact["perplexity"], rel=1e-6)
    assert 0 < fine["kl_to_float_nats_per_token"] < 0.5
    assert 0.5 < fine["top1_agreement"] <= 1
    assert fine["float_top1_accuracy"] == exact["top1_accuracy"]
    assert fine["protocol"] == exact["protocol"]
    words = run_program("perplexity", *of_model, "--encoding", "ternary", "--compare").out.splitlines()[2]
    assert re.fullmatch(r"float \S+; KL divergence \S+ nats per token; the same most likely token at \S+ % .*", words)
    assert "--compare compares with the float model" in run_program("perplexity", *of_model, "--compare").err


def test_perplexity_says_what_the_context_left_out(inputs: Path, work: Path) -> None:
    """A text of 40 letters and BOS at a context of 24."""
    (work / "long.txt").write_text("a" * 40)
    model = ("--model", inputs / "model", "--text", "long.txt")
    assert run_program("perplexity", *model).err.startswith("warning: 17 tokens are not used")
    assert json.loads(run_program("perplexity", *model, "--json").out)["tokens_beyond_context"] == 17


def test_a_preset_by_name_and_by_file(of_model: tuple[object, ...], work: Path) -> None:
    done = run_program("capture", *of_model, "--preset", "sdllm", "-T", 3, "--out", "cap.npz", "--quiet")
    assert done.code == 0
    assert "channel scales come from the first 36 tokens of the text itself" in done.err  # the vocabulary is a toy
    assert "spiking (sdllm, T=3)" in done.out
    trace = load_trace(work / "cap.npz")
    assert (trace.encoding.code, trace.encoding.levels) == ("ternary", 3)
    assert {op.kind for op in trace.ops} >= {"hadamard", "encode"}
    preset = trace.origin["preset"]
    assert isinstance(preset, dict)
    assert (preset["name"], preset["rotation"]) == ("sdllm", "online")
    (work / "mine.yaml").write_text("name: mine\nsummary: clips a lot\ntimesteps: 3\nencoder: {clip: 1}\n")
    by_file = run_program("capture", *of_model, "--preset", "./mine.yaml", "--out", "mine.npz", "--quiet")
    assert re.search(
        r"warning: [\d,]+ activations \([\d.]+%\) exceeded the largest spike count and were clipped to it:"
        r" attn_in [\d,]+ \([\d.]+%\), ",
        by_file.err,
    )
    assert load_trace(work / "mine.npz").origin["clipped"]
    quality = json.loads(run_program("perplexity", *of_model, "--preset", "./mine.yaml", "--json").out)
    assert quality["mode"] == "mine, T=3"
    (clipped,) = [line for line in quality["warnings"] if "clipped" in line]
    assert f"warning: {clipped}" in by_file.err  # the same text, the same values


def test_a_preset_and_an_encoding_are_one_too_many(of_model: tuple[object, ...], refused: Refused) -> None:
    done = run_program("perplexity", *of_model, "--preset", "sdllm", "--encoding", "ternary")
    assert done.code == 2
    assert "found --preset and --encoding, expected one of them" in done.err
    line = refused(run_program("perplexity", *of_model, "--preset", "sdlm"))
    assert line.startswith("unknown preset 'sdlm', expected one of bf16, fp16, int4, int4-group, int8, sdllm")


def test_calibrate_writes_a_preset_that_validates(of_model: tuple[object, ...], work: Path) -> None:
    options = (*of_model, "--preset", "sdllm", "-T", 3, "--tokens", 6)
    done = run_program("calibrate", *options, "--target", 100, "--out", "mine.yaml")
    assert done.code == 0, done.err
    assert re.match(r"mine\.yaml: perplexity \S+, \S+ % against INT8; \S+ spikes per activation, sdllm has ", done.out)
    assert run_program("validate", "mine.yaml").out == "mine.yaml: ok, preset 'mine' (ternary, T=3)\n"


def test_a_captured_trace_can_be_simulated(of_model: tuple[object, ...], work: Path, plain_page: None) -> None:
    assert run_program("capture", *of_model, "-T", 3, "--tokens", 4, "--out", "cap.npz").code == 0
    done = run_program("simulate", "--trace", "cap.npz", "--no-dense-twin", "--json")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert result["trace"]["name"] == "cap"
    assert result["energy"]["total_pj"] > 0


MISSING = {
    "config.json": "model/config.json: no such file; expected a Hugging Face folder, a GGUF file, or a hub id in the"
    " local cache",
    "model.safetensors": "model/model.safetensors: no such file, nor model.safetensors.index.json; the folder holds no"
    " weights",
    "tokenizer.json": "model/tokenizer.json: no such file; expected the tokenizer",
}


@pytest.mark.parametrize("file", MISSING)
@pytest.mark.parametrize("command", [("capture", "--out", "new/cap.npz"), ("perplexity",)])
def test_a_model_without_a_file_is_refused(
    file: str, command: tuple[str, ...], inputs: Path, work: Path, refused: Refused, snapshot: Snapshot
) -> None:
    shutil.copytree(inputs / "model", work / "model")
    (work / "model" / file).unlink()
    before = snapshot(work)
    assert refused(run_program(*command, "--model", "model", "--text", inputs / "text.txt")) == MISSING[file]
    assert snapshot(work) == before


def test_a_model_without_a_tensor_is_refused(inputs: Path, work: Path, refused: Refused, snapshot: Snapshot) -> None:
    tensors = tiny_tensors(TINY)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    write_tiny_model(work / "model", tensors)
    before = snapshot(work)
    done = run_program("capture", "--model", "model", "--text", inputs / "text.txt", "--out", "cap.npz")
    expected = "tensor model.layers.1.mlp.up_proj.weight: missing, expected shape [20, 12]"
    assert refused(done) == f"model/model.safetensors: {expected}"
    assert snapshot(work) == before


def test_a_text_that_cannot_be_read_is_refused(inputs: Path, work: Path, refused: Refused) -> None:
    (work / "latin.txt").write_bytes(b"tea\ncaf\xe9")
    (work / "wide.txt").write_bytes("tea".encode("utf-16-le"))  # without a mark: NULs between the letters
    for place, reason in (
        ("none.txt", "No such file or directory"),
        ("latin.txt:2:4", "byte 0xe9 is not UTF-8 (byte offset 7)"),
        ("wide.txt:1:2", "a NUL character is not text; save the file as UTF-8 (byte offset 1)"),
    ):
        name = place.split(":")[0]
        done = run_program("capture", "--model", inputs / "model", "--text", name, "--out", "cap.npz")
        assert refused(done) == f"{place}: cannot read the text: {reason}"


def test_a_byte_order_mark_is_no_text(inputs: Path, work: Path) -> None:
    (work / "plain.txt").write_bytes(b"the cat\r\n")
    plain = run_program("perplexity", "--model", inputs / "model", "--text", "plain.txt", "--json").out
    for codec in ("utf-8-sig", "utf-16", "utf-32"):  # each writes its mark
        (work / "marked.txt").write_bytes("the cat\r\n".encode(codec))
        assert run_program("perplexity", "--model", inputs / "model", "--text", "marked.txt", "--json").out == plain
    model = work / "marked-model"
    shutil.copytree(inputs / "model", model)
    for name in ("config.json", "tokenizer.json"):
        (model / name).write_bytes(b"\xef\xbb\xbf" + (model / name).read_bytes())
    assert run_program("perplexity", "--model", model, "--text", "plain.txt", "--json").out == plain


def test_a_capture_that_cannot_be_kept_is_refused_before_the_model_is_read(work: Path, refused: Refused) -> None:
    for out, reason in (
        ("/proc/x/cap.npz", "cannot be written in /proc: No such file or directory"),
        (".", "is a directory, expected the path of a file; choose another path"),
    ):
        assert refused(run_program("capture", "--model", "nosuch", "--out", out)) == f"{out}: {reason}"


# ---------------------------------------------------------------- report


@pytest.fixture
def two_reports(trace_file: Path, work: Path, plain_page: None) -> None:
    for chip in ("loihi-like", "sdllm-asic-45nm"):
        done = run_program("simulate", "--chip", chip, "--trace", trace_file, "--no-dense-twin", "--quiet")
        assert done.code == 0


def test_report_compares_all_reports_of_this_directory(two_reports: None, work: Path) -> None:
    half = work / "reports" / "loihi-like" / ".tiny.0123.tmp"  # on its way in another process
    half.mkdir()
    (half / "result.json").write_text("{")
    done = run_program("report")
    assert (done.code, done.err) == (0, "")
    rows = [line.split()[:2] for line in done.out.splitlines() if " tiny " in line]
    assert rows == [["loihi-like", "tiny"], ["sdllm-asic-45nm", "tiny"]]


def test_report_as_json_has_null_where_there_is_no_twin(two_reports: None, work: Path) -> None:
    def refuse(word: str) -> object:
        raise AssertionError(f"{word} is not JSON")

    rows = json.loads(run_program("report", "--json", "reports/loihi-like/tiny").out, parse_constant=refuse)
    result = json.loads((work / "reports" / "loihi-like" / "tiny" / "result.json").read_text())
    assert [row["over_dense"] for row in rows] == [None]
    assert rows[0]["energy_per_token_pj"] == result["energy"]["per_token_pj"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "r: found no report in this folder, expected one that `spikewatt simulate` wrote"),
        ("[]", "r/result.json: found schema None, expected ('spikewatt/result', 2)"),
        ('{"schema": "x"}', "r/result.json: found schema ('x', None), expected ('spikewatt/result', 2)"),
        (
            '{"schema": "spikewatt/result", "schema_version": 1}',
            "r/result.json: damaged: chip.name: found None, expected text",
        ),
    ],
)
def test_report_refuses_what_is_no_report(content: str | None, message: str, work: Path, refused: Refused) -> None:
    (work / "r").mkdir()
    if content is not None:
        (work / "r" / "result.json").write_text(content)
    assert refused(run_program("report", "r")) == message


def test_report_says_how_to_get_one(work: Path, refused: Refused) -> None:
    assert refused(run_program("report")) == "reports: holds no report, expected one; `spikewatt simulate` writes it"


def test_calibrate_without_a_target_writes_the_scales_of_the_text(
    of_model: tuple[object, ...], work: Path, refused: Refused
) -> None:
    done = run_program("calibrate", *of_model, "-T", 7, "--tokens", 40, "--out", "mine.yaml")
    assert done.code == 0, done.err
    assert re.match(r"mine\.yaml, mine\.npz: perplexity \S+ on \d+ held-out tokens, sdllm \S+, float ", done.out)
    assert run_program("validate", "mine.yaml").out == "mine.yaml: ok, preset 'mine' (ternary, T=7)\n"
    assert run_program("perplexity", *of_model, "--tokens", 20, "--preset", "mine.yaml").code == 0
    Path("mine.npz").unlink()
    line = refused(run_program("perplexity", *of_model, "--tokens", 20, "--preset", "mine.yaml"))
    assert "mine.npz: cannot read the moments of a calibration" in line


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("simulate", "loihi-like"), "did you mean --chip loihi-like?"),
        (("fit", "shakespeare-ternary-T15"), "did you mean --trace shakespeare-ternary-T15?"),
        (("fit", "mine.npz"), "did you mean --trace mine.npz?"),
        (("simulate", "--set", "noc.cycle", "2ns"), "path=value without spaces after --set"),
    ],
)
def test_a_name_without_its_option_gets_a_hint(arguments: tuple[str, ...], hint: str) -> None:
    done = run_program(*arguments)
    assert done.code == 2
    assert hint in " ".join(done.err.replace("│", " ").split())
