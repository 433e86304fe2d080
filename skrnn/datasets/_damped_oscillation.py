"""Generator of a damped cosine."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from skrnn._common.typing import validate_params


@validate_params(
    {
        "n": [Interval(Integral, 2, None, closed="left")],
        "tau": [Interval(Real, 0, None, closed="neither")],
        "stop": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def make_damped_oscillation(
    n: int = 200, tau: float = 5, stop: float = 5 * np.pi
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Generate a damped oscillation, ``y = exp(-x / tau) * cos(x)``.

    The series contains no noise, and each value is an exact linear function of the two previous values.

    Parameters
    ----------
    n : int, default=200
        Number of points. At least 2.

    tau : float, default=5
        Time constant of the decay, in the unit of `x`: the amplitude decreases by a factor of ``e`` in this time.

    stop : float, default=5 * pi
        Last value of `x`. The first value is 0, and the period is ``2 * pi``.

    Returns
    -------
    x : ndarray of shape (n,)
        Evenly spaced times from 0 to `stop`, inclusive.

    y : ndarray of shape (n,)
        Values of the series at these times.

    Raises
    ------
    ValueError
        If a parameter is invalid.

    See Also
    --------
    load_sunspots : Load yearly sunspot numbers, a real series with a cycle.

    Examples
    --------
    >>> from skrnn.datasets import make_damped_oscillation
    >>> x, y = make_damped_oscillation()
    >>> x.shape, y.shape
    ((200,), (200,))
    >>> print(f"{y[0]:.3f} {y[-1]:.3f}")
    1.000 -0.043
    """
    x = np.linspace(0.0, stop, n)
    return x, np.exp(-x / tau) * np.cos(x)
