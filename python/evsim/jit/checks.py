"""What is asked of callback sources beyond the language: names, traces and weights that can only be mistakes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ..errors import KernelCompileError
from .scan import Function, blanked, functions, line_of, parameters_of

CALLBACKS = ("on_pre_neuron", "on_pre_synapse", "on_post_neuron", "on_post_synapse", "on_delivery")
_TAU = ("neuron_traces_tau", "synaptic_traces_tau")
# Which argument of a callback holds which traces.
_TRACES = {
    "on_delivery": {1: "neuron", 2: "synaptic"},
    "on_pre_neuron": {1: "neuron"},
    "on_post_neuron": {0: "neuron"},
    "on_pre_synapse": {1: "neuron", 2: "synaptic"},
    "on_post_synapse": {1: "neuron", 2: "synaptic"},
}
_OF_SYNAPSE = "real weight or real& weight, const real* neuron_traces, real* synaptic_traces"
_ARGUMENTS = {
    "on_delivery": "real weight, const real* neuron_traces, real* synaptic_traces",
    "on_pre_neuron": "real weight, real* neuron_traces",
    "on_post_neuron": "real* neuron_traces",
    "on_pre_synapse": _OF_SYNAPSE,
    "on_post_synapse": _OF_SYNAPSE,
}
_MORE_ARGUMENTS = ", then, if it likes, const Parameters& and const Context&; real is the network's dtype"
_TAU_ARGUMENTS = (
    "(double tau_syn, double tau_mem), (double tau_mem) or nothing, then, if it likes, const Parameters&, and return "
    "evsim::time_constants(...)"
)
_POINTER = re.compile(
    r"(?P<before>const[ \t]+)?(?P<type>(?:evsim[ \t]*::[ \t]*)?real|float|double)(?P<after>[ \t]+const)?[ \t]*"
    r"(?:\*(?:[ \t]*(?:const\b|__restrict__\b|__restrict\b))*(?![ \t]*[*&])|(?P<name>\w+)?[ \t]*\[[^\]]*\])"
)


def refuse_mistakes(text: str, name: str, *, weights_are_written: bool = True) -> None:
    """Raise an error for an unknown function that begins with ``on_`` and for a weight whose new value is lost.

    Callbacks that cannot write weights, such as those for EvSpikeSim, may use their copies as they like.

    Raises
    ------
    KernelCompileError
        The message begins with the file and the line, as those of a compiler do.
    """
    for function in functions(text):
        if function.name.startswith("on_") and function.name not in CALLBACKS:
            near = difflib.get_close_matches(function.name, CALLBACKS, 1)
            raise KernelCompileError(
                f"{name}:{line_of(text, function.offset)}: error: there is no callback {function.name}"
                f"{f'; did you mean {near[0]}?' if near else ''} Callbacks are {', '.join(CALLBACKS)}; "
                "names that begin with on_ are kept for them"
            )
        if weights_are_written and function.name in CALLBACKS and (line := _lost_weight(function, text)):
            advice = "only on_pre_synapse and on_post_synapse change weights, and"
            raise KernelCompileError(
                f"{name}:{line}: error: {function.name} writes a copy of the weight, which is lost; "
                f"{f'{advice} they' if function.name == 'on_pre_neuron' else 'callbacks'} change one that they take as "
                "`real& weight`"
            )


def assertions(text: str) -> Iterator[tuple[int, str]]:
    """Yield what the compiler is asked after a source, each with the user's line that it is about.

    As assertions and not as macros: a compiler's message begins where the words of a condition stand.
    """
    found = functions(text)
    line = {function.name: line_of(text, function.offset) for function in reversed(found)}
    any_callback = " || ".join(f"evsim::defined<evsim::UserCallbacks::Call_{name}>" for name in CALLBACKS)
    yield 1, _assertion(any_callback, f"the kernel defines none of {', '.join(CALLBACKS)}")
    for name in CALLBACKS:
        holds = f"evsim::UserRule::has_{name[3:]} || !evsim::defined<evsim::UserCallbacks::Call_{name}>"
        gives = "; it returns what arrives" if name == "on_delivery" else ""
        yield line.get(name, 1), _assertion(holds, f"{name} must take ({_ARGUMENTS[name]}){_MORE_ARGUMENTS}{gives}")
    for name in _TAU:
        yield line.get(name, 1), _assertion(f"evsim::UserRule::has_{name}", f"{name} must take {_TAU_ARGUMENTS}")
    for function in found:
        if not function.is_conditional and function.body is not None:
            yield from _assertions_of(function, text)


def _assertions_of(function: Function, text: str) -> Iterator[tuple[int, str]]:
    name = function.name
    if name in (*CALLBACKS, *_TAU):
        seen = f"evsim::defined<evsim::UserCallbacks::Call_{name}>"
        hint = f"{name} is not seen: callbacks stand at the top level of the file, in no namespace"
        yield line_of(text, function.offset), _assertion(seen, hint)
    for line, kind, index in _trace_indices(function, text):
        exists = f"0 <= ({index}) && ({index}) < evsim::UserRule::n_{kind}_traces"
        hint = f"{name}: there is no {kind} trace {index}; {kind}_traces_tau returns one time constant for each"
        yield line, _assertion(exists, hint)


def _assertion(condition: str, message: str) -> str:
    return f'static_assert({condition}, "{message}");\n'


def with_checked_traces(text: str) -> str:
    """Return the text with pointers to numbers, where functions take them, that know their bounds.

    Examples
    --------
    >>> with_checked_traces("void on_post_neuron(evsim::real* traces) { traces[2] = 1; }")
    'void on_post_neuron(evsim::Traces<evsim::real> traces) { traces[2] = 1; }'
    """
    code = blanked(text)
    parts, done = [], 0
    for function in functions(text):
        for pointer in _POINTER.finditer(code, function.parameters.start, function.parameters.stop):
            constant = "const " if pointer["before"] or pointer["after"] else ""
            parts += [text[done : pointer.start()], f"evsim::Traces<{constant}{pointer['type']}>"]
            parts.append(f" {pointer['name']}" if pointer["name"] else "")
            done = pointer.end()
    return "".join([*parts, text[done:]])


def _lost_weight(function: Function, text: str) -> int | None:
    """Return the line of the last writing of a weight that is a copy, if nothing reads it after that."""
    parameters = parameters_of(function, text)
    if function.body is None or not parameters or not parameters[0].is_copy or not parameters[0].name:
        return None
    code, name = blanked(text), re.escape(parameters[0].name)
    writing = rf"(?<![\w.>:])(?:{name}\s*(?:[-+*/]|<<|>>|[&|^%])?=(?!=)|(?:\+\+|--)\s*{name}\b|{name}\s*(?:\+\+|--))"
    written = [*re.compile(writing).finditer(code, function.body.start, function.body.stop)]
    if not written:
        return None
    end = code.find(";", written[-1].end(), function.body.stop)
    read_later = re.compile(rf"\b{name}\b").search(code, max(end, written[-1].end()), function.body.stop)
    repeated = re.compile(r"\b(?:for|while|do|return)\b").search(code, function.body.start, function.body.stop)
    return None if read_later or repeated else line_of(text, written[-1].start())


def _trace_indices(function: Function, text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the kind of trace and the number where a callback names a trace by a plain number."""
    if function.body is None or function.name not in _TRACES:
        return
    code, parameters = blanked(text), parameters_of(function, text)
    for position, kind in _TRACES[function.name].items():
        name = parameters[position].name if position < len(parameters) else ""
        if not name or re.search(rf"[\w*&>]\s+[*&]?{name}\b\s*[=;,){{\[]", _declarations(code[function.body])):
            continue  # another variable of this name
        indexed = re.compile(rf"(?<![\w.>:]){name}\s*\[\s*(-?\s*\d+)[uUlLzZ]*\s*\]")
        for match in indexed.finditer(code, function.body.start, function.body.stop):
            yield line_of(text, match.start()), kind, match[1]


def _declarations(body: str) -> str:
    """Return the body without the keywords after which a name is no declaration."""
    return re.sub(r"\b(?:return|else|case|throw|co_return)\b", ";", body)
