"""SmolLM2-135M-Instruct as published: its tokens, its perplexity as transformers has it, and a whole run on a chip.

``make real-model`` fetches the GGUF file (93 MB) into ``.cache/real-model``; without it these tests are skipped.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from program import run_program

from simulator.model.checkpoint import read_checkpoint
from simulator.model.llama_config import LlamaConfig, read_config
from simulator.model.perplexity import perplexity
from simulator.model.tokenizer import Tokenizer, tokenize

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / ".cache" / "real-model" / "SmolLM2-135M-Instruct.Q4_1.gguf"
GOLDEN = json.loads((ROOT / "tests" / "golden" / "real_perplexity.json").read_text(encoding="utf-8"))

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not MODEL.is_file(), reason="SmolLM2 is not cached; `make real-model` fetches it (93 MB)"),
]


@pytest.fixture(scope="module")
def config() -> LlamaConfig:
    return read_config(MODEL)


def test_the_config_is_the_published_one(config: LlamaConfig) -> None:
    """config.json of HuggingFaceTB/SmolLM2-135M-Instruct."""
    assert (config.num_hidden_layers, config.hidden_size, config.intermediate_size) == (30, 576, 1536)
    assert (config.num_attention_heads, config.num_key_value_heads, config.head_dim) == (9, 3, 64)
    assert (config.vocab_size, config.max_position_embeddings, config.rope_theta) == (49152, 8192, 1e5)
    assert (config.rms_norm_eps, config.tie_word_embeddings, config.bos_token_id) == (1e-5, True, 1)
    assert config.warnings == ()


# Token ids by the model's own tokenizer.json: single digits, runs of spaces, contractions, bytes, chat tokens.
TOKENS = {
    "1234567890 + 3.14159": [33, 34, 35, 36, 37, 38, 39, 40, 41, 32, 1232, 216, 35, 30, 33, 36, 33, 37, 41],
    "  multiple   spaces  and\ttabs\n": [216, 2701, 256, 5600, 216, 284, 197, 100, 7366, 198],
    "don't can't won't I'm you're": [12420, 982, 416, 982, 3763, 982, 339, 5248, 346, 2316],
    "😀🚀 emoji test 🎉": [10813, 242, 218, 10813, 244, 218, 649, 33777, 1028, 15107, 232, 227],
    "TypeScriptで実装したい": [4820, 22194, 7365, 117, 18310, 249, 179, 113, 223, 41414, 7365, 249, 41679],
    "<|im_start|>user\n<|im_end|>\n": [1, 4093, 198, 2, 198],
}


@pytest.mark.parametrize("text", TOKENS, ids=ascii)
def test_tokens_are_those_of_the_original_tokenizer(config: LlamaConfig, text: str) -> None:
    passage = Tokenizer(MODEL, config).passage(text, 100)
    assert passage.token_ids.tolist() == [1, *TOKENS[text]]
    assert Tokenizer(MODEL, config).text(passage.token_ids[1:]) == text


def test_the_perplexity_is_that_of_transformers(config: LlamaConfig) -> None:
    """The same tokens; within 0.1 %, in truth within 1e-5: transformers adds in float32."""
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == GOLDEN["model_sha256"]
    text = (ROOT / GOLDEN["text"]).read_text(encoding="utf-8")
    passages = tokenize(Tokenizer(MODEL, config), text, config.max_position_embeddings, GOLDEN["tokens"])
    ids = np.concatenate([passage.token_ids for passage in passages])
    assert hashlib.sha256(ids.tobytes()).hexdigest() == GOLDEN["token_ids_sha256"]
    found = perplexity(MODEL, text, None, GOLDEN["tokens"])
    assert found.n_tokens == GOLDEN["predicted"]
    assert found.perplexity == pytest.approx(GOLDEN["perplexity"], rel=1e-3)
    assert found.nats == pytest.approx(GOLDEN["nats"], rel=1e-5)


def test_weights_are_read_layer_by_layer() -> None:
    """The file is too large to be kept: each access reads its tensor anew."""
    checkpoint = read_checkpoint(MODEL)
    assert not checkpoint.kept
    first, second = (checkpoint.weights["blocks.7.q"] for _ in range(2))
    assert first is not second
    assert np.array_equal(first, second)


def test_capture_simulate_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_program("capture", "--model", MODEL, "--preset", "sdllm", "--tokens", 8, "--out", "real.npz", "--json")
    assert done.code == 0, done.err
    captured = json.loads(done.out)
    assert captured["tokens"] == 8
    assert captured["perplexity_spiking"] == pytest.approx(captured["perplexity_float"], rel=0.25)
    done = run_program("simulate", "--trace", "real.npz", "--no-dense-twin", "--out", "report")
    assert done.code == 0, done.err
    result = json.loads((tmp_path / "report" / "result.json").read_text(encoding="utf-8"))
    assert result["trace"]["tokens"] == 8
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
