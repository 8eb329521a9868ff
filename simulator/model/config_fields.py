"""The fields of a ``config.json``: those that are read, those that must have one value, those that say nothing."""

from __future__ import annotations

from typing import Any

from simulator.errors import MOST_PROBLEMS, did_you_mean
from simulator.model.numbers import shown

# Sizes, with the largest that is taken for real: a damaged one must not make a list of 10**9 layers.
SIZES = {
    "vocab_size": 1 << 26,
    "hidden_size": 1 << 20,
    "intermediate_size": 1 << 24,
    "num_hidden_layers": 256,  # the largest published has 126; a trace has at most 4,096 streams
    "num_attention_heads": 1 << 16,
    "max_position_embeddings": 1 << 32,
}
# Families of one forward pass: model_type -> architecture. What differs: Mistral may have a sliding window, Qwen2 has
# biases on q, k and v, Qwen3 normalizes the queries and keys of each head.
FAMILIES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
# Fields that change the mathematics, with the only values for which `transformer.forward` is that mathematics.
FIXED: dict[str, tuple[object, ...]] = {
    "model_type": tuple(FAMILIES),
    "architectures": (*([name] for name in FAMILIES.values()), None),
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "pretraining_tp": (1, None),
    "partial_rotary_factor": (1.0, 1, None),
    "rope_interleaved": (False, None),
    "use_rope": (True, None),
    "is_causal": (True, None),
    "add_cross_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "use_sliding_window": (False, None),
    "quantization_config": (None,),
}
# Fields without which the model is not known; the others of FIXED have these values when absent (as in transformers).
REQUIRED = (*SIZES, "rms_norm_eps", "model_type", "hidden_act")
READ = (
    "bos_token_id",
    "num_key_value_heads",
    "head_dim",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "original_max_position_embeddings",
    "tie_word_embeddings",
    "sliding_window",
    "max_window_layers",
    "layer_types",
    "dtype",
    "torch_dtype",
)
# Fields that say nothing about the forward pass of a trained model: other tokens, training, generation, the classes
# around the model, and what publishers write into their copies. Those that begin with these words are of the last kind.
BOOKKEEPING = ("_", "unsloth_", "transformers.")
NEUTRAL_KEYS = """
    eos_token_id pad_token_id unk_token_id sep_token_id cls_token_id mask_token_id decoder_start_token_id
    eos_token pad_token bos_token unk_token prefix tokenizer_class tokenizer_model_max_length tokenizer_padding_side
    model_max_length max_sequence_length seq_length pad_to_multiple_of
    attention_dropout attention_probs_dropout_prob attn_dropout attn_pdrop classifier_dropout embd_pdrop hidden_dropout
    hidden_dropout_prob residual_dropout resid_pdrop embedding_dropout
    initializer_range initializer_std gradient_checkpointing use_cache use_flash_attention use_flash_attn
    attn_implementation flash_attn use_liger_kernel torchscript use_bfloat16 tf_legacy_loss loss_type
    do_sample temperature top_k top_p typical_p min_p epsilon_cutoff eta_cutoff repetition_penalty length_penalty
    diversity_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size num_beams num_beam_groups num_return_sequences
    max_length max_new_tokens min_length min_new_tokens early_stopping bad_words_ids begin_suppress_tokens
    suppress_tokens forced_bos_token_id forced_eos_token_id remove_invalid_values renormalize_logits
    exponential_decay_length_penalty output_attentions output_hidden_states output_scores return_dict
    return_dict_in_generate
    id2label label2id num_labels problem_type finetuning_task task_specific_params is_decoder
    cross_attention_hidden_size tie_encoder_decoder pruned_heads chunk_size_feed_forward
    transformers_version model_name license is_llama_config
"""
NEUTRAL = frozenset(NEUTRAL_KEYS.split())
KNOWN = {*FIXED, *REQUIRED, *READ, *NEUTRAL}


def unsupported(fields: dict[str, Any], ignored_keys: tuple[str, ...]) -> list[str]:
    """Fields whose value, or whose very presence, means another forward pass than ours."""
    problems = [f"{key}: decides the forward pass, and cannot be ignored" for key in ignored_keys if _decides(key)]
    problems += [
        f"{name}: {shown(fields[name])} is not supported, expected {_choices(allowed)}"
        for name, allowed in FIXED.items()
        if name in fields and not _is_one_of(fields[name], allowed)
    ]
    architecture, family = fields.get("architectures"), str(fields.get("model_type"))
    if not problems and architecture and architecture != [FAMILIES.get(family)]:
        problems.append(f"architectures: {shown(architecture)} is not that of model_type {family!r}")
    unknown = [name for name, value in fields.items() if not _is_known(name, value) and name not in ignored_keys]
    return problems + [
        f"{name}: {shown(fields[name])} is not a known field{did_you_mean(name, KNOWN)};"
        f" if it does not change the forward pass: --ignore-config-keys {name}"
        for name in unknown[: MOST_PROBLEMS + 1]
    ]


def ignored(fields: dict[str, Any], ignored_keys: tuple[str, ...]) -> list[str]:
    """A warning for each unknown field that was ignored on request."""
    return [f"{key}: {shown(fields[key])} was ignored (--ignore-config-keys)" for key in ignored_keys if key in fields]


def absent(fields: dict[str, Any]) -> list[str]:
    """Required fields that are missing."""
    others = set(fields) - set(REQUIRED)
    return [f"{name}: missing{did_you_mean(name, others)}" for name in REQUIRED if name not in fields]


def _choices(allowed: tuple[object, ...]) -> str:
    return " or ".join(repr(value) for value in allowed if value is not None)


def _decides(key: str) -> bool:
    return key in FIXED or key in REQUIRED or key in READ


def _is_known(name: str, value: object) -> bool:
    """Whether a field is known, or switched off."""
    return name in KNOWN or name.startswith(BOOKKEEPING) or value is None or value is False


def _is_one_of(value: object, allowed: tuple[object, ...]) -> bool:
    """Membership that tells ``1`` from ``True`` and ``0`` from ``False``."""
    return any(value == a and isinstance(value, bool) == isinstance(a, bool) for a in allowed)
