"""The structure that a model sees in a text: its series and its matrix of similarities."""

import numpy as np
from jaxtyping import Float, Float64

from jaxemb.statistics.similarities import unit_rows


def similarity_matrix(
    vectors: Float[np.ndarray, "texts width"],
) -> Float64[np.ndarray, "texts texts"]:
    """Cosine of every text with every other; 0 for a zero vector.

    Example:
        >>> similarity_matrix(np.array([[2.0, 0.0], [0.0, 3.0]])).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    vectors = unit_rows(np.asarray(vectors, np.float64))
    return vectors @ vectors.T


def adjacent_similarity(
    vectors: Float[np.ndarray, "texts width"],
) -> Float64[np.ndarray, " pairs"]:
    """Cosine of every text with the next: the first superdiagonal of the similarity matrix.

        a_i = cos(s_i, s_{i+1}),  i = 1 .. n - 1

    Example:
        >>> adjacent_similarity(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])).tolist()
        [1.0, 0.0]
    """
    vectors = unit_rows(np.asarray(vectors, np.float64))
    return np.sum(vectors[:-1] * vectors[1:], axis=1)
