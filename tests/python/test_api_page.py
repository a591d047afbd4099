"""docs/api.md is readable as it is: a table of all public names with what each is, true to the docstrings."""

import importlib.util
import inspect
import types
from pathlib import Path

import pytest

import evsim

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
MODULES = [
    "evsim",
    *(f"evsim.{n}" for n in evsim.__all__ if isinstance(getattr(evsim, n), types.ModuleType) and n != "filters"),
    "evsim.events.filters",
    "evsim.jit",
    "evsim.spikeseg.training",
    "evsim.torch",
]
NEEDS = {"evsim.torch": "torch"}
"""Packages without which a module cannot be imported."""


def summary(value):
    doc = inspect.getdoc(value) or ""
    text = " ".join(doc.split("\n\n")[0].split())
    return (
        text.replace(":class:", "").replace(":func:", "").replace(":meth:", "").replace(":mod:", "").replace("|", "\\|")
    )


def table(name):
    module = importlib.import_module(name)
    lines = [f"### {name}", "", "| name | what it is |", "|---|---|"]
    for public in sorted(module.__all__, key=str.lower):
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value):
            lines.append(f"| `{public}` | {summary(value)} |")
    return "\n".join(lines)


@pytest.mark.parametrize("name", MODULES)
def test_the_page_has_a_line_for_every_public_name(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{name} needs {NEEDS[name]}")
    assert table(name) in PAGE.read_text(encoding="utf-8"), f"docs/api.md: run python {Path(__file__).name}"


if __name__ == "__main__":  # writes the tables anew
    before, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- tables -->\n")
    old, _, after = rest.partition("<!-- end of tables -->\n")
    kept = {part.partition("\n")[0]: f"### {part.strip()}" for part in old.split("### ")[1:]}
    missing = {name for name, package in NEEDS.items() if importlib.util.find_spec(package) is None}
    tables = "\n\n".join(kept[name] if name in missing else table(name) for name in MODULES)
    PAGE.write_text(f"{before}<!-- tables -->\n\n{tables}\n\n<!-- end of tables -->\n{after}", encoding="utf-8")
