"""Every test has a cache of its own."""

import pytest

from evsim.jit import compiler


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EVSIM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("EVSIM_COMPILE_TIMEOUT", raising=False)
    monkeypatch.setattr("evsim.jit.folder._temporary", None)
    return tmp_path / "cache"


@pytest.fixture
def wrapper(tmp_path, monkeypatch):
    from compiling import Wrapper  # skips where there is no compiler, which a conftest must not

    made = Wrapper(tmp_path / "bin")
    monkeypatch.setenv("CXX", str(made.path))
    yield made
    compiler._find.cache_clear()


@pytest.fixture
def user_folder(tmp_path):
    (tmp_path / "user").mkdir()
    return tmp_path / "user"
