"""Fixtures of all Python tests."""

import machines
import pytest


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc):
    """A test that takes `machine` runs on all of them, one right after the other: they share the oracle's answers."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "machine" in metafunc.fixturenames and not any(mark.args[0] == "machine" for mark in marks):
        metafunc.parametrize("machine", machines.MACHINES, ids=str, indirect=True)


@pytest.fixture
def machine(request):
    """One of the :mod:`machines`, in use."""
    with request.param.in_use():
        yield request.param
