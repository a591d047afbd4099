"""Values that arguments should never have, one argument at a time."""

import numpy as np

VALUES = {
    "text": "\N{SNOWMAN}",
    "bytes": b"ab",
    "None": None,
    "an object": object(),
    "a function": len,
    "complex": 0.5j,
    "ragged": [[1], [1, 2]],
    "a dict": {"a": [1]},
    "objects": np.array([None, "a"], object),
    "masked": np.ma.masked,
    "nothing": np.array([]),
    "nothing in nothing": [[[]]],
    "a matrix": np.ones((2, 3)),
    "True": True,
    "zero": 0,
    "negative": -1,
    "NaN": np.nan,
    "infinity": np.inf,
    "the smallest number": 5e-324,
    "the largest number": 1.7e308,
    "the largest size": 2**31 - 1,
    "two of the largest sizes": (2**31 - 1, 2**31 - 1),
    "an unsigned number": np.uint64(2**63),
    "half precision": np.float16(2),
    "a number beyond all": 2**200,
}


def one_wrong(arguments, options):
    """Calls in which one argument is a hostile value: what is wrong, arguments and options."""
    for name, value in VALUES.items():
        for k in range(len(arguments)):
            yield f"argument {k} is {name}", [*arguments[:k], value, *arguments[k + 1 :]], options
        for option in options:
            yield f"{option} is {name}", arguments, options | {option: value}
