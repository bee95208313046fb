"""Which of two scores goes better with a third, over the same things, such as models."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Num

from jaxemb.config import UsageError
from jaxemb.statistics.comparison import Comparison
from jaxemb.statistics.metrics import spearman

Points = Sequence[float | int] | Num[np.ndarray, " points"]


def correlation_difference(x: Points, other: Points, y: Points) -> Comparison:
    """How much better `x` goes with `y` than `other` does: ρ(x, y) - ρ(other, y), by Spearman.

    All three are measured on the same things, so neither correlation is known apart from the other:
    the variance comes from leaving out one thing at a time.

    Raises:
        UsageError: there are fewer than four points.

    Example:
        >>> found = correlation_difference([1, 2, 3, 4, 5], [2, 1, 5, 4, 3], [1, 2, 3, 5, 4])
        >>> round(found.effect, 3), found.degrees
        (0.3, 4)
    """
    columns = np.array([x, other, y], np.float64)
    points = columns.shape[1]
    if points < 4:
        raise UsageError(f"Correlations are compared over at least four points, not {points}.")
    without = np.array([_gain(np.delete(columns, point, 1)) for point in range(points)])
    return Comparison(
        effect=_gain(columns),
        seed_variance=0.0,
        example_variance=float((points - 1) * np.var(without)),
        degrees=points - 1,
        clusters=points,
    )


def _gain(columns: Float64[np.ndarray, "3 points"]) -> float:
    return spearman(columns[0], columns[2]) - spearman(columns[1], columns[2])
