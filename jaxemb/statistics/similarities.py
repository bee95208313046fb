"""How alike the two vectors of a pair are, in the four ways that benchmarks report."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64, Int

Vectors = Float[np.ndarray, "pairs width"]
Scores = Float64[np.ndarray, " pairs"]

ROUNDING = 1e-6
"""Cosines closer than this are equal: float32 sums of the same numbers differ by as much."""


def unit_rows(vectors: Float[np.ndarray, "... width"]) -> Float[np.ndarray, "... width"]:
    """Vectors scaled to Euclidean length 1 along the last axis, in their dtype; zeros stay zeros.

        v / |v|

    Example:
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


def at_least_as_high(
    scores: Float[np.ndarray, "rows candidates"], answers: Float[np.ndarray, " rows"]
) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"]]:
    """How many scores of each row are higher than its answer's, and how many as high or higher.

    Scores that differ by rounding alone are equal. The first count says where the answer stands if
    ties do not count against it, the second if all of them do.

    Example:
        >>> above, not_below = at_least_as_high(np.array([[0.9, 0.5, 0.1]]), np.array([0.5]))
        >>> above.tolist(), not_below.tolist()
        ([1], [2])
    """
    answers = np.asarray(answers)[:, None]
    return np.sum(scores > answers + ROUNDING, axis=1), np.sum(scores >= answers - ROUNDING, axis=1)


def cosine(first: Vectors, second: Vectors) -> Scores:
    """cos = 1 - |a/|a| - b/|b||² / 2, which is 1 exactly for equal vectors, so that these tie.

    Example:
        >>> cosine(np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]])).round(9).tolist()
        [0.8]
    """
    apart = unit_rows(np.asarray(first, np.float64)) - unit_rows(np.asarray(second, np.float64))
    return 1 - np.einsum("pw,pw->p", apart, apart) / 2


def dot(first: Vectors, second: Vectors) -> Scores:
    """a · b."""
    return np.einsum("pw,pw->p", np.asarray(first, np.float64), np.asarray(second, np.float64))


def euclidean(first: Vectors, second: Vectors) -> Scores:
    """-|a - b|: larger is more alike, as with the others."""
    return -np.linalg.norm(np.asarray(first, np.float64) - second, axis=1)


def manhattan(first: Vectors, second: Vectors) -> Scores:
    """-Σ |a_i - b_i|."""
    return -np.abs(np.asarray(first, np.float64) - second).sum(axis=1)


SIMILARITIES: dict[str, Callable[[Vectors, Vectors], Scores]] = {
    "cosine": cosine,
    "dot": dot,
    "euclidean": euclidean,
    "manhattan": manhattan,
}
"""Name to function; larger always means more alike."""


def by_similarity(first: Vectors, second: Vectors) -> dict[str, Scores]:
    """Every similarity of row i with row i.

    Example:
        >>> scores = by_similarity(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
        >>> {name: values.round(4).tolist() for name, values in scores.items()}
        {'cosine': [0.0], 'dot': [0.0], 'euclidean': [-1.4142], 'manhattan': [-2.0]}
    """
    return {name: similarity(first, second) for name, similarity in SIMILARITIES.items()}
