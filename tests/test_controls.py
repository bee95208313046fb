"""Rows that stand beside every method."""

import numpy as np

from jaxemb.controls import RandomVectors


def test_equal_texts_have_equal_random_directions_whatever_they_hold():
    texts = ["sort", "π", "\ud800 alone", "sort"]
    vectors = RandomVectors(dim=8)._embed(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[3])
    assert abs(vectors[0] @ vectors[1]) < 0.999 and abs(vectors[0] @ vectors[2]) < 0.999
