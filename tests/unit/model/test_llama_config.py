"""config.json is read strictly: what would make another forward pass is refused by name and value."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from simulator.errors import ModelError
from simulator.model.llama_config import read_config
from simulator.model.model_options import ModelOptions, parse_options
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
    inert = {"use_cache": True, "sliding_window": False, "eos_token_id": [1, 2]}
    assert read_config(write_model(**inert)) == read_config(write_model())


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


def write_fields(write_model, **fields):
    """A model whose config.json has these fields as they are, null included; absent ones are removed by `...`."""
    folder = write_model()
    stated = json.loads((folder / "config.json").read_text()) | fields
    kept = {name: value for name, value in stated.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(kept))
    return folder


QWEN2 = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}


@pytest.mark.parametrize("field", ["rope_scaling", "rope_parameters"])
@pytest.mark.parametrize(
    "scaling",
    [{"rope_type": "default"}, {"type": "linear", "factor": 2.0}, LLAMA3, {"rope_type": "yarn", "factor": 2.0}],
)
def test_rope_theta_inside_any_scaling_is_used(write_model, field, scaling):
    """transformers 5 takes the inner one; next to another at the top it is a conflict."""
    inner = {field: scaling | {"rope_theta": 5e5}}
    assert read_config(write_fields(write_model, rope_theta=..., **inner)).rope_theta == 5e5
    assert read_config(write_fields(write_model, rope_theta=5e5, **inner)).rope_theta == 5e5
    with pytest.raises(ModelError, match=rf"rope_theta: 10000\.0, but {field}\.rope_theta says 500000\.0; remove one"):
        read_config(write_fields(write_model, rope_theta=1e4, **inner))


def test_the_original_context_may_stand_at_the_top(write_model):
    yarn = {"rope_type": "yarn", "factor": 2.0}
    config = read_config(write_fields(write_model, rope_scaling=yarn, original_max_position_embeddings=12))
    assert config.rope_scaling.original_max_position_embeddings == 12
    config = read_config(write_fields(write_model, rope_scaling=yarn, original_max_position_embeddings=...))
    assert config.rope_scaling.original_max_position_embeddings == 24
    assert config.warnings == (
        "config.json: rope_scaling: no original_max_position_embeddings, assumed max_position_embeddings = 24",
    )
    both = {"rope_scaling": yarn | {"original_max_position_embeddings": 8}, "original_max_position_embeddings": 12}
    with pytest.raises(ModelError, match="original_max_position_embeddings: 12, but rope_scaling states 8"):
        read_config(write_fields(write_model, **both))


def test_yarn_by_hand():
    """Peng et al. 2023 with s = 4, a context of 32 and hd = 4 at theta = 100: frequencies 1 and 0.1.

    Pair p turns 32 * f / (2 pi) = 5.09 and 0.51 times. With beta_fast 2 and beta_slow 0.3 the range in pairs is
    4 ln(32 / (4 pi)) / (2 ln 100) = 0.41 to 4 ln(32 / (0.6 pi)) / (2 ln 100) = 1.23, rounded outwards 0 to 2: pair 0
    is kept, pair 1 is half way, 0.1 * (1/2 + 1/2 / 4).
    """
    stated = {"rope_type": "yarn", "factor": 4.0, "beta_fast": 2.0, "beta_slow": 0.3}
    scaling, problems, _ = parse_rope("rope_scaling", stated | {"original_max_position_embeddings": 32}, 128)
    assert problems == []
    assert inverse_frequencies(4, 100.0, scaling) == pytest.approx([1, 0.1 * (0.5 + 0.125)])
    assert scaling.attention_factor == pytest.approx(0.1 * math.log(4) + 1)
    exact, _, _ = parse_rope("rope_scaling", stated | {"attention_factor": 1.5, "truncate": False}, 32)
    low, high = (4 * math.log(32 / (turns * 2 * math.pi)) / (2 * math.log(100)) for turns in (2, 0.3))
    kept = [1 - min(max((pair - low) / (high - low), 0), 1) for pair in (0, 1)]
    assert inverse_frequencies(4, 100.0, exact) == pytest.approx(
        [k * f + (1 - k) * f / 4 for k, f in zip(kept, (1, 0.1), strict=True)]
    )
    assert exact.attention_factor == 1.5


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"torch_dtype": "float16"}, "float16"),
        ({"torch_dtype": "torch.bfloat16"}, "bfloat16"),
        ({"dtype": "torch.float32"}, "float32"),
        ({"dtype": "bfloat16", "torch_dtype": "float32"}, "bfloat16"),
        ({"dtype": None, "torch_dtype": "half"}, "float16"),
        ({"dtype": "BF16"}, "bfloat16"),
        ({"dtype": "auto"}, None),
        ({"dtype": {"": "float16"}}, None),
        ({"torch_dtype": None}, None),
        ({"torch_dtype": 16}, None),
        ({}, None),
    ],
)
def test_the_number_type_in_every_form(write_model, stated, expected):
    assert read_config(write_fields(write_model, **stated)).dtype == expected


PUBLISHERS = {
    "SmolLM2": {"is_llama_config": True, "rope_interleaved": False, "transformers.js_config": {"kv_cache_dtype": {}}},
    "unsloth": {"unsloth_fixed": True, "unsloth_version": "2026.1.1"},
    "vicuna": {"max_sequence_length": 2048, "_attn_implementation_autoset": True, "pruned_heads": {}},
    "fine-tune": {"gradient_checkpointing": True, "attn_implementation": "flash_attention_2", "do_sample": True},
    "LLaVA-style tokenizer": {"tokenizer_model_max_length": 2048, "tokenizer_padding_side": "right"},
    "old transformers": {"task_specific_params": {"a": 1}, "temperature": 0.7, "top_p": 0.9, "prefix": "x"},
}


@pytest.mark.parametrize("keys", PUBLISHERS.values(), ids=PUBLISHERS)
def test_bookkeeping_of_publishers_passes(write_model, keys):
    assert read_config(write_fields(write_model, **keys)) == read_config(write_model())


def test_an_unknown_key_is_refused_or_ignored_on_request(write_model):
    folder = write_fields(write_model, auto_map={"AutoModel": "x.Y"}, my_note="kept")
    with pytest.raises(ModelError) as error:
        read_config(folder)
    first, second = str(error.value).splitlines()
    assert first.endswith("if it does not change the forward pass: --ignore-config-keys auto_map")
    assert "my_note: 'kept' is not a known field" in second
    config = read_config(folder, parse_options(None, ["auto_map,my_note"]))
    assert config.warnings == (
        "config.json: auto_map: {'AutoModel': 'x.Y'} was ignored (--ignore-config-keys)",
        "config.json: my_note: 'kept' was ignored (--ignore-config-keys)",
    )


@pytest.mark.parametrize("key", ["hidden_act", "rope_theta", "hidden_size", "attention_bias", "sliding_window"])
def test_a_key_that_decides_the_forward_pass_cannot_be_ignored(write_model, key):
    with pytest.raises(ModelError, match=f"{key}: decides the forward pass, and cannot be ignored"):
        read_config(write_fields(write_model, hidden_act="gelu"), ModelOptions(ignored_keys=(key,)))


@pytest.mark.parametrize(
    "field",
    [
        {"rope_interleaved": True},
        {"use_rope": False},
        {"is_causal": False},
        {"no_rope_layers": [1, 1]},
        {"final_logit_softcapping": 30.0},
        {"attn_logit_softcapping": 50.0},
        {"query_pre_attn_scalar": 256},
        {"hidden_activation": "gelu_pytorch_tanh"},
        {"embedding_multiplier": 12.0},
        {"num_experts": 8},
    ],
    ids=str,
)
def test_what_other_families_compute_is_refused_with_its_field(write_model, field):
    (name,) = field
    with pytest.raises(ModelError, match=rf"config\.json: {name}: "):
        read_config(write_fields(write_model, **field))


NO_BOS = "config.json: no bos_token_id, assumed none: no token before a text (--bos ID or none)"


@pytest.mark.parametrize(
    ("fields", "bos", "expected", "warnings"),
    [
        ({"bos_token_id": ...} | QWEN2, None, None, (NO_BOS,)),
        ({"bos_token_id": None} | QWEN2, None, None, (NO_BOS,)),
        ({"bos_token_id": None}, None, None, (NO_BOS,)),
        ({"bos_token_id": ...}, None, 1, ("config.json: no bos_token_id, assumed 1 (--bos ID or none)",)),
        ({"bos_token_id": 2}, None, 2, ()),
        ({"bos_token_id": 2}, "none", None, ()),
        ({"bos_token_id": 2}, "7", 7, ()),
        ({"bos_token_id": ...} | QWEN2, "7", 7, ()),
        ({"bos_token_id": 1000}, "none", None, ()),
        ({"bos_token_id": [1, 2]}, "0", 0, ()),
    ],
)
def test_the_token_in_front(write_model, fields, bos, expected, warnings):
    config = read_config(write_fields(write_model, **fields), parse_options(bos, None))
    assert (config.bos_token_id, config.warnings) == (expected, warnings)


def test_a_wrong_token_in_front_is_refused(write_model):
    with pytest.raises(ModelError, match=r"bos_token_id: 40, expected an integer from 0 to 39; --bos none or --bos ID"):
        read_config(write_fields(write_model, bos_token_id=40))
    with pytest.raises(ModelError, match="--bos: 40, expected an integer from 0 to 39"):
        read_config(write_model(), parse_options("40", None))
    for text in ("-1", "first", "1.0", "²", ""):
        with pytest.raises(ModelError, match=r"--bos: .*, expected none or the id of a token"):
            parse_options(text, None)


def test_qwen3_without_a_head_width_has_that_of_transformers(write_model):
    qwen3 = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    config = read_config(write_fields(write_model, head_dim=..., **qwen3))
    assert (config.head_dim, config.qk_norm) == (128, True)
    assert config.warnings == ("config.json: no head_dim, assumed 128",)


HUGE = 10**400


@pytest.mark.parametrize(
    "fields",
    [
        *({name: HUGE} for name in ("vocab_size", "num_hidden_layers", "head_dim", "num_key_value_heads")),
        {"rms_norm_eps": HUGE},
        {"rope_theta": HUGE},
        {"bos_token_id": HUGE},
        {"rope_scaling": {"rope_type": "linear", "factor": HUGE}},
        {"num_hidden_layers": 10**9},
        {"layer_types": 5},
        {"layer_types": HUGE},
        {"layer_types": {"a": 1}},
        {"layer_types": ["full_attention"]},
        {"sliding_window": HUGE, "model_type": "mistral", "architectures": ["MistralForCausalLM"]},
        {"model_type": [1]},
        {"architectures": {"a": 1}},
        {"rope_scaling": {"rope_type": ["linear"], "factor": 2}},
        {"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "truncate": "no"}},
        {"rope_theta": 1, "rope_scaling": {"rope_type": "yarn", "factor": 2.0}},
        {"unknown": HUGE},
    ],
    ids=lambda fields: ",".join(fields),
)
def test_absurd_values_are_one_clear_line(write_model, fields):
    with pytest.raises(ModelError) as error:
        read_config(write_fields(write_model, **fields))
    (line,) = str(error.value).splitlines()
    assert next(iter(fields)) in line
    assert len(line) < 400


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"vocab_size": ' + "9" * 5000 + "}"])
def test_deep_or_endless_json_is_one_clear_line(tmp_path: Path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError) as error:
        read_config(tmp_path)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"{tmp_path / 'config.json'}: ")
