"""NIR graphs: counted by hand, refused by name, and spike for spike what snnTorch sent."""

import re
from itertools import pairwise

import numpy as np
import pytest

import simulator
from simulator.errors import ModelError
from simulator.model.nir_spikes import read_spikes
from simulator.trace.trace_files import load_trace

nir = pytest.importorskip("nir", reason="needs the extra nir")


def lif(n):
    ones = np.ones(n)
    return nir.LIF(tau=ones, r=ones, v_leak=0 * ones, v_threshold=ones)


def affine(n_out, n_in):
    return nir.Affine(weight=np.ones((n_out, n_in)), bias=np.zeros(n_out))


def graph(edges=None, **nodes):
    """A graph whose edges follow the order of its nodes where they are not given."""
    names = list(nodes)
    return nir.NIRGraph(nodes, edges or list(pairwise(names)))


def chain(*, n=(4, 3, 2)):
    return graph(
        input=nir.Input({"input": np.array([n[0]])}),
        fc1=affine(n[1], n[0]),
        lif1=lif(n[1]),
        fc2=affine(n[2], n[1]),
        lif2=lif(n[2]),
        output=nir.Output({"output": np.array([n[2]])}),
    )


def spikes(n_steps=5, samples=2, **sizes):
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 2, (n_steps, samples, n)) for name, n in sizes.items()}


def test_a_chain_is_two_streams_whose_rows_are_timesteps_of_one_sample_after_the_other():
    recorded = spikes(input=4, lif1=3)
    trace = simulator.trace_from_nir(chain(), recorded)
    assert [(layer.layer_id, layer.stream, layer.n_in, layer.n_out) for layer in trace.layers] == [
        ("fc1", "input", 4, 3),
        ("fc2", "lif1", 3, 2),
    ]
    assert [(stage.stage_id, stage.sources, stage.layers) for stage in trace.stages] == [
        ("input", (), ("fc1",)),
        ("lif1", ("fc1",), ("fc2",)),
        ("outputs", ("fc2",), ()),
    ]
    assert trace.positions.tolist() == [0, 1, 2, 3, 4] * 2
    for population, values in recorded.items():
        expected = np.concatenate([values[:, 0], values[:, 1]])
        np.testing.assert_array_equal(trace.load_counts(population), expected)


def test_synops_are_spikes_times_fan_out():
    recorded = spikes(input=4, lif1=3)
    trace = simulator.trace_from_nir(chain(), recorded)
    run = simulator.simulate(simulator.load_chip("loihi-like"), trace)
    rows = run.ledger.rows
    counted = rows[rows["action"] == "synop"]["count"].sum()
    assert counted == recorded["input"].sum() * 3 + recorded["lif1"].sum() * 2


def test_two_layers_on_one_population_share_its_stream_and_a_skip_arrives_at_its_own_neurons():
    both = graph(
        [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("input", "skip"), ("fc2", "lif2"), ("skip", "lif2")],
        input=nir.Input({"input": np.array([4])}),
        fc1=affine(3, 4),
        skip=affine(2, 4),
        lif1=lif(3),
        fc2=affine(2, 3),
        lif2=lif(2),
    )
    trace = simulator.trace_from_nir(both, spikes(input=4, lif1=3))
    assert trace.stages[0].layers == ("fc1", "skip")
    assert set(trace.stages[-1].sources) == {"fc2", "skip"}
    assert trace.stages[1].sources == ("fc1",)


def test_a_convolution_is_a_matrix_whose_excess_is_said():
    # 1 x 4 x 4, kernel 3 x 3, padding 1: per axis 2 + 3 + 3 + 2 = 10 pairs of a position and a kernel row in the image
    conv = nir.Conv2d((4, 4), np.ones((2, 1, 3, 3)), stride=1, padding=1, dilation=1, groups=1, bias=np.zeros(2))
    net = graph(
        input=nir.Input({"input": np.array([1, 4, 4])}),
        conv=conv,
        lif1=lif((2, 4, 4)),
        flat=nir.Flatten({"input": np.array([2, 4, 4])}, start_dim=0),
        fc=affine(5, 32),
        lif2=lif(5),
        output=nir.Output({"output": np.array([5])}),
    )
    recorded = {"input": np.ones((3, 1, 4, 4)), "lif1": np.zeros((3, 32))}
    trace = simulator.trace_from_nir(net, recorded)
    assert [(layer.n_in, layer.n_out) for layer in trace.layers] == [(16, 32), (32, 5)]
    (said,) = [line for line in trace.origin["warnings"] if line.startswith("conv")]
    assert f"{16 * 32 / (2 * 10 * 10):.1f} times its 200 synapses" in said


def test_real_inputs_are_dense_products():
    recorded = {"input": np.full((5, 4), 0.5), "lif1": np.ones((5, 3))}
    trace = simulator.trace_from_nir(chain(), recorded)
    assert [stream.stream_id for stream in trace.streams] == ["lif1"]
    assert trace.op_by_id["fc1"].work_per_token["vector.mac"] == (12, 0)


REFUSED = {
    "recurrence through": lambda: graph(
        [("input", "fc1"), ("fc1", "lif1"), ("lif1", "back"), ("back", "lif1"), ("lif1", "output")],
        input=nir.Input({"input": np.array([4])}),
        fc1=affine(3, 4),
        lif1=lif(3),
        back=affine(3, 3),
        output=nir.Output({"output": np.array([3])}),
    ),
    "fed by the weights fc1": lambda: graph(
        input=nir.Input({"input": np.array([4])}), fc1=affine(3, 4), fc2=affine(2, 3), lif1=lif(2)
    ),
    "a Scale, expected one of": lambda: graph(
        input=nir.Input({"input": np.array([4])}), scale=nir.Scale(np.ones(4)), fc1=affine(3, 4), lif1=lif(3)
    ),
    "expected weights in front of neurons": lambda: graph(
        input=nir.Input({"input": np.array([4])}), lif1=lif(4), fc1=affine(3, 4), lif2=lif(3)
    ),
    "no weights, expected": lambda: graph(
        input=nir.Input({"input": np.array([4])}), output=nir.Output({"output": np.array([4])})
    ),
    "a NIRGraph, expected one of": lambda: graph(
        [("input", "fc1"), ("fc1", "inner")],
        input=nir.Input({"input": np.array([4])}),
        fc1=affine(4, 4),
        inner=chain(),
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_a_trace_cannot_hold_is_refused_by_name(words):
    with pytest.raises(ModelError, match=re.escape(words)):
        simulator.trace_from_nir(REFUSED[words](), spikes(input=4, lif1=3))


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        ({"input": np.ones((5, 4))}, "lif1: no spikes recorded"),
        ({"input": np.ones((5, 4)), "lif1": np.ones((5, 7))}, "recorded [5, 7], expected [timesteps, 3]"),
        ({"input": np.ones((5, 4)), "lif1": np.ones((6, 3))}, "6 timesteps of 1 samples, expected 5 of 1"),
        ({"input": np.ones((5, 4)), "lif1": np.full((5, 3), 0.3)}, "values such as 0.3, expected spikes"),
        ({"input": np.full((5, 4), np.nan), "lif1": np.ones((5, 3))}, "not finite"),
        ({"input": np.full((5, 4), 40_000), "lif1": np.ones((5, 3))}, "expected at most 32767"),
        ({"input": np.ones((0, 4)), "lif1": np.ones((0, 3))}, "recorded [0, 4]"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(recorded, words):
    with pytest.raises(ModelError, match=re.escape(words)):
        simulator.trace_from_nir(chain(), recorded)


def test_files(tmp_path):
    nir.write(tmp_path / "net.nir", chain())
    recorded = spikes(input=4, lif1=3)
    np.savez(tmp_path / "spikes.npz", **recorded)
    from_files = simulator.trace_from_nir(tmp_path / "net.nir", read_spikes(tmp_path / "spikes.npz"))
    np.testing.assert_array_equal(from_files.load_counts("lif1"), np.concatenate(recorded["lif1"].swapaxes(0, 1)))
    (tmp_path / "text.nir").write_text("no graph")
    with pytest.raises(ModelError, match=r"text.nir: not a NIR graph \("):
        simulator.trace_from_nir(tmp_path / "text.nir", recorded)
    with pytest.raises(ModelError, match="no such file"):
        simulator.trace_from_nir(tmp_path / "absent.nir", recorded)
    np.savez(tmp_path / "objects.npz", input=np.array([None]))
    for name, words in (("absent.npz", "cannot read spikes"), ("text.nir", "cannot read"), ("objects.npz", "cannot")):
        with pytest.raises(ModelError, match=words):
            read_spikes(tmp_path / name)


@pytest.mark.filterwarnings("ignore")  # what snnTorch and nirtorch use of torch is deprecated
def test_spikes_of_snntorch_arrive_one_by_one():
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    snn = pytest.importorskip("snntorch", reason="needs snntorch")
    pytest.importorskip("nirtorch", reason="needs nirtorch")
    from snntorch.export_nir import export_to_nir

    torch.manual_seed(0)

    def leaky(n, **more):
        return snn.Leaky(beta=torch.full((n,), 0.9), threshold=torch.full((n,), 0.3), init_hidden=True, **more)

    net = torch.nn.Sequential(torch.nn.Linear(16, 12), leaky(12), torch.nn.Linear(12, 4), leaky(4, output=True))
    events = (torch.rand(20, 3, 16) < 0.3).float()
    exported = export_to_nir(net, events[0, 0])

    class Loop(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, steps):
            for layer in (self.net[1], self.net[3]):
                layer.reset_mem()
            return torch.stack([self.net(step)[0] for step in steps])

    sent = []
    handle = net[1].register_forward_hook(lambda module, fed, out: sent.append(out.detach().numpy().copy()))
    Loop()(events)
    handle.remove()
    assert 0 < np.mean(sent) < 1
    captured = simulator.capture_torch(Loop(), events)
    trace = simulator.trace_from_nir(exported, {"input": events.numpy(), "1": np.stack(sent)})
    ours, theirs = (  # two readings of one network: from its graph and its spikes, and from the module
        [
            (t.load_counts(s.stream_id), [layer.n_out for layer in t.layers if layer.stream == s.stream_id])
            for s in t.streams
        ]
        for t in (trace, captured)
    )
    for (counts, fan_out), (expected, expected_fan_out) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(counts, expected)
        assert fan_out == expected_fan_out

    # The neurons of the graph, fed through its weights what the trace holds, fire where snnTorch's fired
    node, weights = exported.nodes["1"], exported.nodes["0"]
    rows = trace.load_counts("input").reshape(3, 20, 16).astype(np.float32)
    v, fired = np.zeros((3, 12), np.float32), np.zeros((3, 12), bool)
    for step in range(20):
        current = rows[:, step] @ weights.weight.T + weights.bias
        # NIR's LIF, forward Euler with dt = 1e-4, whose tau and r snnTorch's export writes; reset by subtraction
        v = v + 1e-4 / node.tau * (node.v_leak - v + node.r * current) - fired * node.v_threshold
        fired = v > node.v_threshold
        np.testing.assert_array_equal(fired, trace.load_counts("1").reshape(3, 20, 12)[:, step] == 1)


def test_the_command(tmp_path):
    from typer.testing import CliRunner

    from simulator.cli import app

    nir.write(tmp_path / "net.nir", chain())
    np.savez(tmp_path / "spikes.npz", **spikes(input=4, lif1=3))
    out = tmp_path / "x.npz"
    args = ["import-nir", str(tmp_path / "net.nir"), "--spikes", str(tmp_path / "spikes.npz"), "--out", str(out)]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    assert load_trace(str(out)).n_tokens == 10
