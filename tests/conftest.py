"""Settings of all Python tests."""

import os
import signal

import gpu
import pytest
from hypothesis import settings

settings.register_profile("evsim", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("evsim")

# A shell has what it runs in the background ignore Ctrl-C, and all its children: tests of Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def kernel_cache(tmp_path_factory):
    """Folders for compiled kernels that all processes of a test run share, and the user's own cache does not."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVSIM_CACHE_DIR", str(folder / "kernels"))
        patch.setattr("fake_cupy.builds", folder / "emulation")
        yield


def pytest_report_header():
    return gpu.describe()
