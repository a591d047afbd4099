"""C++ text to shared library: the compiler of this machine, and a cache of what it made."""

from .._lib.modules import only_public
from .cache import Entry, build, clear, entries
from .compiler import Compiler, find_compiler
from .folder import cache_folder

__all__ = ["Compiler", "Entry", "build", "cache_folder", "clear", "entries", "find_compiler"]


__dir__ = only_public(__all__)
