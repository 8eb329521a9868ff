"""`import spikewatt` and `import simulator` give the same public names, and list them."""

import importlib

import pytest

import simulator
import spikewatt


def test_both_list_the_public_names():
    assert dir(spikewatt) == dir(simulator) == sorted([*simulator.__all__, "__version__"])
    assert spikewatt.__version__ == simulator.__version__


@pytest.mark.parametrize("name", simulator.__all__)
def test_each_name_is_one_object_with_a_docstring(name):
    assert getattr(spikewatt, name) is getattr(simulator, name)
    assert getattr(simulator, name).__doc__


@pytest.mark.parametrize("module", ["spikewatt", "simulator"])
def test_another_name_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'load_chips'"):
        _ = importlib.import_module(module).load_chips


def test_a_star_import_takes_the_public_names():
    names: dict[str, object] = {}
    exec("from spikewatt import *", names)
    assert set(simulator.__all__) == set(names) - {"__builtins__"}
