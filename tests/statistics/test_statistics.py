"""Every statistic against scipy or brute force."""

import itertools

import numpy as np
import pytest
import scipy.stats

from jaxemb.config import UsageError
from jaxemb.statistics import (
    benjamini_hochberg,
    correlation_difference,
    holm,
    jackknife,
    level,
    wilcoxon,
)
from jaxemb.statistics.metrics import STATISTICS
from jaxemb.statistics.resampling import grouped, jackknife_mean, jackknife_variance
from jaxemb.statistics.result import Result


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def clustered(draw, clusters=40, size=5, between=1.0, within=1.0):
    """Values with one shock per cluster, and their cluster numbers."""
    shocks = np.repeat(draw.normal(scale=between, size=clusters), size)
    numbers = np.repeat(np.arange(clusters), size)
    return shocks + draw.normal(scale=within, size=clusters * size), numbers


@pytest.mark.parametrize("digits", [9, 1], ids=["untied", "tied"])
def test_wilcoxon_of_many_is_scipys(draw, digits):
    difference = draw.normal(0.3, size=40).round(digits)
    theirs = scipy.stats.wilcoxon(difference).pvalue
    assert wilcoxon(difference, np.zeros(40)) == pytest.approx(theirs)
    assert wilcoxon(difference, difference) == 1


def test_rounding_is_no_difference(draw):
    a = draw.normal(size=8)
    assert wilcoxon(np.append(a, 0.1 + 0.2), np.append(np.zeros(8), 0.3)) == wilcoxon(
        a, np.zeros(8)
    )


def test_wilcoxon_is_exact_with_ties_too(draw):
    for _ in range(5):
        difference = draw.integers(-3, 6, size=9) / 10
        kept = difference[difference != 0]
        ranks = scipy.stats.rankdata(np.abs(kept).round(9))
        observed = abs(np.sign(kept) @ ranks)
        flips = [abs(np.dot(s, ranks)) for s in itertools.product((1, -1), repeat=len(kept))]
        expected = np.mean(np.array(flips) >= observed - 1e-9)
        assert wilcoxon(difference, np.zeros(9)) == pytest.approx(expected)


def test_jackknife_of_a_mean_has_a_closed_form(draw):
    values, _ = clustered(draw)
    clusters = draw.integers(0, 30, len(values))
    by_leaving_out = jackknife(lambda records: records["x"].mean(), {"x": values}, clusters)
    np.testing.assert_allclose(jackknife_mean(values, clusters), by_leaving_out, atol=1e-12)


def test_jackknife_variance_of_equal_clusters_is_that_of_their_means(draw):
    values, clusters = clustered(draw)
    found = jackknife_variance(jackknife_mean(values, clusters))
    means = values.reshape(40, 5).mean(axis=1)
    assert found == pytest.approx(scipy.stats.sem(means) ** 2, rel=1e-9)


def correlated(draw, clusters=30, size=6):
    shared, numbers = clustered(draw, clusters, size)
    gold = shared + draw.normal(size=len(shared))
    return {"prediction": shared, "gold": gold}, numbers


def test_jackknife_of_spearman_agrees_with_its_spread(draw):
    values = [STATISTICS["spearman"](correlated(draw)[0]) for _ in range(300)]
    records, clusters = correlated(draw)
    left_out = jackknife_variance(jackknife(STATISTICS["spearman"], records, clusters))
    assert np.sqrt(left_out) == pytest.approx(np.std(values), rel=0.4)


def test_the_uncertainty_of_a_median_is_that_of_its_spread(draw):
    def ranks():
        return np.ceil(draw.lognormal(3, 1.5, size=300))

    def width():
        records = {"rank": ranks(), "cluster": np.arange(300)}
        result = Result(metrics={"median_rank": np.median(records["rank"])}, examples=records)
        return level([result], "median_rank", trained=False).standard_error

    spread = np.std([np.median(ranks()) for _ in range(2000)])
    widths = np.array([width() for _ in range(40)])
    assert 0.85 < np.mean(widths) / spread < 1.15
    assert 0.4 * spread < widths.min() and widths.max() < 2 * spread


def test_groups_keep_clusters_whole_and_are_always_the_same(draw):
    clusters = draw.integers(0, 500, 3000)
    groups = grouped(clusters, 64)
    assert len(np.unique(groups)) == 64
    assert len(set(zip(clusters.tolist(), groups.tolist(), strict=True))) == len(
        np.unique(clusters)
    )
    np.testing.assert_array_equal(groups, grouped(clusters, 64))
    np.testing.assert_array_equal(grouped(np.array([7, 3, 7]), 64), [1, 0, 1])


def test_holm_by_its_definition(draw):
    for _ in range(50):
        ps = draw.uniform(size=draw.integers(1, 8)).round(2)
        for alpha in (0.01, 0.05, 0.2, 0.5):
            rejected = np.zeros(len(ps), bool)
            for rank, test in enumerate(np.argsort(ps, kind="stable")):
                if ps[test] > alpha / (len(ps) - rank):
                    break
                rejected[test] = True
            np.testing.assert_array_equal(holm(ps) <= alpha + 1e-12, rejected)


def test_benjamini_hochberg_agrees_with_scipy(draw):
    for _ in range(50):
        ps = draw.uniform(size=draw.integers(1, 12))
        np.testing.assert_allclose(benjamini_hochberg(ps), scipy.stats.false_discovery_control(ps))


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_only_probabilities_are_corrected(correct):
    assert len(correct([])) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        correct([0.5, 1.2])
    with pytest.raises(ValueError, match="between 0 and 1"):
        correct([float("nan")])


def test_correlations_of_the_same_things_are_compared(draw):
    x, other = draw.normal(size=(2, 15))
    y = x + draw.normal(size=15)
    found = correlation_difference(x, other, y)
    expected = scipy.stats.spearmanr(x, y).statistic - scipy.stats.spearmanr(other, y).statistic
    assert found.effect == pytest.approx(expected)
    assert correlation_difference(x, x, y).p == 1
    assert correlation_difference(other, x, y).effect == pytest.approx(-found.effect)
    with pytest.raises(UsageError, match="at least four points, not 3"):
        correlation_difference(x[:3], other[:3], y[:3])


def test_equally_related_things_are_told_apart_no_more_often_than_promised(draw):
    trials, hits = 200, 0
    for _ in range(trials):
        y = draw.normal(size=12)
        hits += correlation_difference(*(y + draw.normal(size=(2, 12))), y).p < 0.05
    assert hits <= scipy.stats.binom.ppf(0.9999, trials, 0.05) + 0.03 * trials
