"""A rule that looks at the membrane potential."""

from __future__ import annotations

from ..kernels import BatchUpdate, Kernel, shipped


def voltage_stdp(
    *,
    a: float = 0.1,
    b: float = 0.1,
    v_theta: float = 0.8,
    tau_calcium: float = 60.0,
    c_up: tuple[float, float] = (3.0, 13.0),
    c_down: tuple[float, float] = (3.0, 4.0),
    w_min: float = 0.0,
    w_max: float = 1.0,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    """Plasticity from the membrane potential at input spikes, and calcium from output spikes.

    An input spike adds `a` to the weight if the potential is above `v_theta` and calcium within `c_up`; it takes `b`
    away if the potential is at or below `v_theta` and calcium within `c_down`.

    Parameters
    ----------
    a, b : float
        Steps up and down.
    v_theta : float
        Threshold of the membrane potential.
    tau_calcium : float
        Time constant of calcium; an output spike adds 1 to it.
    c_up, c_down : tuple of float
        Lower and upper bounds of calcium for steps up and down.
    w_min, w_max : float
        Bounds of the weight.
    batch_update : {"sum", "mean"}
        See :class:`evsim.Kernel`.

    Returns
    -------
    Kernel

    Notes
    -----
    Brader, Senn & Fusi 2007, Neural Comput. 19, eqs. 3-5, with the weight itself in place of their internal variable
    and without its drift between spikes.

    Examples
    --------
    >>> import evsim
    >>> evsim.rules.voltage_stdp(v_theta=0.5).parameters["v_theta"]
    0.5
    """
    levels = {"c_up_low": c_up[0], "c_up_high": c_up[1], "c_down_low": c_down[0], "c_down_high": c_down[1]}
    values = {"a": a, "b": b, "v_theta": v_theta, "tau_calcium": tau_calcium, "w_min": w_min, "w_max": w_max}
    return Kernel(shipped("voltage_stdp.cpp"), parameters=values | levels, batch_update=batch_update)
