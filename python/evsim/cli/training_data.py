"""Tables of samples: features and what they stand for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._lib.optional import require
from .._lib.paths import as_path, open_regular
from ..errors import FileFormatError, InvalidArgumentError
from ..io.numpy_files import DAMAGE

Floats = npt.NDArray[np.float64]


class Table(NamedTuple):
    """Samples.

    Attributes
    ----------
    features : ndarray, shape (n, n_features)
    targets : ndarray, shape (n,)
        Classes of any type, or numbers.
    """

    features: Floats
    targets: npt.NDArray[Any]


def read_table(file: str, folder: Path) -> Table:
    """Read "digits", an .npz with the arrays X and y, or a .csv whose last column is y; paths are seen from `folder`.

    Raises
    ------
    FileFormatError
        The file is none of these, its rows are no finite numbers of one length, or y is neither numbers nor text.
    MissingDependencyError
        Digits without scikit-learn.
    """
    if file == "digits":
        return digits()
    path = folder / as_path(file, "data.file")
    if path.suffix.lower() not in (".npz", ".csv"):
        raise InvalidArgumentError(f"data.file must be digits, an .npz or a .csv, got {file!r}")
    features, targets = _of_npz(path) if path.suffix.lower() == ".npz" else _of_csv(path)
    if features.ndim > 2:
        features = features.reshape(len(features), math.prod(features.shape[1:]))
    if features.ndim != 2 or targets.shape != (len(features),) or not features.size:
        raise FileFormatError(
            f"{path}: X must be rows of features and y one for each, got {features.shape}, {targets.shape}"
        )
    if not np.all(np.isfinite(features)):
        raise FileFormatError(f"{path}: X must be finite")
    return Table(features, targets)


def digits() -> Table:
    """Return scikit-learn's 1,797 handwritten digits, 8 x 8 pixels from 0 to 16.

    Notes
    -----
    UCI ML repository, "Optical Recognition of Handwritten Digits", 1998; the part that is its test set.
    """
    features, targets = require("sklearn.datasets", "scikit-learn", "demo", "reading digits").load_digits(
        return_X_y=True
    )
    return Table(features, targets)


def _of_npz(path: Path) -> tuple[Floats, npt.NDArray[Any]]:
    with open_regular(path) as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                features, targets = arrays["X"], arrays["y"]
        except DAMAGE as error:
            raise FileFormatError(f"{path}: no arrays X and y of numbers: {error}") from None
    for name, array, kinds in (("X", features, "biuf"), ("y", targets, "biufSU")):
        if array.dtype.kind not in kinds:
            raise FileFormatError(
                f"{path}: {name} must be numbers{' or text' if name == 'y' else ''}, not {array.dtype}"
            )
    if targets.dtype.kind == "S":
        targets = np.char.decode(targets, "utf-8", "replace")
    return features.astype(np.float64), targets


def _of_csv(path: Path) -> tuple[Floats, npt.NDArray[Any]]:
    with open_regular(path) as file:
        lines = file.read().decode("utf-8-sig", "replace").splitlines()
    numbered = [(number, line.split(",")) for number, line in enumerate(lines, start=1) if line.strip()]
    rows = [[cell.strip() for cell in row] for _, row in numbered]
    n_names = int(_is_of_names(rows))
    numbers, rows = [number for number, _ in numbered][n_names:], rows[n_names:]
    if not rows or len(rows[0]) < 2:
        raise FileFormatError(f"{path}: no rows of features and a last column of what they stand for")
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(rows[0]) or not all(map(_is_number, row[:-1])):
            raise FileFormatError(f"{path}: line {number} is not {len(rows[0]) - 1} numbers and what they stand for")
    last = [row[-1] for row in rows]
    targets = np.array(last, np.float64) if all(map(_is_number, last)) else np.array(last)
    return np.array([row[:-1] for row in rows], np.float64), targets


def _is_of_names(rows: list[list[str]]) -> bool:
    """Whether a table begins with names of columns: no feature is a number, or y is one in all rows but the first."""
    if not rows:
        return False
    *features, target = rows[0]
    if not any(map(_is_number, features)):
        return True
    return len(rows) > 1 and not _is_number(target) and all(_is_number(row[-1]) for row in rows[1:])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def split(targets: npt.NDArray[Any] | None, n: int, share: float, seed: int) -> tuple[Any, Any]:
    """Divide 0 to n - 1 at random: the rest, and that `share`; of each class alike, where there are classes.

    Examples
    --------
    >>> rest, chosen = split(np.array([0, 0, 0, 0, 1, 1]), 6, 0.5, seed=1)
    >>> len(rest), len(chosen), sorted(chosen >= 4)
    (3, 3, [np.False_, np.False_, np.True_])
    """
    rng = np.random.default_rng(seed)
    groups = [np.arange(n)] if targets is None else [np.flatnonzero(targets == one) for one in np.unique(targets)]
    parts: tuple[list[Any], list[Any]] = ([], [])
    for group in groups:
        order, n_chosen = rng.permutation(group), round(share * len(group))
        parts[0].append(order[n_chosen:])
        parts[1].append(order[:n_chosen])
    return np.concatenate(parts[0]), np.concatenate(parts[1])
