"""A GGUF file is the model it was made of: weights, config and tokenizer; a damaged one is refused in one line."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from families import BASE
from gguf import GGMLQuantizationType as Kind
from tiny_gguf import gguf_name, write_gguf
from tiny_model import TINY, tiny_tensors, write_tiny_model

from simulator.errors import ModelError
from simulator.model.checkpoint import read_checkpoint, tensor_specs
from simulator.model.gguf_file import read_gguf
from simulator.model.linear import FloatLinear
from simulator.model.llama_config import read_config
from simulator.model.model_options import ModelOptions
from simulator.model.tokenizer import Tokenizer
from simulator.model.transformer import forward

# Rows of 64 weights: two blocks of 32 each.
SHAPE: dict[str, Any] = TINY | BASE | {"hidden_size": 64, "intermediate_size": 96}
TOKENS = np.arange(3, 23)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "tiny.gguf", SHAPE, tiny_tensors(SHAPE))


def logits(path: Path) -> np.ndarray:
    checkpoint = read_checkpoint(path)
    return forward(checkpoint, TOKENS, FloatLinear(checkpoint))


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_logits_are_those_of_the_folder_it_was_made_of(tmp_path: Path, family: str, tied: bool) -> None:
    """The q and k rows of llama are permuted in the file, those of the others are not."""
    names = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
    config = SHAPE | {"model_type": family, "architectures": [names[family]], "tie_word_embeddings": tied}
    tensors = tiny_tensors(config)
    folder = write_tiny_model(tmp_path / "folder", tensors, **config)
    path = write_gguf(tmp_path / "model.gguf", config, tensors)
    assert np.array_equal(logits(path), logits(folder))


def test_the_config_is_that_of_the_folder(tiny: Path, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "folder", tiny_tensors(SHAPE), **SHAPE)
    assert read_config(tiny) == read_config(folder)
    assert read_config(tiny).warnings == ()


@pytest.mark.parametrize("kind", [Kind.F16, Kind.BF16, Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1])
def test_weights_of_a_format_are_what_the_library_decodes(tmp_path: Path, kind: Kind) -> None:
    tensors = tiny_tensors(SHAPE)
    formats = dict.fromkeys(("q_proj", "gate_proj", "embed_tokens"), kind)
    checkpoint = read_checkpoint(write_gguf(tmp_path / "m.gguf", SHAPE, tensors, formats))
    for weight_id in ("embedding", "blocks.1.gate", "blocks.0.q"):
        original = tensors[tensor_specs(checkpoint.config)[weight_id].name]
        decoded = gguf.dequantize(gguf.quantize(original, kind), kind).reshape(original.shape)
        assert np.array_equal(checkpoint.weights[weight_id], decoded)
        assert checkpoint.stored_bits[weight_id] == 16
        assert 0 < np.abs(decoded - original).max() < np.abs(original).max() / 6
    assert checkpoint.stored_bits["norm_final"] == 32
    note = f"m.gguf: weights in {kind.name} are dequantized; where they stay dense they are read as 16-bit floats"
    assert checkpoint.config.warnings == (() if kind in (Kind.F16, Kind.BF16) else (note,))


def q4_1_by_hand() -> tuple[bytes, list[float]]:
    """A block of 32: scale 0.5, minimum -2, then the low halves of 16 bytes (weights 0 to 15), then the high ones."""
    quants = [i % 16 for i in range(32)]
    packed = bytes(quants[i] | quants[i + 16] << 4 for i in range(16))
    return np.float16([0.5, -2.0]).tobytes() + packed, [0.5 * q - 2 for q in quants]


def q4_k_by_hand() -> tuple[bytes, list[float]]:
    """A superblock of 256 in 8 parts of 32: d 2, dmin 0.5; 6-bit scale 1 + j and minimum j of part j, in 12 bytes."""
    scales, minima = [1 + j for j in range(8)], list(range(8))
    packed = [scales[j] for j in range(4)] + [minima[j] for j in range(4)]
    packed += [scales[j] | minima[j] << 4 for j in range(4, 8)]
    quants = [[(i + j) % 16 for i in range(32)] for j in range(8)]
    halves = [quants[j][i] | quants[j + 1][i] << 4 for j in range(0, 8, 2) for i in range(32)]
    values = [2.0 * scales[j] * q - 0.5 * minima[j] for j in range(8) for q in quants[j]]
    return np.float16([2.0, 0.5]).tobytes() + bytes(packed) + bytes(halves), values


def q5_k_by_hand() -> tuple[bytes, list[float]]:
    """As Q4_K, with a fifth bit of weight i of part j at bit j of byte i."""
    scales, minima = [1 + j for j in range(8)], list(range(8))
    packed = [scales[j] for j in range(4)] + [minima[j] for j in range(4)]
    packed += [scales[j] | minima[j] << 4 for j in range(4, 8)]
    quants = [[(i + 3 * j) % 32 for i in range(32)] for j in range(8)]
    high = [sum((quants[j][i] >> 4) << j for j in range(8)) for i in range(32)]
    halves = [quants[j][i] & 15 | (quants[j + 1][i] & 15) << 4 for j in range(0, 8, 2) for i in range(32)]
    values = [2.0 * scales[j] * q - 0.5 * minima[j] for j in range(8) for q in quants[j]]
    return np.float16([2.0, 0.5]).tobytes() + bytes(packed) + bytes(high) + bytes(halves), values


def q6_k_by_hand() -> tuple[bytes, list[float]]:
    """Two halves of 4 runs of 32 weights: 4 low bits, 2 high bits, a signed scale for each 16 weights."""
    quants = [(7 * i) % 64 for i in range(256)]
    scales = [j - 8 for j in range(16)]
    low, high = bytearray(128), bytearray(64)
    for i, q in enumerate(quants):
        half, run, lane = i // 128, i % 128 // 32, i % 32
        low[64 * half + lane + 32 * (run % 2)] |= (q & 15) << (4 * (run // 2))
        high[32 * half + lane] |= (q >> 4) << (2 * run)
    values = [0.25 * scales[i // 16] * (q - 32) for i, q in enumerate(quants)]
    return bytes(low) + bytes(high) + struct.pack("16b", *scales) + np.float16([0.25]).tobytes(), values


@pytest.mark.parametrize(
    ("kind", "block"),
    [(Kind.Q4_1, q4_1_by_hand), (Kind.Q4_K, q4_k_by_hand), (Kind.Q5_K, q5_k_by_hand), (Kind.Q6_K, q6_k_by_hand)],
)
def test_a_block_by_hand(tmp_path: Path, kind: Kind, block: Any) -> None:
    """Formats of llama.cpp (ggml-quants.c, dequantize_row), from the bytes in the file to the weights."""
    data, values = block()
    width = len(values)
    config = SHAPE | {"hidden_size": width, "head_dim": 16, "intermediate_size": 8}
    tensors = tiny_tensors(config)
    name = "model.layers.0.mlp.up_proj.weight"
    del tensors[name]
    rows = np.frombuffer(data * 8, np.uint8).reshape(8, -1)
    path = write_gguf(tmp_path / "m.gguf", config, tensors, raw={gguf_name(name): (rows, kind)})
    assert np.array_equal(read_checkpoint(path).weights["blocks.0.up"], np.tile(np.float32(values), (8, 1)))


def test_rows_of_a_large_model_are_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "m.gguf", SHAPE, tiny_tensors(SHAPE), {"embed_tokens": Kind.Q8_0})
    whole = read_checkpoint(path)
    monkeypatch.setattr("simulator.model.checkpoint.KEPT_BYTES", 0)
    monkeypatch.setattr("simulator.model.gguf_weights.PART_VALUES", 64 * 3)  # parts of three rows
    parts = read_checkpoint(path)
    assert np.array_equal(parts.embed(TOKENS), whole.weights["embedding"][TOKENS])
    assert np.array_equal(parts.rows("blocks.0.q", slice(5, 9)), whole.weights["blocks.0.q"][5:9])
    assert np.array_equal(parts.weights["head"], whole.weights["head"])


def test_the_header_is_that_of_the_library(tiny: Path) -> None:
    found, reader = read_gguf(tiny), gguf.GGUFReader(tiny)
    for key, value in found.metadata.items():
        stated = reader.fields[key].contents()
        assert (value.tolist() if isinstance(value, np.ndarray) else value) == stated
    assert set(found.tensors) == {tensor.name for tensor in reader.tensors}
    for tensor in reader.tensors:
        mine = found.tensors[tensor.name]
        assert (mine.type_number, mine.offset) == (tensor.tensor_type, tensor.data_offset)
        assert mine.shape == tuple(int(n) for n in tensor.shape[::-1])


def test_divisors_of_the_rotary_frequencies(tmp_path: Path) -> None:
    """Llama 3.1 and later: a tensor of one divisor per pair; all 4 is a linear scaling by 4."""
    divisors = {"rope_freqs.weight": np.full(8, 4.0, np.float32)}
    path = write_gguf(tmp_path / "a.gguf", SHAPE, tiny_tensors(SHAPE), extra=divisors)
    scaled = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    linear = write_gguf(tmp_path / "b.gguf", SHAPE, tiny_tensors(SHAPE), metadata=scaled)
    plain = write_gguf(tmp_path / "c.gguf", SHAPE, tiny_tensors(SHAPE))
    assert np.array_equal(logits(path), logits(linear))
    assert np.abs(logits(path) - logits(plain)).max() > 0.1


@pytest.mark.parametrize("divisors", [np.ones(4), np.zeros(8), np.full(8, np.nan), -np.ones(8)], ids=str)
def test_divisors_that_fit_no_head_are_refused(tmp_path: Path, divisors: np.ndarray) -> None:
    extra = {"rope_freqs.weight": divisors.astype(np.float32)}
    path = write_gguf(tmp_path / "m.gguf", SHAPE, tiny_tensors(SHAPE), extra=extra)
    with pytest.raises(ModelError, match=r"rope_freqs\.weight: .*, expected 8 positive numbers"):
        read_config(path)


def test_metadata_that_changes_nothing_can_be_ignored(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", SHAPE, tiny_tensors(SHAPE), metadata={"llama.note": "x"})
    config = read_config(path, ModelOptions(ignored_keys=("llama.note",)))
    assert config.warnings == ("m.gguf: llama.note: 'x' was ignored (--ignore-config-keys)",)


def test_text_passes_through_its_tokenizer(tiny: Path) -> None:
    tokenizer = Tokenizer(tiny, read_config(tiny))
    passage = tokenizer.passage("a cab.", 20)
    assert passage.token_ids.tolist() == [1, 3, 29, 5, 3, 4, 30]
    assert tokenizer.text(passage.token_ids) == "<s>a cab."


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"llama.expert_count": 8}, "llama.expert_count: 8 is not supported, expected 0"),
        ({"llama.attention.sliding_window": 4096}, "llama.attention.sliding_window: 4096 is not a known field"),
        ({"llama.rope.dimension_count": 8}, "expected one width"),
        ({"llama.rope.scaling.type": "longrope"}, "rope_scaling: {'rope_type': 'longrope'} is not supported"),
        ({"split.count": 3}, "one of 3 parts; join them with: llama-gguf-split --merge FIRST_PART WHOLE_FILE"),
        (
            {"llama.logit_scale": 0.5},
            "llama.logit_scale: 0.5 is not a known field; if it does not change the forward pass: --ignore-config-keys",
        ),
    ],
)
def test_another_forward_pass_is_refused(tmp_path: Path, metadata: dict[str, Any], message: str) -> None:
    path = write_gguf(tmp_path / "m.gguf", SHAPE, tiny_tensors(SHAPE), metadata=metadata)
    with pytest.raises(ModelError) as error:
        read_checkpoint(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", SHAPE | {"model_type": "gemma2"}, tiny_tensors(SHAPE))
    with pytest.raises(ModelError, match=r"general\.architecture: 'gemma2' is not supported, expected one of llama"):
        read_checkpoint(path)


def test_unknown_tensors_and_formats_are_refused(tmp_path: Path) -> None:
    extra = {"blk.0.attn_post_norm.weight": np.ones(64, np.float32)}
    path = write_gguf(tmp_path / "m.gguf", SHAPE, tiny_tensors(SHAPE), extra=extra)
    with pytest.raises(ModelError, match=r"tensor blk\.0\.attn_post_norm\.weight: no place for it"):
        read_checkpoint(path)
    name = "model.layers.0.mlp.up_proj.weight"
    tensors = tiny_tensors(SHAPE)
    wide = tensors.pop(name).astype(np.float64)
    path = write_gguf(tmp_path / "n.gguf", SHAPE, tensors, extra={gguf_name(name): wide})
    with pytest.raises(ModelError, match=r"mlp\.up_proj\.weight: type F64, expected F32, F16, BF16"):
        read_checkpoint(path)


@pytest.mark.parametrize("named", ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf", ""])
def test_parts_of_a_model_are_named_whichever_is_given(tmp_path: Path, named: str) -> None:
    """Only the first part has the metadata of the model; "" is the folder that holds both."""
    write_gguf(tmp_path / "m-00001-of-00002.gguf", SHAPE, tiny_tensors(SHAPE), metadata={"split.count": 2})
    part = gguf.GGUFWriter(tmp_path / "m-00002-of-00002.gguf", "")
    part.add_uint16("split.count", 2)
    part.add_tensor("blk.9.attn_q.weight", np.ones((4, 4), np.float32))
    part.write_header_to_file()
    part.write_kv_data_to_file()
    part.write_tensors_to_file()
    part.close()
    with pytest.raises(ModelError) as error:
        read_checkpoint(tmp_path / named)
    assert "one of the 2 parts m-00001-of-00002.gguf to m-00002-of-00002.gguf; join them with:" in str(error.value)
    assert "llama-gguf-split --merge m-00001-of-00002.gguf m.gguf" in str(error.value)


@pytest.mark.parametrize("kept", [4, 8, 23, 24, 60, 400, 900, 5000, -1])
def test_a_file_cut_short(tiny: Path, kept: int) -> None:
    tiny.write_bytes(tiny.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"tiny\.gguf: .*(cut short|not a GGUF)"):
        read_checkpoint(tiny)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(8, struct.pack("<Q", 1 << 60)), (16, struct.pack("<Q", 1 << 40)), (24, struct.pack("<Q", 1 << 62))],
)
def test_a_damaged_length_is_found_at_once(tiny: Path, offset: int, value: bytes) -> None:
    data = bytearray(tiny.read_bytes())
    data[offset : offset + 8] = value
    tiny.write_bytes(data)
    with pytest.raises(ModelError, match="do not fit into the file"):
        read_checkpoint(tiny)


def test_random_damage_is_refused_or_harmless(tiny: Path) -> None:
    """A changed byte anywhere in the header gives a model or one clear error, never another exception."""
    data, rng = tiny.read_bytes(), np.random.default_rng(0)
    for _ in range(120):
        damaged = bytearray(data)
        for _ in range(3):
            damaged[rng.integers(4, 3500)] = rng.integers(256)
        tiny.write_bytes(damaged)
        read_gguf.__globals__["_read"].cache_clear()
        with contextlib.suppress(ModelError):
            Tokenizer(tiny, read_checkpoint(tiny).config)


def test_big_endian_is_named(tiny: Path) -> None:
    data = bytearray(tiny.read_bytes())
    data[4:8] = struct.pack(">I", 3)
    tiny.write_bytes(data)
    with pytest.raises(ModelError, match="a big-endian GGUF file, expected little-endian"):
        read_checkpoint(tiny)


@pytest.mark.parametrize(("tensors", "fields"), [(100_001, 0), (0, 100_001)])
def test_a_header_of_more_items_than_any_model_has(tensors, fields, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, tensors, fields) + bytes(100_001 * 24))
    with pytest.raises(ModelError, match=r"found 100001 items in a list of its header, expected at most 100000$"):
        read_gguf(path)
