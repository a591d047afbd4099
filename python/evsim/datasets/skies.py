"""Star fields of many kinds, drawn at random."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import InvalidArgumentError
from .star_fields import StarField, star_field

SkyKind = Literal["bright", "faint", "mixed", "slow"]

_RATES = {"bright": (250.0, 500.0), "faint": (90.0, 160.0), "mixed": (80.0, 500.0), "slow": (80.0, 500.0)}
_NOISE = {"bright": (0.1, 0.6), "faint": (0.4, 0.6), "mixed": (0.1, 0.6), "slow": (0.1, 0.6)}
_SPEEDS = {"bright": (5.0, 150.0), "faint": (5.0, 150.0), "mixed": (5.0, 150.0), "slow": (5.0, 15.0)}
_DRIFT = (4.0, 30.0)
_RESTING = 0.25


def random_star_field(kind: SkyKind = "mixed", *, seed: int | None = None, **fixed: Any) -> StarField:
    """A star field whose arguments are drawn at random, for tests of detectors.

    240 x 180 pixels over 2 seconds; 1 to 5 satellites, whose speeds differ by up to 2 times within a recording and by
    up to 30 times between recordings; 10 to 80 stars, which drift at 4 to 30 pixels per second in any direction,
    and rest in a quarter of the recordings; 0 to 20 hot pixels of 20 to 300 events per second.

    =========  =========================  =======================  ==============================
    kind       events per second          noise                    speed beside the stars
               of a satellite             (events/s per pixel)     (pixels per second)
    =========  =========================  =======================  ==============================
    "bright"   250 to 500                 0.1 to 0.6               5 to 150
    "faint"    90 to 160                  0.4 to 0.6               5 to 150
    "mixed"    80 to 500                  0.1 to 0.6               5 to 150
    "slow"     80 to 500                  0.1 to 0.6               5 to 15
    =========  =========================  =======================  ==============================

    Parameters
    ----------
    kind : str
    seed : int, optional
        Same kind, seed and fixed arguments, same recording. None: a new one each time.
    **fixed
        Arguments of :func:`star_field` that are not drawn: ``noise_rate=0.3``, for instance.

    Returns
    -------
    StarField
        Its ``parameters`` are what was drawn.

    Raises
    ------
    InvalidArgumentError
        An unknown kind, or an argument is outside its domain.

    Examples
    --------
    >>> from evsim.datasets import random_star_field
    >>> field = random_star_field("faint", seed=1)
    >>> field.events.width, field.events.height, 0.4 <= field.parameters["noise_rate"] <= 0.6
    (240, 180, True)
    """
    if kind not in _RATES:
        raise InvalidArgumentError(f"kind must be one of {', '.join(_RATES)}, got {kind!r}")
    own = np.random.SeedSequence(seed, spawn_key=(list(_RATES).index(kind),))
    rng = np.random.default_rng(own.spawn(1)[0])
    drift, angle = np.exp(rng.uniform(*np.log(_DRIFT))), rng.uniform(0, 2 * np.pi)
    resting = rng.random() < _RESTING
    slowest = float(np.exp(rng.uniform(*np.log(_SPEEDS[kind]))))
    drawn: dict[str, Any] = {
        "width": 240,
        "height": 180,
        "duration": 2_000_000,
        "n_stars": int(rng.integers(10, 81)),
        "n_satellites": int(rng.integers(1, 6)),
        "star_velocity": (0.0, 0.0) if resting else (float(drift * np.cos(angle)), float(drift * np.sin(angle))),
        "satellite_speed": (slowest, min(2 * slowest, _SPEEDS[kind][1])),
        "satellite_rate": _RATES[kind],
        "relative": True,
        "noise_rate": float(rng.uniform(*_NOISE[kind])),
        "n_hot_pixels": int(rng.integers(0, 21)),
        "hot_pixel_rate": float(np.exp(rng.uniform(np.log(20.0), np.log(300.0)))),
        "seed": int(own.generate_state(1)[0]),
    }
    return star_field(**{**drawn, **fixed})
