"""The command ``evsim``."""
