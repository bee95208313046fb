"""Similarity series and matrices of one model."""

import numpy as np
from scipy.spatial.distance import cdist

from jaxemb.analysis import adjacent_similarity, similarity_matrix


def test_the_series_is_the_superdiagonal_of_the_matrix():
    vectors = np.random.default_rng(1).normal(size=(30, 8))
    matrix, series = similarity_matrix(vectors), adjacent_similarity(vectors)
    np.testing.assert_allclose(matrix, 1 - cdist(vectors, vectors, "cosine"), atol=1e-12)
    np.testing.assert_allclose(series, np.diagonal(matrix, 1), atol=1e-12)
    np.testing.assert_allclose(adjacent_similarity(vectors[::-1]), series[::-1], atol=1e-12)


def test_a_zero_vector_is_like_nothing():
    assert adjacent_similarity(np.zeros((3, 2))).tolist() == [0, 0]
    assert similarity_matrix(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
