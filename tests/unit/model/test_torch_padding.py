"""Padding is in no count, no position and no calibration, wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.model.preset import EncoderFields, load_preset
from simulator.model.torch_capture import capture_torch
from simulator.trace.encoding import Encoding

torch = pytest.importorskip("torch", reason="needs the extra torch")
nn = torch.nn
T15 = Encoding("ternary", 15)
CONFIG = {
    "model_type": "llama",
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1e4,
    "hidden_act": "silu",
    "bos_token_id": 1,
    "tie_word_embeddings": False,
}


def linear(n_in: int, n_out: int) -> nn.Linear:
    return nn.Linear(n_in, n_out, bias=False)


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(32))

    def forward(self, x):
        return self.weight * x / x.pow(2).mean(-1, keepdim=True).add(1e-5).sqrt()


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (linear(32, 32) for _ in range(4))

    def forward(self, x, mask):
        scores = self.q_proj(x) @ self.k_proj(x).transpose(1, 2) / 32**0.5
        n = x.shape[1]
        seen = torch.ones(n, n).tril().bool() & mask[:, None, :].bool() | torch.eye(n).bool()
        return self.o_proj(torch.softmax(scores.masked_fill(~seen, -1e9), -1) @ self.v_proj(x))


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = linear(32, 64), linear(32, 64), linear(64, 32)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(), Norm()
        self.self_attn, self.mlp = Attention(), MLP()

    def forward(self, x, mask):
        x = x + self.self_attn(self.input_layernorm(x), mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens, self.layers, self.norm = nn.Embedding(64, 32), nn.ModuleList([Block()]), Norm()

    def forward(self, ids, mask):
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


class LM(nn.Module):
    """A LLaMA tree without rotary positions, so that a token's values do not depend on the padding before it."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.lm_head = Body(), linear(32, 64)

    def forward(self, input_ids, attention_mask):
        return self.lm_head(self.model(input_ids, attention_mask))


@pytest.fixture(scope="module")
def lm() -> LM:
    torch.manual_seed(0)
    return LM().eval()


def captured(lm: LM, ids: list[list[int]], preset="int8", config=CONFIG, **choices):
    """The trace of these tokens, of which 0 is padding."""
    tokens = torch.tensor(ids)
    inputs = {"attention_mask": (tokens != 0).long(), "input_ids": tokens}
    return capture_torch(lm, inputs, preset, config=config, **choices)


def same_counts(found, expected, rows=slice(None)) -> None:
    for stream in found.streams:
        np.testing.assert_array_equal(
            found.spike_counts(stream.stream_id),
            expected.spike_counts(stream.stream_id)[rows],
            err_msg=stream.stream_id,
        )


@pytest.mark.parametrize("config", [CONFIG, None], ids=["tree", "any module"])
@pytest.mark.parametrize("ids", [[0, 0, 0, 0, 1, 5, 6, 7], [1, 5, 6, 7, 0, 0, 0], [1, 0, 5, 0, 6, 7]], ids=str)
def test_four_tokens_are_four_wherever_the_padding_is(lm, ids, config) -> None:
    padded, alone = captured(lm, [ids], config=config), captured(lm, [[1, 5, 6, 7]], config=config)
    assert padded.positions.tolist() == [0, 1, 2, 3]
    same_counts(padded, alone)
    assert f"{len(ids) - 4} of {len(ids)} tokens are padding and left out" in padded.origin["warnings"]


def test_samples_of_a_batch_start_at_position_0_each(lm) -> None:
    batch = captured(lm, [[0, 0, 1, 5, 6], [1, 9, 8, 7, 6], [1, 2, 0, 0, 0]])
    assert batch.positions.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0, 1]
    same_counts(captured(lm, [[1, 5, 6]]), batch, slice(0, 3))
    same_counts(captured(lm, [[1, 2]]), batch, slice(8, 10))


def test_calibration_sees_no_padding(lm) -> None:
    static = EncoderFields(threshold="static", gamma=0.99)
    preset = load_preset("int8").model_copy(update={"smooth": 0.5, "streams": {"mlp_hidden": static}})
    padded, alone = captured(lm, [[0, 0, 0, 0, 1, 5, 6, 7]], preset), captured(lm, [[1, 5, 6, 7]], preset)
    same_counts(padded, alone)
    assert any("first 4 tokens" in line for line in padded.origin["warnings"])
    assert padded.origin["clipped"] == alone.origin["clipped"]


class Encoder(nn.Module):
    """An encoder layer that gets its padding; ``nn.TransformerEncoder`` itself takes it under another name."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first)

    def forward(self, x, key_padding_mask):
        return self.layer(x, src_key_padding_mask=key_padding_mask)


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_key_padding_mask_is_true_for_padding(batch_first) -> None:
    model, x = Encoder(batch_first), torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(5))
    padding = torch.tensor([[False, False, False, True, True], [False] * 5])

    def laid(values):
        return values if batch_first else values.transpose(0, 1)

    trace = capture_torch(model, {"x": laid(x), "key_padding_mask": padding}, T15)
    assert trace.positions.tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    alone = capture_torch(model, {"x": laid(x[:1, :3]), "key_padding_mask": padding[:1, :3]}, T15)
    same_counts(alone, trace, slice(0, 3))


def test_padding_that_holds_nan_is_not_looked_at() -> None:
    model = nn.Linear(3, 2)
    x = torch.tensor([[[float("nan")] * 3, [1.5, 2.0, 3.0]]])
    trace = capture_torch(model, x, T15, token_mask=torch.tensor([[0, 1]]))
    assert trace.spike_counts("linear.in").tolist() == [[8, 10, 15]]  # of the largest, 3: 7.5 to even, 10, 15


def test_an_additive_mask_is_0_for_a_token(lm) -> None:
    class Additive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x, attention_mask):
            return self.fc(x)

    mask = torch.tensor([[float("-inf"), 0.0, 0.0]])
    assert capture_torch(Additive(), {"x": torch.randn(1, 3, 3), "attention_mask": mask}, T15).n_tokens == 2


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([[0, 0, 0]], "token_mask: leaves no token"),
        ([[[1, 1, 1]]], r"token_mask: shape \[1, 1, 3\], expected \[samples, tokens\]"),
        ([[1, 1]], "linear: 3 tokens, expected 2 as the mask says"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, message) -> None:
    with pytest.raises(ModelError, match=message):
        capture_torch(nn.Linear(3, 2), torch.randn(1, 3, 3), T15, token_mask=torch.tensor(mask))


def test_masks_that_disagree_are_refused(lm) -> None:
    inputs = {
        "input_ids": torch.tensor([[1, 2]]),
        "attention_mask": torch.tensor([[1, 1]]),
        "padding_mask": torch.tensor([[False, True]]),
    }
    with pytest.raises(ModelError, match="attention_mask and padding_mask leave out different tokens"):
        capture_torch(lm, inputs, "int8")


def test_the_mask_of_an_encoder_says_nothing_of_a_decoder(lm) -> None:
    inputs = {"attention_mask": torch.tensor([[0, 1]]), "decoder_input_ids": torch.tensor([[1, 2]])}
    with pytest.raises(
        ModelError, match="attention_mask is of the encoder, and decoder_input_ids are tokens of their own"
    ):
        capture_torch(lm, inputs, "int8")
