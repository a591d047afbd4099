"""Every example in a public docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import evsim

MODULES = [
    "evsim",
    *(m.name for m in pkgutil.walk_packages(evsim.__path__, "evsim.") if not m.name.endswith("_core")),
]
NEEDS = {
    "evsim.analysis.spectra": "scipy",
    "evsim.io.neo_trains": "neo",
    "evsim.plot.trains": "scipy",
    "evsim.torch": "torch",
}
"""Packages that only the examples of a module need."""


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"the examples of {name} need {NEEDS[name]}")
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
