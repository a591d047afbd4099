"""Where tests find what is not theirs."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
"""Recordings and digits; a test without its file skips."""
