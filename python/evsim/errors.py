"""Exceptions of evsim.

Each also derives from the built-in exception that describes it, so ``except ValueError`` works as one would
expect. The C++ core raises the same classes.
"""

__all__ = [
    "BusyError",
    "CompilerNotFoundError",
    "DTypeError",
    "DeviceError",
    "EmptyNetworkError",
    "EvsimError",
    "FileFormatError",
    "IndexOutOfRangeError",
    "InvalidArgumentError",
    "KernelCacheError",
    "KernelCompileError",
    "KernelError",
    "KernelLoadError",
    "MemoryLimitError",
    "MissingDependencyError",
    "NoSuchParameterError",
    "NonFiniteError",
    "NotRunError",
    "RankFailedError",
    "RunawaySpikingError",
    "ShapeMismatchError",
    "StreamError",
    "UnsortedSpikesError",
]


class EvsimError(Exception):
    """Base class of all errors that evsim raises on purpose."""


class InvalidArgumentError(EvsimError, ValueError):
    """A value outside its domain, such as a time constant that is not positive."""


class NonFiniteError(EvsimError, ValueError):
    """NaN or infinity where a finite number is needed."""


class UnsortedSpikesError(EvsimError, ValueError):
    """Times that decrease where they must not."""


class IndexOutOfRangeError(EvsimError, IndexError):
    """A neuron, layer or spike index that does not exist."""


class ShapeMismatchError(EvsimError, ValueError):
    """Array lengths or layer sizes that do not fit together."""


class DTypeError(EvsimError, TypeError):
    """An array whose type cannot be converted without changing its values."""


class MemoryLimitError(EvsimError, MemoryError):
    """A request for more memory than the machine has."""


class EmptyNetworkError(EvsimError, RuntimeError):
    """A network without layers was asked to compute."""


class NotRunError(EvsimError, RuntimeError):
    """A result was asked for before the call that makes it."""


class NoSuchParameterError(EvsimError, AttributeError):
    """A parameter or result that the layer's neuron model does not have."""


class BusyError(EvsimError, RuntimeError):
    """A call on a network that is running one already, made by a signal handler in the same thread."""


class StreamError(EvsimError, RuntimeError):
    """Spikes that lie before the time already simulated."""


class RunawaySpikingError(EvsimError, RuntimeError):
    """A neuron that would fire without end at one instant."""


class FileFormatError(EvsimError, ValueError):
    """A file that is truncated, damaged or of another kind."""


class MissingDependencyError(EvsimError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class DeviceError(EvsimError, RuntimeError):
    """There is no GPU, or no driver for it."""


class CompilerNotFoundError(EvsimError, RuntimeError):
    """No C++20 compiler; the message says what was tried and what to install."""


class KernelCompileError(EvsimError, RuntimeError):
    """A kernel that does not compile; the message has the compiler's words."""


class KernelCacheError(EvsimError, OSError):
    """A folder for compiled kernels that others could write to, or none that can be written to at all."""


class UnsupportedError(EvsimError, NotImplementedError):
    """What is asked for has a meaning, but evsim does not do it."""


class RankFailedError(EvsimError, RuntimeError):
    """Another of the processes that share a network has failed; the message says which, and how."""


class KernelLoadError(EvsimError, RuntimeError):
    """A compiled kernel that cannot be loaded or was made for another version."""


class KernelError(EvsimError, RuntimeError):
    """An exception thrown by a user's kernel while it ran."""


class TraceIndexError(KernelError, IndexError):
    """A callback asked for a trace that does not exist; kernels made with ``debug=True`` look for that."""


class ActivityWarning(UserWarning):
    """A layer of which most neurons never fire, or fire all the time; the message says what to change."""


class RecordingWarning(UserWarning):
    """A recording that was read, but not all of it; the message says what was left out and where."""


def __dir__() -> list[str]:
    return sorted(__all__)
