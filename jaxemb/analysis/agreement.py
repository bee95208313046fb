"""Do two models see the same structure in a text? Series and matrices of similarity, compared."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from jaxemb.config import UsageError


def similarity_matrix(
    vectors: Float[np.ndarray, "texts width"],
) -> Float64[np.ndarray, "texts texts"]:
    """Cosine of every text with every other; 0 for a zero vector.

    Example:
        >>> similarity_matrix(np.array([[2.0, 0.0], [0.0, 3.0]])).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    vectors = _unit(vectors)
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
    vectors = _unit(vectors)
    return np.sum(vectors[:-1] * vectors[1:], axis=1)


def smoothed(
    series: Float[np.ndarray, " points"], window: int
) -> Float64[np.ndarray, " smooth_points"]:
    """Moving average over `window` neighbours: `points - window + 1` numbers.

    Example:
        >>> smoothed(np.array([1.0, 3.0, 5.0]), 2).tolist()
        [2.0, 4.0]
    """
    return np.convolve(np.asarray(series, np.float64), np.full(window, 1 / window), mode="valid")


def pairs_above(
    matrix: Float[np.ndarray, "texts texts"],
) -> Float64[np.ndarray, " pairs"]:
    """The entries above the diagonal, row by row: every pair once, and no text with itself."""
    return np.asarray(matrix, np.float64)[np.triu_indices(len(matrix), 1)]


class MatrixAgreement(NamedTuple):
    """Correlation of two similarity matrices over their pairs, and its one-sided p value."""

    correlation: float
    p: float


def mantel(
    a: Float[np.ndarray, "texts texts"],
    b: Float[np.ndarray, "others others"],
    *,
    permutations: int = 999,
    seed: int = 0,
) -> MatrixAgreement:
    """Representational similarity of two models, tested by Mantel's permutations.

    Pearson's correlation of the entries above the diagonal. The n (n - 1) / 2 pairs of n texts are
    not independent: p comes from renumbering the texts of one matrix, rows and columns together,
    `p = (1 + #{permuted correlation >= observed}) / (1 + permutations)`. Give matrices of ranks for
    Spearman's correlation.

    Reference: Mantel, The Detection of Disease Clustering (1967); Kriegeskorte et al.,
    Representational Similarity Analysis (2008).

    Raises:
        UsageError: if the shapes differ, or there are fewer than three texts.

    Example:
        >>> vectors = np.random.default_rng(0).normal(size=(20, 5))
        >>> one = similarity_matrix(vectors)
        >>> [round(number, 3) for number in mantel(one, one)]
        [1.0, 0.001]
    """
    if a.shape != b.shape or len(a) < 3:
        raise UsageError(f"two matrices of at least three texts are compared: {a.shape}, {b.shape}")
    left, right = _standard(a), _standard(b)
    observed = np.sum(left * right) / 2
    draw = np.random.default_rng(seed)
    hits = 0
    for _ in range(permutations):
        order = draw.permutation(len(a))
        hits += np.sum(left * right[np.ix_(order, order)]) / 2 >= observed - 1e-12
    return MatrixAgreement(float(observed), float((1 + hits) / (1 + permutations)))


def disagreements(
    a: Float[np.ndarray, " points"], b: Float[np.ndarray, " points"], k: int = 10
) -> Int[np.ndarray, " found"]:
    """Where two series differ most: the `k` places of the largest difference of their ranks.

    Ranks, because the scales and the spreads of two models' similarities differ. The largest first;
    ties by place.

    Example:
        >>> disagreements(np.array([0.1, 0.2, 0.9, 0.3]), np.array([5.0, 6.0, 4.0, 7.0]), k=1).tolist()
        [2]
    """
    from scipy.stats import rankdata

    return np.argsort(-np.abs(rankdata(a) - rankdata(b)), kind="stable")[:k]


def family_tree(
    agreement: Float[np.ndarray, "models models"],
) -> Float64[np.ndarray, "merges 4"]:
    """Average-linkage clustering of models at distance 1 - agreement, in the rows of scipy's linkage.

    Example:
        >>> family_tree(np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]]))[0, :2].tolist()
        [0.0, 1.0]
    """
    from scipy.cluster.hierarchy import linkage

    return linkage(1 - pairs_above(agreement), method="average")


def _unit(vectors: Float[np.ndarray, "texts width"]) -> Float64[np.ndarray, "texts width"]:
    vectors = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


def _standard(matrix: Float[np.ndarray, "texts texts"]) -> Float64[np.ndarray, "texts texts"]:
    """Pairs centred and scaled so that a sum of products over pairs is the correlation."""
    pairs = pairs_above(matrix)
    centred = pairs - pairs.mean()
    length = np.linalg.norm(centred)
    whole = np.zeros(matrix.shape)
    whole[np.triu_indices(len(matrix), 1)] = centred / (length or 1.0)
    return whole + whole.T
