"""Settings of all Python tests."""

import gpu
from hypothesis import settings

settings.register_profile("evsim", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("evsim")


def pytest_report_header():
    return gpu.describe()
