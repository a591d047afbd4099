"""Settings of all Python tests."""

import gpu
import pytest
from hypothesis import settings

settings.register_profile("evsim", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("evsim")


@pytest.fixture(scope="session", autouse=True)
def kernel_cache(tmp_path_factory):
    """A folder for compiled kernels that all tests share, and the user's own cache does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVSIM_CACHE_DIR", str(tmp_path_factory.mktemp("kernels")))
        yield


def pytest_report_header():
    return gpu.describe()
