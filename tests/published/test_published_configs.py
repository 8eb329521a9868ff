"""config.json of models as their authors publish them: read without a hand edit, and without a warning."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from simulator.errors import ModelError
from simulator.model.checkpoint import tensor_specs
from simulator.model.llama_config import parse_config

LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "pretraining_tp": 1}
COMMON = {"attention_bias": False, "attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": True}
LLAMA_3_2_1B = LLAMA | COMMON | {
    "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_size": 2048,
    "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": False, "num_attention_heads": 32,
    "num_hidden_layers": 16, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
    "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                     "original_max_position_embeddings": 8192, "rope_type": "llama3"},
    "rope_theta": 500000.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    "transformers_version": "4.45.0.dev0", "vocab_size": 128256,
}  # fmt: skip
TINY_LLAMA = LLAMA | {
    "attention_bias": False, "bos_token_id": 1, "eos_token_id": 2, "hidden_size": 2048, "initializer_range": 0.02,
    "intermediate_size": 5632, "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 22,
    "num_key_value_heads": 4, "rms_norm_eps": 1e-05, "rope_scaling": None, "rope_theta": 10000.0,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "transformers_version": "4.35.0", "use_cache": True,
    "vocab_size": 32000,
}  # fmt: skip
CODE_LLAMA_7B = LLAMA | {
    "_name_or_path": "codellama/CodeLlama-7b-hf", "bos_token_id": 1, "eos_token_id": 2, "hidden_size": 4096,
    "initializer_range": 0.02, "intermediate_size": 11008, "max_position_embeddings": 16384,
    "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "rms_norm_eps": 1e-05,
    "rope_scaling": None, "rope_theta": 1000000, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "transformers_version": "4.33.0.dev0", "use_cache": True, "vocab_size": 32016,
}  # fmt: skip
SMOLLM2_135M = LLAMA | COMMON | {
    "bos_token_id": 1, "eos_token_id": 2, "hidden_size": 576, "initializer_range": 0.041666666666666664,
    "intermediate_size": 1536, "is_llama_config": True, "max_position_embeddings": 8192, "mlp_bias": False,
    "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2,
    "rms_norm_eps": 1e-05, "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100000,
    "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers_version": "4.42.3",
    "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}}, "vocab_size": 49152,
}  # fmt: skip
MISTRAL_7B = {
    "architectures": ["MistralForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
    "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336,
    "max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": None,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "transformers_version": "4.42.0.dev0", "use_cache": True,
    "vocab_size": 32768,
}  # fmt: skip
QWEN2_5 = {
    "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
    "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02, "intermediate_size": 4864,
    "max_position_embeddings": 32768, "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": 14,
    "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
    "sliding_window": 32768, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
    "transformers_version": "4.43.1", "use_cache": True, "use_sliding_window": False, "vocab_size": 151936,
}  # fmt: skip
QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 151643,
    "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024, "initializer_range": 0.02,
    "intermediate_size": 3072, "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3",
    "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
    "rope_scaling": None, "rope_theta": 1000000, "sliding_window": None, "tie_word_embeddings": True,
    "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": True, "use_sliding_window": False,
    "vocab_size": 151936,
}  # fmt: skip
UNSLOTH = LLAMA_3_2_1B | {"pad_token_id": 128004, "unsloth_fixed": True, "_name_or_path": "unsloth/Llama-3.2-1B"}
# What transformers 5 makes of the first: theta moves into rope_parameters, dtype loses its prefix.
MOVED = {key: value for key, value in LLAMA_3_2_1B.items() if key not in ("rope_scaling", "rope_theta", "torch_dtype")}
TRANSFORMERS_5 = MOVED | {
    "dtype": "bfloat16", "pad_token_id": None, "transformers_version": "5.0.0",
    "rope_parameters": LLAMA_3_2_1B["rope_scaling"] | {"rope_theta": 500000.0},
}  # fmt: skip
# The model card of Qwen2.5 adds this for long texts.
QWEN2_5_YARN = QWEN2_5 | {"rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"}}
PUBLISHED: dict[str, tuple[dict[str, Any], float]] = {  # with the parameters that the authors state, in millions
    "Llama-3.2-1B-Instruct": (LLAMA_3_2_1B, 1236),
    "Llama-3.2-1B of unsloth": (UNSLOTH, 1236),
    "Llama-3.2-1B of transformers 5": (TRANSFORMERS_5, 1236),
    "TinyLlama-1.1B-Chat-v1.0": (TINY_LLAMA, 1100),
    "CodeLlama-7b": (CODE_LLAMA_7B, 6739),
    "SmolLM2-135M-Instruct": (SMOLLM2_135M, 134.5),
    "Mistral-7B-Instruct-v0.3": (MISTRAL_7B, 7248),
    "Qwen2.5-0.5B-Instruct": (QWEN2_5, 494),
    "Qwen2.5-0.5B with yarn": (QWEN2_5_YARN, 494),
    "Qwen3-0.6B": (QWEN3, 596),
}


@pytest.mark.parametrize(("fields", "millions"), PUBLISHED.values(), ids=PUBLISHED)
def test_a_published_config_is_read_as_it_is(fields: dict[str, Any], millions: float) -> None:
    config = parse_config(fields, "config.json")
    assert (config.warnings, config.dtype) == ((), "bfloat16")
    parameters = sum(prod(spec.shape) for spec in tensor_specs(config).values())
    assert parameters / 1e6 == pytest.approx(millions, rel=2e-3)


def test_the_layout_of_transformers_5_is_the_same_model() -> None:
    assert parse_config(TRANSFORMERS_5, "a") == parse_config(LLAMA_3_2_1B, "b")


OTHERS = {
    "gemma-2": ({"model_type": "gemma2", "hidden_activation": "gelu_pytorch_tanh"}, "model_type"),
    "SmolLM3": ({"model_type": "smollm3", "no_rope_layers": [1, 1, 1, 0]}, "model_type"),
    "Qwen2-MoE": ({"model_type": "qwen2_moe", "num_experts": 60}, "model_type"),
    "Llama-3.1 in MLX": ({"quantization": {"group_size": 64, "bits": 4}}, "quantization"),
    "Llama-3.1 in GPTQ": ({"quantization_config": {"bits": 4, "quant_method": "gptq"}}, "quantization_config"),
    "granite as llama": ({"embedding_multiplier": 12.0}, "embedding_multiplier"),
    "LongLoRA of Phi": ({"rope_scaling": {"type": "longrope", "long_factor": [1.0]}}, "rope_scaling"),
    "bidirectional": ({"is_causal": False}, "is_causal"),
    "a classifier": ({"architectures": ["LlamaForSequenceClassification"]}, "architectures"),
}


@pytest.mark.parametrize(("fields", "name"), OTHERS.values(), ids=OTHERS)
def test_another_model_is_refused_with_its_field(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(ModelError, match=rf"config\.json: {name}: .* is not"):
        parse_config(LLAMA_3_2_1B | fields, "config.json")


STRANGE: tuple[Any, ...] = (
    None, True, False, -1, 0, 1.5, 10**400, -(10**400), float("nan"), float("inf"), "x", "", [], [1], {}, {"a": 1},
)  # fmt: skip


@pytest.mark.parametrize("value", STRANGE, ids=lambda v: repr(v)[:12])
@pytest.mark.parametrize("base", [LLAMA_3_2_1B, MISTRAL_7B, QWEN3], ids=["llama", "mistral", "qwen3"])
def test_any_value_of_any_field_is_read_or_refused(base: dict[str, Any], value: Any) -> None:
    """Never another exception, never a line longer than a screen: for each field, and each key of the scaling."""
    scaling = LLAMA_3_2_1B["rope_scaling"] | {"rope_theta": base["rope_theta"]}
    changed = [base | {name: value} for name in (*base, "dtype", "rope_parameters", "layer_types", "unheard_of")]
    changed += [base | {"rope_scaling": scaling | {name: value}} for name in (*scaling, "type", "truncate", "x")]
    yarn = {"rope_type": "yarn", "factor": 2.0}
    changed += [
        base | {"rope_scaling": yarn | {n: value}} for n in ("factor", "beta_fast", "attention_factor", "mscale")
    ]
    for fields in changed:
        try:
            parse_config(fields, "config.json")
        except ModelError as error:
            lines = str(error).splitlines()
            assert all(line.startswith("config.json: ") and len(line) < 400 for line in lines)
