"""What can be seen in C++ text without a compiler: which functions it has at namespace scope, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLANK = re.compile(
    r"""
    //(?:\\\n|[^\n])*                               # comments
    | /\*.*?(?:\*/|\Z)
    | (?:u8|[uUL])?R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)"  # strings
    | "(?:\\.|[^"\\\n])*"
    | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:)[ \t]*(?P<word>\w*)(?P<rest>(?:\\\n|[^\n])*)", re.MULTILINE)
_TOKEN = re.compile(r"[A-Za-z_]\w*|[(){};=]")
_NO_FUNCTION = {
    "if",
    "while",
    "for",
    "switch",
    "alignas",
    "decltype",
    "noexcept",
    "requires",
    "__attribute__",
    "sizeof",
}
_NO_FUNCTION |= {"static_assert", "explicit", "operator", "return", "EVSIM_PARAMETERS", "EVSIM_NEURON_MODEL"}
_CLOSING = {"(": ")", "{": "}"}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function: its text, and its name, which may be empty."""

    text: str
    name: str

    @property
    def is_copy(self) -> bool:
        """Whether the function gets a value of its own that it may write."""
        return not re.search(r"[&*]|\bconst\b|\[", self.text)


@dataclass(frozen=True)
class Function:
    """A function at namespace scope: defined, or, without a body, declared.

    Parameters
    ----------
    name : str
        Without the namespaces it is in.
    offset : int
        Of the name in the text.
    parameters, body : slice
        What is between the parentheses and between the braces.
    is_conditional : bool
        Whether an ``#if`` decides if it is there.
    """

    name: str
    offset: int
    parameters: slice
    body: slice | None
    is_conditional: bool


def line_of(text: str, offset: int) -> int:
    r"""Return the number of the line, from 1 on.

    Examples
    --------
    >>> line_of("a\nb", 2)
    2
    """
    return text.count("\n", 0, offset) + 1


def blanked(text: str) -> str:
    """Return the text with comments, strings, directives and ``#if 0`` as spaces, so that offsets stay.

    Examples
    --------
    >>> blanked('a "b" // c')
    'a          '
    """
    return _without_directives(_BLANK.sub(lambda match: _spaces(match.group()), text))[0]


def functions(text: str) -> list[Function]:
    """Return the functions at namespace scope, in their order.

    Examples
    --------
    >>> [f.name for f in functions("namespace a { int f(int x) { return g(x); } } void h();")]
    ['f', 'h']
    """
    code, conditional = _without_directives(_BLANK.sub(lambda match: _spaces(match.group()), text))
    return list(_functions(code, conditional))


def parameters_of(function: Function, text: str) -> list[Parameter]:
    """Return the parameters of a function.

    Examples
    --------
    >>> text = "void f(float weight, const float*);"
    >>> parameters_of(functions(text)[0], text)
    [Parameter(text='float weight', name='weight'), Parameter(text='const float*', name='')]
    """
    depth, parts = 0, [""]
    for letter in blanked(text)[function.parameters]:
        depth += (letter in "([{<") - (letter in ")]}>")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    found = []
    for part in map(str.strip, parts):
        declared = part.partition("=")[0].strip()
        name = re.search(r"[\s*&](\w+)\s*(?:\[[^\]]*\])*$", declared)
        found.append(Parameter(declared, name[1] if name else ""))
    return found if found != [Parameter("", "")] else []


def _functions(code: str, conditional: list[tuple[int, int]]) -> Iterator[Function]:
    statement: list[str] = []  # words since the last statement
    candidate: tuple[str, int, slice] | None = None
    at = 0
    while token := _TOKEN.search(code, at):
        word, at = token.group(), token.end()
        if word == "(":
            end = _end(code, token.start())
            name = statement[-1] if statement else ""
            if name and name not in _NO_FUNCTION and "=" not in statement:
                candidate = (name, code.rindex(name, 0, token.start()), slice(token.end(), end))
            at = end + 1
        elif word == "{" and not candidate and ("namespace" in statement or statement[-1:] == ["extern"]):
            statement = []  # what follows is at namespace scope too
        elif word in "{;}":
            end = _end(code, token.start()) if word == "{" else token.start()
            if candidate and word != "}":
                body = slice(token.end(), end) if word == "{" else None
                inside = any(first <= candidate[1] < last for first, last in conditional)
                yield Function(*candidate, body, inside)
            at = max(at, end + 1) if word == "{" else at
            statement, candidate = [], None
        else:
            statement.append(word)


def _end(code: str, start: int) -> int:
    """Return where the bracket at `start` is closed; the end of the text if it is not."""
    opening, closing, depth = code[start], _CLOSING[code[start]], 0
    for bracket in re.compile(f"[{re.escape(opening + closing)}]").finditer(code, start):
        depth += 1 if bracket.group() == opening else -1
        if depth == 0:
            return bracket.start()
    return len(code)


def _spaces(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _without_directives(code: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the code without directives and ``#if 0``, and the stretches between ``#if`` and ``#endif``."""
    parts, done = [], 0
    conditional: list[tuple[int, int]] = []
    opened: list[int] = []
    dead: int | None = None  # how many conditions are open around an #if 0
    for directive in _DIRECTIVE.finditer(code):
        before = code[done : directive.start()]
        parts.append(before if dead is None else _spaces(before))
        parts.append(_spaces(directive.group()))
        done, word = directive.end(), directive["word"]
        if word.startswith("if"):
            opened.append(directive.start())
            if word == "if" and directive["rest"].strip() == "0" and dead is None:
                dead = len(opened)
        elif word in ("else", "elif", "elifdef", "elifndef") and dead == len(opened):
            dead = None
        elif word == "endif" and opened:
            dead = None if dead == len(opened) else dead
            conditional.append((opened.pop(), directive.start()))
    parts.append(code[done:] if dead is None else _spaces(code[done:]))
    return "".join(parts), conditional
