"""What modules show to completion: their public names, all of which exist, and nothing that they only use."""

import importlib
import inspect
import subprocess
import sys
import types

import pytest

import evsim


def public_modules():
    found, waiting = {}, [evsim]
    while waiting:
        module = waiting.pop()
        if module.__name__ in found:
            continue
        found[module.__name__] = module
        names = [getattr(module, name) for name in module.__all__]
        waiting += [value for value in names if isinstance(value, types.ModuleType)]
    for name in (
        "evsim.connections",
        "evsim.devices",
        "evsim.jit",
        "evsim.layer",
        "evsim.network",
        "evsim.probe",
        "evsim.spikes",
        "evsim.threads",
        "evsim.spikeseg.training",
    ):
        found[name] = importlib.import_module(name)
    return found


MODULES = public_modules()


def test_the_walk_finds_modules():
    assert {"evsim", "evsim.encoders", "evsim.io", "evsim.filters", "evsim.events.filters"} & set(MODULES)
    assert len(MODULES) > 20


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_shows_its_public_names_only(name):
    module = MODULES[name]
    shown = [shown for shown in dir(module) if not (shown.startswith("__") and shown.endswith("__"))]
    assert shown == sorted(set(module.__all__) - {"__version__"})
    assert not {"np", "npt", "annotations", "Any", "itertools", "dataclass"} & set(shown)
    for public in module.__all__:
        assert hasattr(module, public), public


@pytest.mark.parametrize("name", sorted(MODULES))
def test_public_functions_and_classes_are_documented(name):
    module = MODULES[name]
    assert inspect.getdoc(module)
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert inspect.getdoc(value), f"{name}.{public}"


def test_star_imports_bring_the_public_names():
    space = {}
    exec("from evsim.encoders import *", space)
    assert set(space) - {"__builtins__"} == set(evsim.encoders.__all__)


@pytest.mark.parametrize("name", ["no_such_name", "_no_such_module", "__no_such_thing__"])
def test_names_that_there_are_not(name):
    assert not hasattr(evsim, name)
    with pytest.raises(AttributeError, match=name):
        getattr(evsim, name)


def test_names_are_imported_when_they_are_asked_for():
    source = """
import sys, evsim
assert "numpy" not in sys.modules
assert evsim.SpikingNetwork.__module__ == "evsim.network"
assert evsim.filters is evsim.events.filters
from evsim import LIF, spikeseg, __version__
assert vars(evsim)["LIF"] is LIF
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
