"""Dimension and isotropy of clouds whose shape is known, and reductions against their definitions."""

import numpy as np
import pytest

from jaxemb.analysis import (
    FirstDimensions,
    PrincipalComponents,
    RandomDimensions,
    RandomProjection,
    distinct,
    intrinsic_dimension,
    neighbour_ratios,
)
from jaxemb.config import UsageError
from jaxemb.statistics.metrics import effective_rank, iso_score, mean_cosine


def rotation(width, draw):
    return np.linalg.qr(draw.normal(size=(width, width)))[0]


def spread_on(k, n, draw, count=400):
    """Points whose covariance is exactly 1 on k of n axes, turned at random."""
    x = draw.normal(size=(count, k))
    x = x - x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / count)).T
    return np.pad(x, ((0, 0), (0, n - k))) @ rotation(n, draw)


@pytest.mark.parametrize(("k", "n"), [(8, 64), (1, 16), (16, 16), (3, 10)])
def test_equal_variance_on_some_axes(k, n):
    draw = np.random.default_rng(k)
    x = spread_on(k, n, draw)
    assert iso_score(x) == pytest.approx((k - 1) / (n - 1), abs=1e-9)
    assert effective_rank(x) == pytest.approx(k, rel=1e-6)
    turned = 37.0 * x @ rotation(n, draw) + draw.normal(size=n)
    assert iso_score(turned) == pytest.approx(iso_score(x), abs=1e-9)


def test_fewer_points_than_dimensions():
    x = np.random.default_rng(7).normal(size=(20, 50))
    variances = np.maximum(np.linalg.eigvalsh(np.cov(x.T, bias=True)), 0)
    scaled = np.sqrt(50) * variances / np.linalg.norm(variances)
    defect = np.linalg.norm(scaled - 1) / np.sqrt(2 * (50 - np.sqrt(50)))
    share = (50 - defect**2 * (50 - np.sqrt(50))) ** 2 / 50**2
    assert iso_score(x) == pytest.approx((50 * share - 1) / 49)
    shares = variances[variances > 1e-12] / variances.sum()
    assert effective_rank(x) == pytest.approx(np.exp(-np.sum(shares * np.log(shares))))


@pytest.mark.parametrize(("d", "expected"), [(2, 2.1), (5, 4.7), (10, 8.8)])
def test_dimension_of_a_cube_in_many_dimensions(d, expected):
    draw = np.random.default_rng(d)
    x = draw.uniform(size=(2000, d)) @ rotation(128, draw)[:d]
    assert intrinsic_dimension(x) == pytest.approx(expected, rel=0.15)
    assert intrinsic_dimension(x) == pytest.approx(d, rel=0.15)


def test_ratios_are_those_of_all_distances():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(700, 6)) + 1e3  # far from the origin: squares cancel
    distances = np.linalg.norm(x[:, None] - x[None], axis=2)
    distances[np.diag_indices(700)] = np.inf
    first, second = np.sort(distances, axis=1)[:, :2].T
    np.testing.assert_allclose(neighbour_ratios(x), second / first, rtol=1e-9)


def test_equal_points_count_once():
    draw = np.random.default_rng(1)
    x = draw.normal(size=(300, 4))
    twice = np.concatenate([x, x[:50]])
    assert distinct(twice).tolist() == list(range(300))
    assert intrinsic_dimension(twice) == intrinsic_dimension(x)
    with pytest.raises(UsageError, match="all different; there are 350"):
        neighbour_ratios(twice)
    with pytest.raises(UsageError, match="three points"):
        neighbour_ratios(x[:2])


def test_mean_cosine_is_that_of_all_pairs():
    x = np.random.default_rng(2).normal(size=(50, 7)) + 0.5
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert mean_cosine(x) == pytest.approx((unit @ unit.T)[np.triu_indices(50, 1)].mean())


def test_whole_reductions_change_nothing_that_counts():
    draw = np.random.default_rng(3)
    x, other = draw.normal(size=(80, 9)), draw.normal(size=(20, 9))
    np.testing.assert_array_equal(FirstDimensions().to(9, lambda: x)(other), other)
    np.testing.assert_array_equal(RandomDimensions(seed=4).to(9, lambda: x)(other), other)
    y = PrincipalComponents().to(9, lambda: x)(other)
    centred = other - x.mean(axis=0)
    np.testing.assert_allclose(y @ y.T, centred @ centred.T, atol=1e-4)


def test_parts_of_vectors():
    from sklearn.decomposition import PCA

    draw = np.random.default_rng(5)
    x, other = draw.normal(size=(80, 9)) * np.arange(1, 10), draw.normal(size=(20, 9))
    assert FirstDimensions().to(4, lambda: x)(other).tolist() == other[:, :4].tolist()
    y, theirs = PrincipalComponents().to(3, lambda: x)(other), PCA(3).fit(x).transform(other)
    np.testing.assert_allclose(np.abs(y), np.abs(theirs), atol=1e-5)
    chosen = RandomDimensions(seed=1).to(4, lambda: x)(other)
    assert all(any((column == o).all() for o in other.T) for column in chosen.T)
    long = draw.normal(size=(40, 400))
    projected = RandomProjection().to(200, lambda: long)(long)
    lengths = np.linalg.norm(projected, axis=1) / np.linalg.norm(long, axis=1)
    assert abs(lengths.mean() - 1) < 0.05
    for reduction in (FirstDimensions(), RandomDimensions(), RandomProjection()):
        with pytest.raises(UsageError, match="dim=10 must be at least 1 and at most the width, 9"):
            reduction.to(10, lambda: x)(x)
