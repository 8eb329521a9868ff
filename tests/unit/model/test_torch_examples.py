"""The examples of TORCH.md run as they stand, with stand-ins for spiking libraries that are not installed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import simulator

torch = pytest.importorskip("torch", reason="needs the extra torch")
from tests.support.spiking_libraries import LIFCell, LIFNode, put_in_place  # noqa: E402

# The libraries warn of what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
PAGE = Path(simulator.__file__).parent / "model" / "TORCH.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_run_one_after_another(monkeypatch) -> None:
    put_in_place(monkeypatch)
    torch.manual_seed(0)
    names: dict[str, object] = {}
    assert len(BLOCKS) == 5
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)


def steps(seed: int, n: int = 6):
    return 2 * torch.randn(n, 3, 4, generator=torch.Generator().manual_seed(seed))


def test_a_stand_in_of_norse_has_its_dynamics() -> None:
    norse = pytest.importorskip("norse.torch", reason="the stand-in is compared where norse is installed")
    ours, theirs = LIFCell(), norse.LIFCell()
    state, other = None, None
    for step in steps(1, 40):
        spikes, state = ours(step, state)
        expected, other = theirs(step, other)
        np.testing.assert_array_equal(spikes, expected.detach())


def test_a_stand_in_of_spikingjelly_has_its_dynamics() -> None:
    neuron = pytest.importorskip(
        "spikingjelly.activation_based.neuron", reason="the stand-in is compared where spikingjelly is installed"
    )
    ours, theirs = LIFNode(), neuron.LIFNode()
    for step in steps(2):
        np.testing.assert_array_equal(ours(step), theirs(step).detach())


def test_a_stand_in_of_snntorch_has_its_dynamics() -> None:
    snn = pytest.importorskip("snntorch", reason="the stand-in is compared where snntorch is installed")
    from tests.support.spiking_libraries import Leaky

    ours, theirs = Leaky(0.9, 0.3), snn.Leaky(beta=0.9, threshold=0.3)
    membrane, other = ours.init_leaky(), theirs.init_leaky()
    for step in steps(3):
        spikes, membrane = ours(step, membrane)
        expected, other = theirs(step, other)
        np.testing.assert_array_equal(spikes, expected.detach())
