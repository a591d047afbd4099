"""Plain values in files: JSON, or YAML where PyYAML is there."""

from __future__ import annotations

import json
from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any

from .._lib.optional import require
from .._lib.paths import as_path, open_regular
from ..errors import FileFormatError, InvalidArgumentError
from ..io.atomic import replacing

_JSON, _YAML = (".json", ".scfg"), (".yaml", ".yml")
_LARGEST = 1 << 28
"""Bytes of a file that is read: far more than any configuration, far less than memory."""


def _is_yaml(path: Path) -> bool:
    if path.suffix.lower() not in _JSON + _YAML:
        raise InvalidArgumentError(
            f"a configuration is written to a file that ends in {', '.join(_JSON + _YAML)}; got {path.name!r}"
        )
    return path.suffix.lower() in _YAML


def _yaml() -> Any:
    return require("yaml", "PyYAML", "yaml", "a YAML file")


def _loader(yaml: Any) -> type[Any]:
    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Of plain values, each name once: of several PyYAML takes the last, without a word."""

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            _require_once([key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            return node

    return Loader


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _require_once([name for name, _ in pairs])
    return dict(pairs)


def _require_once(names: list[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is given more than once")


def write_plain(values: dict[str, Any], path: str | PathLike[str]) -> None:
    """Write a mapping; the file is replaced in one step, or left alone on an error."""
    target = as_path(path)
    text = _yaml().safe_dump(values, sort_keys=False) if _is_yaml(target) else json.dumps(values, indent=2) + "\n"
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_plain(path: str | PathLike[str]) -> Any:
    """Read what :func:`write_plain` wrote. Raises FileFormatError and OSError; makes no objects of the file's own."""
    source = as_path(path)
    is_yaml = _is_yaml(source)
    yaml = _yaml() if is_yaml else None
    with open_regular(source) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise FileFormatError(f"larger than any configuration ({_LARGEST} bytes)")
    kind = "YAML" if is_yaml else "JSON"
    try:
        text = content.decode("utf-8")
        return yaml.load(text, _loader(yaml)) if yaml else json.loads(text, object_pairs_hook=_mapping)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"no {kind}: {str(error)[:200]}") from None
    except Exception as error:  # PyYAML's own, which have no base class but this
        if yaml is None or not isinstance(error, yaml.YAMLError):
            raise
        raise FileFormatError(f"no {kind}: {' '.join(str(error).split())[:200]}") from None
