"""A network that spikes already is recorded as it spikes, timestep by timestep."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.config import load_chip
from simulator.errors import ModelError
from simulator.model.encoder import encode
from simulator.model.preset import load_preset
from simulator.model.torch_capture import capture_torch
from simulator.model.torch_chain import INPUTS
from simulator.simulation.simulation import simulate
from simulator.trace.encoding import Encoding
from simulator.trace.trace_files import load_trace, save_trace

torch = pytest.importorskip("torch", reason="needs the extra torch")
nn = torch.nn
T15 = Encoding("ternary", 15)


class LIF(nn.Module):
    """A leaky neuron that keeps its membrane between calls, as modules of the spiking libraries do."""

    def __init__(self, threshold: float = 0.3, signed: bool = False) -> None:
        super().__init__()
        self.threshold, self.signed, self.v = threshold, signed, 0.0

    def forward(self, current):
        v = 0.5 * self.v + current
        spike = (v > self.threshold).float() - ((v < -self.threshold).float() if self.signed else 0)
        self.v = v * (1 - spike.abs())
        return spike


class Net(nn.Module):
    """16 -> 12 -> 10 -> 4 with neurons between them; the layers are called in each timestep, or once for all."""

    def __init__(self, loop: bool, signed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.fc2, self.fc3 = nn.Linear(16, 12), nn.Linear(12, 10), nn.Linear(10, 4)
        self.lif1, self.lif2, self.loop = LIF(signed=signed), LIF(signed=signed), loop
        self.heard: list[tuple[object, object]] = []

    def forward(self, x):
        if self.loop:
            return torch.stack([self.fc3(self.lif2(self.fc2(self.lif1(self.fc1(step))))) for step in x])
        hidden = torch.stack([self.lif1(current) for current in self.fc1(x)])
        return self.fc3(torch.stack([self.lif2(current) for current in self.fc2(hidden)]))


def spikes_of(model: nn.Module, x) -> dict[str, np.ndarray]:
    """What fc2 and fc3 are fed without any capture, [timesteps, samples, n]."""
    heard: dict[str, list] = {"fc2": [], "fc3": []}
    hooks = [getattr(model, i).register_forward_pre_hook(lambda _, a, i=i: heard[i].append(a[0])) for i in heard]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    model.lif1.v = model.lif2.v = 0.0
    return {i: torch.stack(v).numpy().reshape(4, 3, -1) for i, v in heard.items()}


def by_sample(spikes: np.ndarray) -> np.ndarray:
    """[timesteps, samples, n] as rows of a trace: the timesteps of a sample follow one another."""
    return spikes.swapaxes(0, 1).reshape(-1, spikes.shape[-1])


@pytest.fixture
def x():
    return torch.randn(4, 3, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def events():
    return (torch.rand(4, 3, 16, generator=torch.Generator().manual_seed(2)) < 0.3).float()


@pytest.mark.parametrize("loop", [True, False], ids=["loop", "multi-step"])
@pytest.mark.parametrize("signed", [True, False])
def test_hidden_spikes_are_those_of_the_network(x, loop, signed) -> None:
    model = Net(loop, signed)
    expected = spikes_of(model, x)
    trace = capture_torch(model, x, "int8")
    assert trace.positions.tolist() == [0, 1, 2, 3] * 3
    for layer_id in ("fc2", "fc3"):
        assert set(np.unique(expected[layer_id])) <= {-1, 0, 1}
        np.testing.assert_array_equal(trace.spike_counts(f"{layer_id}.in"), by_sample(expected[layer_id]))
    integers = load_preset("int8").encoder_of(INPUTS)(by_sample(x.numpy()), "fc1.in")
    np.testing.assert_array_equal(trace.spike_counts("fc1.in"), integers.counts)
    assert any("read as a spiking network: fc2, fc3" in line for line in trace.origin["warnings"])
    assert trace.origin["spiking"] == {"samples": 3, "tokens": 1, "timesteps": 4}


def test_real_numbers_do_not_add_timesteps_to_streams_of_spikes(x) -> None:
    """A trace has one number of timesteps: spikes of one each would be charged for 15, with their idle updates."""
    with pytest.raises(ModelError, match=r"15 timesteps, and streams that spike already need 1.*int8"):
        capture_torch(Net(True), x, T15)
    assert capture_torch(Net(True), x).encoding.n_timesteps == 1  # real numbers are dense products


@pytest.mark.parametrize("preset", [None, T15, "int8"], ids=str)
def test_a_network_of_spikes_alone_has_one_timestep_per_row(events, preset) -> None:
    model = Net(loop=True)
    expected = spikes_of(model, events)
    trace = capture_torch(model, events, preset)
    assert trace.encoding.n_timesteps == 1
    np.testing.assert_array_equal(trace.spike_counts("fc1.in"), by_sample(events.numpy()))
    np.testing.assert_array_equal(trace.spike_counts("fc3.in"), by_sample(expected["fc3"]))
    assert not {op.kind for op in trace.ops} & {"encode"}


def test_synops_are_spikes_times_fan_out(events) -> None:
    model = Net(loop=False)
    expected = spikes_of(model, events)
    run = simulate(load_chip("sdllm-asic-45nm"), capture_torch(model, events, T15))
    fed = {"fc1": events.numpy(), **expected}
    for layer_id, fan_out in (("fc1", 12), ("fc2", 10), ("fc3", 4)):
        row = run.layers.set_index("owner").loc[layer_id]
        assert row["n_synapse.synop"] == fed[layer_id].sum() * fan_out


def test_the_network_is_left_as_it_was(events) -> None:
    model = Net(loop=True)
    with torch.no_grad():
        model(events)  # leaves membranes
    before = model.lif1.v.clone()
    capture_torch(model, events, T15)
    assert torch.equal(model.lif1.v, before)
    assert not model.lif1._forward_hooks


def test_spikes_false_encodes_and_true_is_no_question(x, events) -> None:
    trace = capture_torch(Net(loop=False), events, T15, spikes=False)
    assert set(np.unique(trace.spike_counts("fc1.in"))) == {0, 15}
    single = nn.Linear(16, 4)
    stepped = nn.Module()
    stepped.fc, stepped.forward = single, lambda steps: torch.stack([single(step) for step in steps])
    with pytest.raises(ModelError, match=r"called twice.*spikes=True"):
        capture_torch(stepped, x, T15)
    trace = capture_torch(stepped, x, T15, spikes=True)
    np.testing.assert_array_equal(trace.spike_counts("fc.in"), encode(by_sample(x.numpy()), T15).counts)


def test_real_inputs_without_a_preset_are_dense_products(x) -> None:
    """As papers count the first layer of a spiking network: n_in * n_out multiply-accumulates in each timestep."""
    model = Net(loop=True)
    expected = spikes_of(model, x)
    trace = capture_torch(model, x)
    assert [layer.layer_id for layer in trace.layers] == ["fc2", "fc3"]
    assert trace.encoding.n_timesteps == 1
    np.testing.assert_array_equal(trace.spike_counts("fc2.in"), by_sample(expected["fc2"]))
    op = trace.op_by_id["fc1"]
    assert op.work_per_token == {"vector.mac": (16 * 12, 0), "memory.read": (16 * 12 * 8, 0)}
    assert trace.stages[0].ops == ("fc1",)
    run = simulate(load_chip("sdllm-asic-45nm"), trace)
    assert run.ledger.rows.query("owner == 'fc1' and action == 'mac'")["count"].sum() == 12 * 16 * 12


def test_real_numbers_alone_without_a_preset_are_refused(x) -> None:
    model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    for spikes in (None, True):
        with pytest.raises(ModelError, match="0: fed real numbers, expected spikes where no preset is given"):
            capture_torch(model, x[0], spikes=spikes)


class Counting(nn.Module):
    """Integer spike counts: values are rounded to -7 to 7 in front of each layer, as Int2Spike does."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.fc1, self.fc2 = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.fc2(self.rounded(self.fc1(self.rounded(x))))

    @staticmethod
    def rounded(x):
        return (x / x.abs().amax(-1, keepdim=True) * 7).round()


def test_integer_counts_are_taken_directly() -> None:
    x = torch.randn(4, 6)
    model = Counting()
    trace = capture_torch(model, x, T15)
    counts = model.rounded(x)
    np.testing.assert_array_equal(trace.spike_counts("fc1.in"), counts.numpy())
    np.testing.assert_array_equal(trace.spike_counts("fc2.in"), model.rounded(model.fc1(counts)).detach().numpy())
    assert trace.encoding == Encoding("ternary", 7)  # as many timesteps as the largest count
    assert capture_torch(model, x).encoding == Encoding("ternary", 7)
    assert any(
        "fc1.in: counts up to 7, so one timestep of the network is 7 of the chip" in w for w in trace.origin["warnings"]
    )
    np.testing.assert_array_equal(trace.counts("fc1.in"), trace.spike_counts("fc1.in"))  # the earlier name


def test_counts_that_the_code_cannot_hold_are_refused() -> None:
    with pytest.raises(ModelError, match="preset binary: counts 0 to 7, and the network sends -7 to 7; take a signed"):
        capture_torch(Counting(), torch.randn(4, 6), Encoding("binary", 15))


class Scaled(nn.Module):
    """A converted network: each channel has a spike of its own size."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.fc1, self.fc2, self.lif = nn.Linear(16, 12), nn.Linear(12, 4), LIF(signed=True)
        self.register_buffer("size", torch.linspace(0.5, 1.7, 12))

    def forward(self, x):
        return torch.stack([self.fc2(self.lif(self.fc1(step)) * self.size) for step in x])


def test_spikes_of_one_size_per_channel_are_spikes(events) -> None:
    trace = capture_torch(Scaled(), events, T15)
    assert set(np.unique(trace.spike_counts("fc2.in"))) == {-1, 0, 1}
    assert any("fc2: each channel has a spike of its own size" in line for line in trace.origin["warnings"])


class ReadOut(nn.Module):
    """The classifier reads mean rates, once per sample."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.fc1, self.fc2, self.lif = nn.Linear(16, 12), nn.Linear(12, 4), LIF()

    def forward(self, x):
        return self.fc2(torch.stack([self.lif(self.fc1(step)) for step in x]).mean(0))


def test_a_read_out_of_rates_has_the_last_row_of_each_sample(events) -> None:
    model = ReadOut()
    trace = capture_torch(model, events, "int8", spikes=True)
    rates = torch.stack([model.lif(model.fc1(step)) for step in events]).mean(0).detach().numpy()
    counts = trace.spike_counts("fc2.in").reshape(3, 4, 12)
    integers = load_preset("int8").encoder_of(INPUTS)(rates, "fc2.in")
    np.testing.assert_array_equal(counts[:, 3], integers.counts)
    assert not counts[:, :3].any()
    assert any("fc2: called once for all timesteps" in line for line in trace.origin["warnings"])


def test_a_module_that_is_used_twice_in_a_timestep_is_refused(events) -> None:
    class Twice(Net):
        def forward(self, x):
            return torch.stack(
                [self.fc2(self.lif2(self.fc2(self.lif1(self.fc1(step)))[:, :1].expand(-1, 12))) for step in x]
            )

    with pytest.raises(ModelError, match="used twice per timestep"):
        capture_torch(Twice(loop=True), events, T15)


@pytest.mark.parametrize("loop", [True, False])
def test_time_axis_and_tokens(events, loop) -> None:
    """[T, samples, tokens, n] becomes rows by sample, token and timestep."""
    tokens = torch.stack([events, events.flip(0)], 2)  # [4, 3, 2, 16]
    trace = capture_torch(Net(loop), tokens, T15)
    assert trace.origin["spiking"] == {"samples": 3, "tokens": 2, "timesteps": 4}
    expected = tokens.numpy().transpose(1, 2, 0, 3).reshape(-1, 16)
    np.testing.assert_array_equal(trace.spike_counts("fc1.in"), expected)
    assert trace.positions.tolist() == [*range(8)] * 3


def test_without_a_time_axis_the_axes_are_samples_and_tokens(events) -> None:
    model = nn.Sequential(nn.Linear(16, 4))
    trace = capture_torch(model, events, T15, time_axis=None)
    assert trace.origin["spiking"] == {"samples": 4, "tokens": 3, "timesteps": 1}
    np.testing.assert_array_equal(trace.spike_counts("0.in"), events.numpy().reshape(-1, 16))


def test_timesteps_and_samples_in_one_axis(events) -> None:
    """Layers between containers of SpikingJelly see [T * N, C]."""

    class Flat(Net):
        def forward(self, x):
            hidden = torch.stack([self.lif1(current) for current in self.fc1(x)])
            return self.fc2(hidden.flatten(0, 1))

    trace = capture_torch(Flat(loop=False), events, T15, allow_partial=True)
    np.testing.assert_array_equal(
        trace.spike_counts("fc2.in"), capture_torch(Net(True), events, T15).spike_counts("fc2.in")
    )


def test_containers_that_flatten_everything_keep_the_timesteps_of_the_inputs(events) -> None:
    class Container(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(16, 4)

        def forward(self, x):
            return self.fc(x.flatten(0, 1)).view(*x.shape[:2], -1)

    trace = capture_torch(Container(), events, T15)
    assert trace.origin["spiking"] == {"samples": 3, "tokens": 1, "timesteps": 4}
    np.testing.assert_array_equal(trace.spike_counts("fc.in"), by_sample(events.numpy()))


class Vision(nn.Module):
    """As spiking transformers: an image is repeated T times and layers get [T * N, tokens, n]."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(10)
        self.fc1, self.fc2, self.head, self.lif = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3), LIF()

    def forward(self, x):  # [N, tokens, 6]
        current = self.fc1(x.repeat(4, 1, 1, 1).flatten(0, 1)).unflatten(0, (4, -1))
        spikes = torch.stack([self.lif(step) for step in current])
        return self.head(self.fc2(spikes.flatten(0, 1)).unflatten(0, (4, -1)).mean((0, 2)))


def test_timesteps_that_the_inputs_do_not_show_are_an_argument() -> None:
    x = (torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(11)) < 0.5).float()
    trace = capture_torch(Vision(), x, "int8", timesteps=4)
    assert trace.origin["spiking"] == {"samples": 2, "tokens": 5, "timesteps": 4}
    np.testing.assert_array_equal(trace.spike_counts("fc1.in"), x.numpy().reshape(10, 6).repeat(4, axis=0))
    rows = np.flatnonzero(trace.spike_counts("head.in").any(axis=1))
    assert rows.tolist() == [19, 39]  # once per sample, after all of its tokens and timesteps


@pytest.mark.parametrize("axis", [2, -1, 5])
def test_an_axis_of_time_that_is_not_there_is_refused(events, axis) -> None:
    with pytest.raises(ModelError, match=r"fc1: time_axis .*, expected an axis of \[4, 3, 16\] before the last"):
        capture_torch(Net(loop=False), events, T15, time_axis=axis)


class RunningSum(nn.Linear):
    """As SpikingJelly's TDLinear: what is multiplied is the running sum of the spikes that the module gets."""

    def forward(self, x):
        summed = nn.functional.linear(x.cumsum(0), self.weight)
        return torch.cat([summed[:1], summed.diff(dim=0)]) + self.bias


class Converted(nn.Module):
    """The feed-forward part and the head of a converted language model, [timesteps, samples, tokens, n]."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(9)
        self.table, self.up, self.down = nn.Embedding(20, 8), nn.Linear(8, 12), RunningSum(12, 8)
        self.register_buffer("step", torch.linspace(0.1, 0.3, 12))

    def forward(self, ids, attention_mask):
        x = self.table(ids)
        counts = (self.up(torch.stack([x] + [torch.zeros_like(x)] * 5)).sum(0) / self.step).round().clamp(-6, 6)
        spikes = torch.stack([(counts.abs() > t) * counts.sign() for t in range(6)]) * self.step
        return nn.functional.linear(self.down(spikes).sum(0), self.table.weight)


def test_a_converted_language_model_sends_its_spikes_and_no_padding() -> None:
    ids = torch.tensor([[3, 4, 5, 6], [0, 0, 7, 8]])
    model, inputs = Converted(), {"ids": ids, "attention_mask": (ids > 0).long()}
    trace = capture_torch(model, inputs, "int8")
    assert trace.origin["spiking"] == {"samples": 2, "tokens": 4, "timesteps": 6}
    assert trace.positions.tolist() == [*range(24), *range(12)]
    x = model.table(ids[ids > 0])
    unbiased = model.up(x) + 5 * model.up.bias  # the bias comes in every timestep
    counts = (unbiased / model.step).round().clamp(-6, 6).detach().numpy()
    spikes = trace.spike_counts("down.in").reshape(6, 6, 12)  # token, timestep
    np.testing.assert_array_equal(spikes.sum(1), counts)
    np.testing.assert_array_equal(np.abs(spikes).sum(1), np.abs(counts))
    head = next(layer for layer in trace.layers if layer.n_out == 20)
    assert not trace.spike_counts(head.stream).reshape(6, 6, 8)[:, :5].any()  # once for all timesteps


def test_padding_of_a_spiking_network_is_left_out(events) -> None:
    tokens = torch.stack([events, events.flip(0)], 2)
    mask = torch.tensor([[True, True], [False, True], [True, False]])
    trace = capture_torch(Net(True), tokens, T15, token_mask=mask)
    assert trace.positions.tolist() == [*range(8), *range(4), *range(4)]
    whole = capture_torch(Net(True), tokens, T15)
    rows = np.repeat(mask.numpy().reshape(-1), 4)
    np.testing.assert_array_equal(trace.spike_counts("fc3.in"), whole.spike_counts("fc3.in")[rows])


def test_a_plain_network_on_binary_inputs_still_computes_with_real_numbers() -> None:
    x = (torch.rand(5, 16) < 0.5).float()
    torch.manual_seed(8)
    model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    trace = capture_torch(model, x, T15)
    np.testing.assert_array_equal(trace.spike_counts("0.in"), x.numpy())
    assert trace.spike_counts("2.in").max() == 15
    assert any(line.startswith("0: is fed integers, which are used as") for line in trace.origin["warnings"])
    pixels = torch.randint(0, 256, (5, 16)).float()
    trace = capture_torch(model, pixels, T15)
    np.testing.assert_array_equal(trace.spike_counts("0.in"), encode(pixels.numpy(), T15).counts)
    assert any("0: is fed integers that are not counts of 15 levels" in line for line in trace.origin["warnings"])


def test_a_spiking_trace_is_a_file_like_any_other(events, tmp_path) -> None:
    trace = capture_torch(Net(True), events)
    save_trace(trace, tmp_path / "snn.npz")
    again = load_trace(tmp_path / "snn.npz")
    np.testing.assert_array_equal(again.spike_counts("fc2.in"), trace.spike_counts("fc2.in"))
