"""Similarity series and matrices of two models, and how far they agree."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import kstest, pearsonr

from jaxemb.analysis import (
    adjacent_similarity,
    disagreements,
    family_tree,
    mantel,
    pairs_above,
    similarity_matrix,
    smoothed,
)
from jaxemb.config import UsageError


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(30, 8))


def test_the_series_is_the_superdiagonal_of_the_matrix(vectors):
    matrix, series = similarity_matrix(vectors), adjacent_similarity(vectors)
    np.testing.assert_allclose(matrix, 1 - cdist(vectors, vectors, "cosine"), atol=1e-12)
    np.testing.assert_allclose(series, np.diagonal(matrix, 1), atol=1e-12)
    np.testing.assert_allclose(adjacent_similarity(vectors[::-1]), series[::-1], atol=1e-12)
    assert adjacent_similarity(np.zeros((3, 2))).tolist() == [0, 0]
    np.testing.assert_allclose(smoothed(series, 3)[4], series[4:7].mean())
    assert len(smoothed(series, 3)) == 27


def test_pairs_are_counted_once_and_none_with_itself(vectors):
    matrix = similarity_matrix(vectors)
    expected = [matrix[i, j] for i in range(30) for j in range(i + 1, 30)]
    np.testing.assert_array_equal(pairs_above(matrix), expected)


def test_a_turned_copy_agrees_wholly_and_strangers_do_not(vectors):
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))[0]
    one = similarity_matrix(vectors)
    same = mantel(one, similarity_matrix(5 * vectors @ turn), permutations=99)
    assert same.correlation == pytest.approx(1, abs=1e-12) and same.p == 0.01
    rng = np.random.default_rng(3)
    many, others = rng.normal(size=(2, 2001, 64))
    series = adjacent_similarity(many), adjacent_similarity(others)
    assert abs(pearsonr(*series).statistic) < 0.06
    other = similarity_matrix(others[:30])
    found = mantel(one, other, permutations=99)
    assert found.correlation == pytest.approx(
        pearsonr(pairs_above(one), pairs_above(other)).statistic
    )
    assert found.p > 0.02


def test_the_p_value_of_strangers_is_uniform_though_pairs_share_texts():
    """A common direction makes pairs of one text vary together: entries are far from independent."""
    rng = np.random.default_rng(4)
    values = []
    for trial in range(120):
        one, other = rng.normal(size=(2, 12, 3)) + 1.0
        matrices = similarity_matrix(one), similarity_matrix(other)
        values.append(mantel(*matrices, permutations=99, seed=trial).p)
    assert kstest(values, "uniform").pvalue > 0.01
    assert np.mean(np.array(values) <= 0.05) < 0.12


def test_the_worst_disagreement_is_found(vectors):
    series = adjacent_similarity(vectors)
    changed = 3 * series + 1  # another scale is no disagreement
    assert disagreements(series, np.exp(changed), k=29).tolist() == list(range(29))
    place = int(np.argmax(series))
    changed[place] = -100
    assert disagreements(series, changed, k=1).tolist() == [place]


def test_models_that_agree_are_merged_first():
    agreement = np.array(
        [[1, 0.2, 0.9, 0.1], [0.2, 1, 0.3, 0.8], [0.9, 0.3, 1, 0], [0.1, 0.8, 0, 1]]
    )
    tree = family_tree(agreement)
    assert [set(row[:2].astype(int)) for row in tree] == [{0, 2}, {1, 3}, {4, 5}]
    np.testing.assert_allclose(tree[0, 2], 0.1)


def test_matrices_of_other_texts_are_refused(vectors):
    one = similarity_matrix(vectors)
    with pytest.raises(UsageError, match="at least three"):
        mantel(one, one[:5, :5])
    with pytest.raises(UsageError, match="at least three"):
        mantel(one[:2, :2], one[:2, :2])
