"""Exceptions of evsim.

Each also derives from the built-in exception that describes it, so ``except ValueError`` works as one would
expect. The C++ core raises the same classes.
"""


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


class StreamError(EvsimError, RuntimeError):
    """Spikes that lie before the time already simulated."""


class RunawaySpikingError(EvsimError, RuntimeError):
    """A neuron that would fire without end at one instant."""


class FileFormatError(EvsimError, ValueError):
    """A file that is truncated, damaged or of another kind."""


class MissingDependencyError(EvsimError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""
