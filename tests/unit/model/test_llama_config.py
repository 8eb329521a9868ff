"""config.json is read strictly: what would make another forward pass is refused by name and value."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from simulator.errors import ModelError
from simulator.model.llama_config import read_config
from simulator.model.rope import UNSCALED, inverse_frequencies, parse_rope


def test_reads_the_shape(write_model):
    config = read_config(write_model())
    assert (config.hidden_size, config.intermediate_size, config.num_hidden_layers) == (12, 20, 2)
    assert (config.q_width, config.kv_width) == (4 * 4, 2 * 4)
    assert config.tie_word_embeddings
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "gemma"),
        ("architectures", ["MistralForCausalLM"]),
        ("architectures", ["GPT2LMHeadModel"]),
        ("hidden_act", "gelu"),
        ("attention_bias", True),
        ("mlp_bias", True),
        ("mlp_bias", 1),
        ("pretraining_tp", 2),
        ("rope_scaling", {"rope_type": "longrope", "factor": 8.0}),
        ("rope_scaling", {"rope_type": "yarn", "factor": 8.0, "beta_fast": 1.0, "beta_slow": 2.0}),
        ("rope_scaling", {"rope_type": "linear", "type": "dynamic", "factor": 8.0}),
        ("rope_scaling", {"rope_type": "linear", "factor": -1}),
        ("rope_scaling", {"rope_type": "linear"}),
        ("rope_scaling", {"rope_type": "linear", "factor": 2.0, "beta_fast": 32}),
        ("rope_scaling", "linear"),
        ("use_sliding_window", True),
        ("layer_types", ["full_attention", "sliding_attention"]),
        ("rope_parameters", {"rope_type": "yarn", "rope_theta": 1e4}),
        ("rope_parameters", {"rope_type": "default", "rope_theta": 1e4, "factor": 2.0}),
        ("partial_rotary_factor", 0.5),
        ("quantization_config", {"bits": 4}),
        ("sliding_window", 128),
        ("hidden_size", 0),
        ("hidden_size", True),
        ("hidden_size", "12"),
        ("num_hidden_layers", 2.0),
        ("rms_norm_eps", -1e-5),
        ("rope_theta", "10000"),
        ("tie_word_embeddings", "yes"),
        ("bos_token_id", 40),
        ("bos_token_id", [1]),
        ("num_key_value_heads", 3),
        ("head_dim", 3),
    ],
)
def test_refuses_by_name_and_value(write_model, field, value):
    folder = write_model()
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(fields | {field: value}))
    with pytest.raises(ModelError) as error:
        read_config(folder)
    lines = [line for line in str(error.value).splitlines() if field in line]
    assert lines, f"no line names {field}: {error.value}"
    shown = value["rope_type"] if isinstance(value, dict) and field == "rope_parameters" else value
    assert any(str(shown) in line or repr(shown) in line or "factor" in line or "beta_fast" in line for line in lines)


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def test_llama3_frequencies_by_hand():
    # Llama 3.1: theta 500000, hd 128. Pair 0 turns once in 2 pi positions, far below 8192 / 4: kept. Pair 63 turns once
    # in 2 pi * 500000**(126/128) = 2559195 positions, far above 8192: divided by 8.
    scaling, problems, warnings = parse_rope("rope_scaling", LLAMA3, 131072)
    assert (problems, warnings) == ([], [])
    found, plain = (inverse_frequencies(128, 5e5, s) for s in (scaling, UNSCALED))
    assert found[0] == plain[0] == 1
    assert found[63] == pytest.approx(5e5 ** (-126 / 128) / 8)
    # Pair 34: wavelength 2 pi * 500000**(68/128) = 6697 positions, so 8192 / 6697 turns; of the way from 1 to 4.
    turns = 8192 / (2 * math.pi * 5e5 ** (68 / 128))
    kept = (turns - 1) / 3
    assert 0 < kept < 1
    assert found[34] == pytest.approx(plain[34] * (kept + (1 - kept) / 8))


def test_llama3_bounds_in_the_wrong_order_are_refused(write_model):
    wrong = LLAMA3 | {"low_freq_factor": 4.0}
    with pytest.raises(
        ModelError, match=r"rope_scaling\.low_freq_factor: 4\.0, expected less than high_freq_factor 4\.0"
    ):
        read_config(write_model(rope_scaling=wrong))


def test_two_statements_of_one_scaling_must_agree(write_model):
    linear = {"rope_type": "linear", "factor": 2.0}
    assert read_config(write_model(rope_scaling=linear, rope_parameters=linear)).rope_scaling.factor == 2.0
    with pytest.raises(ModelError, match=r"rope_scaling: .* but rope_parameters says otherwise"):
        read_config(write_model(rope_scaling=linear, rope_parameters=linear | {"factor": 3.0}))


def test_mistral_without_a_window_takes_that_of_transformers(write_model):
    mistral = {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
    config = read_config(write_model(**mistral))
    assert config.sliding_window == 4096
    assert config.warnings == ("config.json: no sliding_window, assumed 4096",)
    with pytest.raises(ModelError, match="num_key_value_heads: missing, model_type 'mistral' needs it"):
        read_config(write_model(tensors={}, num_key_value_heads=None, **mistral))


def test_lists_every_problem_and_suggests(write_model):
    folder = write_model(hidden_act="relu", rms_norm_eps=None)
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(fields | {"rms_norm_epss": 1e-5}))
    with pytest.raises(ModelError) as error:
        read_config(folder)
    first, second, third = str(error.value).splitlines()
    assert "hidden_act: 'relu' is not supported, expected 'silu'" in first
    assert "rms_norm_epss: 1e-05 is not a known field (did you mean 'rms_norm_eps'?)" in second
    assert "rms_norm_eps: missing (did you mean 'rms_norm_epss'?)" in third


def test_inert_unknown_fields_pass(write_model):
    read_config(write_model(use_cache=True, torch_dtype="float16", sliding_window=False, eos_token_id=[1, 2]))


def test_defaults_are_warnings(write_model):
    absent = dict.fromkeys(("rope_theta", "num_key_value_heads", "tie_word_embeddings", "head_dim"))
    config = read_config(write_model(tensors={}, hidden_size=16, **absent))
    assert config.num_key_value_heads == 4
    assert config.head_dim == 16 // 4
    assert config.rope_theta == 10000.0
    assert not config.tie_word_embeddings
    assert [w.split("no ")[1].split(",")[0] for w in config.warnings] == [
        "num_key_value_heads",
        "tie_word_embeddings",
        "rope_theta",
    ]


def test_rope_theta_may_lie_in_rope_parameters(write_model):
    nested = {"rope_type": "default", "rope_theta": 5e5}
    assert read_config(write_model(rope_theta=None, rope_parameters=nested)).rope_theta == 5e5
    with pytest.raises(ModelError, match=r"rope_theta: 10000\.0, but rope_parameters.rope_theta says 500000\.0"):
        read_config(write_model(rope_parameters=nested))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1,\n "b" 2}', r"config\.json:2:6: not JSON"),
        ("[1]", "found a JSON list, expected an object"),
        ('{"vocab_size": 1, "vocab_size": 2}', "'vocab_size' appears twice"),
        (b"\xff\xfe\x00", "config.json"),
    ],
)
def test_damaged_file(tmp_path: Path, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ModelError, match=message):
        read_config(tmp_path)


def test_missing_file(tmp_path: Path):
    with pytest.raises(ModelError, match="no such file; expected a Hugging Face folder"):
        read_config(tmp_path)
