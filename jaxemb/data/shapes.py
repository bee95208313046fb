"""Which lengths a batch's texts are padded to: at most three programs are compiled in a run."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from jaxemb.text import bucket

Shape = tuple[int, ...]
_SHARES = (0.5, 0.75, 0.9, 1.0)


def few_shapes(
    longest: Int[np.ndarray, "batches columns"], limits: Sequence[int], weights: Sequence[int]
) -> tuple[Shape, ...]:
    """At most three shapes, a length for each column, of which the last is the largest.

    It has room for every text or, where limits are far away, for texts twice as long as the longest
    of the sample. The first two are taken from quantiles of what sample batches need, so that these
    have as little padding as two shapes allow.

    Args:
        longest: tokens of the longest text of each column of each sample batch.
        limits: tokens that no text of a column exceeds.
        weights: how many texts a row has in each column.

    Example:
        >>> few_shapes(np.array([[9, 20], [10, 25], [12, 30], [40, 64]]), (64, 64), (1, 1))
        ((16, 32), (48, 64), (64, 64))
    """
    most = longest.max(axis=0).tolist()
    whole = tuple(bucket(min(2 * n, limit), limit) for n, limit in zip(most, limits, strict=True))
    found = np.quantile(longest, _SHARES, axis=0, method="higher")
    offered = {tuple(map(bucket, row, limits)) for row in found.astype(int).tolist()} - {whole}
    choices = [
        (*sorted(chosen), whole)
        for count in range(min(2, len(offered)) + 1)
        for chosen in itertools.combinations(sorted(offered), count)
    ]
    return min(choices, key=lambda shapes: (_padded(longest, shapes, weights), len(shapes), shapes))


def fitting(longest: Sequence[int], shapes: Sequence[Shape]) -> Shape | None:
    """The first shape that has room for the longest text of each column; None where none has."""
    fits = (s for s in shapes if all(n <= size for n, size in zip(longest, s, strict=True)))
    return next(fits, None)


def _padded(
    longest: Int[np.ndarray, "batches columns"], shapes: Sequence[Shape], weights: Sequence[int]
) -> int:
    rows = (fitting(row, shapes) for row in longest.tolist())
    return sum(sum(w * n for w, n in zip(weights, row, strict=True)) for row in rows)
