"""The text of a CUDA program, and the options that NVRTC compiles it with."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from ...errors import InvalidArgumentError
from ...kernels import INCLUDE_FOLDER, NeuronType, Source, compile_folder, definitions, unit


@dataclass(frozen=True)
class Program:
    """A translation unit for NVRTC."""

    name: str
    text: str = field(repr=False)
    options: tuple[str, ...]


def dense_program(
    neuron: NeuronType,
    callbacks: Source | None,
    dtype: str,
    compile_path: str | PathLike[str] | None = None,
    *,
    file: str = "dense.cu",
) -> Program:
    """Return the program of a dense layer: the kernels in a file of ``kernels/cuda``.

    Multiplications and additions are fused where the headers say so and nowhere else, as on the CPU.
    """
    if callbacks and callbacks.debug:
        raise InvalidArgumentError(
            f"{callbacks.name}: kernels with debug=True run on the CPU; leave debug or device out"
        )
    tail = [
        f"#define EVSIM_MODEL {neuron.cpp_type}\n",
        *(["#define EVSIM_RULE evsim::UserRule\n"] if callbacks else []),
    ]
    text = unit(
        definitions(callbacks, dtype, "cuda", compile_folder(compile_path)),
        neuron,
        callbacks,
        [*tail, f"#include <cuda/{file}>\n"],
    )
    sources = [source for source in (callbacks, neuron.source) if source]
    folders = [INCLUDE_FOLDER, INCLUDE_FOLDER / "cuda" / "std"]
    folders += [Path(source.path).parent for source in sources if source.path]
    # CuPy's cache looks at text and options only, so what is included has to be named there.
    included = hashlib.sha256(_headers_of_evsim().encode())
    for source in sources:
        for content in source.own_headers():
            included.update(content)
    return Program(
        sources[0].name if sources else neuron.name,
        f"// includes {included.hexdigest()}\n{text}",
        ("-std=c++20", "--device-as-default-execution-space", "--fmad=false", *(f"-I{folder}" for folder in folders)),
    )


@functools.cache
def _headers_of_evsim() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in INCLUDE_FOLDER.rglob("*") if path.is_file()):
        digest.update(path.relative_to(INCLUDE_FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
