"""Corrections of p values for how many there are."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64

Probabilities = Sequence[float] | Float[np.ndarray, " tests"]


def holm(ps: Probabilities) -> Float64[np.ndarray, " tests"]:
    """p values corrected so that any false rejection at all has probability at most α.

    Sorted p_(1) ≤ ... ≤ p_(m):  corrected p_(i) = min(1, max_{j ≤ i} (m - j + 1) p_(j)).

    Reference: Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979).

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    ps = _valid(ps)
    order = np.argsort(ps)
    stepped = np.maximum.accumulate(ps[order] * np.arange(len(ps), 0, -1))
    corrected = np.empty_like(ps)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def benjamini_hochberg(ps: Probabilities) -> Float64[np.ndarray, " tests"]:
    """p values corrected so that the expected share of false rejections is at most α.

    Sorted p_(1) ≤ ... ≤ p_(m):  corrected p_(i) = min_{j ≥ i} m p_(j) / j.

    Reference: Benjamini and Hochberg, Controlling the False Discovery Rate (1995);
    scipy.stats.false_discovery_control.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(9).tolist()
        [0.03, 0.04, 0.04]
    """
    from scipy.stats import false_discovery_control

    return false_discovery_control(_valid(ps))


def _valid(ps: Probabilities) -> Float64[np.ndarray, " tests"]:
    ps = np.asarray(ps, np.float64)
    if not np.all((ps >= 0) & (ps <= 1)):
        raise ValueError("p values must lie between 0 and 1")
    return ps
