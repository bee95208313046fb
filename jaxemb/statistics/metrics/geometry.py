"""Numbers of a cloud of vectors: how many dimensions it has, and how evenly it fills them."""

import numpy as np
from jaxtyping import Float


def two_nearest_dimension(ratio: Float[np.ndarray, " points"], discarded: float = 0.1) -> float:
    """Intrinsic dimension from `μ = r₂ / r₁`, the distances to each point's two nearest neighbours.

        -log(1 - F(μ)) = d log μ

    with `F` the share of points whose ratio is at most `μ`: a line through the origin, fitted to all
    but the largest `discarded` of the ratios.

    Example:
        >>> ratios = (1 - np.arange(1, 2000) / 2000) ** (-1 / 3)
        >>> round(two_nearest_dimension(ratios), 2)
        3.0

    Reference: Facco et al., Estimating the intrinsic dimension of datasets by a minimal neighborhood
    information, Scientific Reports 7 (2017).
    """
    logs = np.log(np.sort(ratio))
    kept = max(1, int(len(logs) * (1 - discarded)))
    share = np.arange(1, kept + 1) / len(logs)
    x, y = logs[:kept], -np.log1p(-np.minimum(share, 1 - 1e-12))
    squares = float(x @ x)
    return float(x @ y) / squares if squares > 0 else 0.0


def iso_score(vector: Float[np.ndarray, "points width"]) -> float:
    r"""How evenly the variance lies on all directions, 1 on every one alike and 0 on a single one.

    For the variances `s` along the principal axes of `n` dimensions, scaled to `ŝ = √n s / ‖s‖`,

        δ = ‖ŝ - 1‖ / √(2 (n - √n)),  φ = (n - δ² (n - √n))² / n²,  score = (n φ - 1) / (n - 1)

    Equal variance on k of n axes gives (k - 1) / (n - 1). Compare scores of equally many points only:
    few points fill few directions.

    Example:
        >>> iso_score(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
        1.0

    Reference: Rudman et al., IsoScore: Measuring the Uniformity of Embedding Space Utilization,
    arXiv:2108.07344.
    """
    products, n = _products(vector), vector.shape[1]
    length = np.linalg.norm(products)  # of all variances: no need to find the axes
    if n == 1 or length == 0:
        return 0.0
    squared = max(2 * n - 2 * np.sqrt(n) * np.trace(products) / length, 0.0)  # ‖ŝ - 1‖²
    share = (n - squared / 2) ** 2 / n**2
    return float((n * share - 1) / (n - 1))


def effective_rank(vector: Float[np.ndarray, "points width"]) -> float:
    """`exp(H)` of the shares of variance along the principal axes: how many of them count.

    Example:
        >>> round(effective_rank(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])), 6)
        2.0

    Reference: Roy and Vetterli, The effective rank, EUSIPCO (2007), of the covariance.
    """
    variances = _variances(vector)
    if variances.sum() == 0:
        return 0.0
    shares = variances / variances.sum()
    shares = shares[shares > 0]
    return float(np.exp(-np.sum(shares * np.log(shares))))


def mean_cosine(vector: Float[np.ndarray, "points width"]) -> float:
    """Mean cosine of two different points, from the length of the sum of the unit vectors.

    Example:
        >>> mean_cosine(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])).__round__(4)
        0.3333
    """
    x = np.asarray(vector, np.float64)
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-300)
    count = len(x)
    squares = float(np.sum(x * x))
    return (
        (float(np.sum(x.sum(axis=0) ** 2)) - squares) / (count * (count - 1)) if count > 1 else 0.0
    )


def _variances(vector: Float[np.ndarray, "points width"]) -> Float[np.ndarray, " axes"]:
    """Variances along the principal axes, none below 0; axes beyond the points' number are left out."""
    return np.maximum(np.linalg.eigvalsh(_products(vector)), 0.0)


def _products(vector: Float[np.ndarray, "points width"]) -> Float[np.ndarray, "axes axes"]:
    """The covariance, or the points' products, whichever is smaller: what is not 0 is the same."""
    centred = np.asarray(vector, np.float64) - np.mean(vector, axis=0, dtype=np.float64)
    x = centred if len(centred) > centred.shape[1] else centred.T
    return x.T @ x / len(centred)
