"""Settings of all Python tests."""

from hypothesis import settings

settings.register_profile("evsim", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("evsim")
