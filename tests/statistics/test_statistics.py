"""Every statistic against scipy or brute force."""

import itertools

import numpy as np
import pytest
import scipy.stats

from jaxemb.config import UsageError
from jaxemb.statistics import (
    benjamini_hochberg,
    cluster_bootstrap,
    cluster_variance,
    correlation_difference,
    holm,
    jackknife,
    kendall,
    level,
    paired_bootstrap,
    permutation_test,
    rank_correlation,
    wilcoxon,
)
from jaxemb.statistics.metrics import STATISTICS, spearman
from jaxemb.statistics.resampling import grouped, jackknife_mean, jackknife_variance
from jaxemb.statistics.result import Result


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def clustered(draw, clusters=40, size=5, between=1.0, within=1.0):
    """Values with a shock a cluster, and their cluster numbers."""
    shocks = np.repeat(draw.normal(scale=between, size=clusters), size)
    numbers = np.repeat(np.arange(clusters), size)
    return shocks + draw.normal(scale=within, size=clusters * size), numbers


def test_variance_without_clusters_is_the_usual_one(draw):
    values = draw.normal(size=50)
    assert cluster_variance(values) == pytest.approx(scipy.stats.sem(values) ** 2)


def test_variance_of_equal_clusters_is_that_of_their_means(draw):
    values, clusters = clustered(draw)
    means = values.reshape(40, 5).mean(axis=1)
    assert cluster_variance(values, clusters) == pytest.approx(scipy.stats.sem(means) ** 2)
    shuffled = draw.permutation(len(values))
    again = cluster_variance(values[shuffled], clusters[shuffled])
    assert again == pytest.approx(cluster_variance(values, clusters))


def test_variance_of_one_cluster_is_unknown():
    assert np.isnan(cluster_variance(np.arange(3.0), np.zeros(3, int)))


def test_clustered_variance_is_right_where_the_naive_one_is_too_small(draw):
    means, naive, robust = [], [], []
    for _ in range(400):
        values, clusters = clustered(draw)
        means.append(values.mean())
        naive.append(cluster_variance(values))
        robust.append(cluster_variance(values, clusters))
    assert np.mean(robust) == pytest.approx(np.var(means), rel=0.2)
    assert np.mean(naive) < 0.5 * np.var(means)


def test_bootstrap_agrees_with_scipy(draw):
    a, b = draw.normal(0.3, size=60), draw.normal(size=60)
    ours = paired_bootstrap(a, b)
    theirs = scipy.stats.bootstrap(
        (a - b,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.effect == pytest.approx(np.mean(a - b))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert ours.p == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, abs=0.03)


def test_bootstrap_of_clusters_is_as_wide_as_their_variance_says(draw):
    values, clusters = clustered(draw)
    found = paired_bootstrap(values, np.zeros_like(values), clusters=clusters)
    width = 2 * 1.96 * np.sqrt(cluster_variance(values, clusters))
    assert found.high - found.low == pytest.approx(width, rel=0.1)
    assert paired_bootstrap(values, values).p == 1


def test_permutation_test_is_exact_for_few(draw):
    a, b = draw.normal(size=9), draw.normal(size=9)
    theirs = scipy.stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert permutation_test(a, b) == pytest.approx(theirs)


def test_permutation_test_flips_whole_clusters(draw):
    values, clusters = clustered(draw, clusters=8)
    sums = values.reshape(8, 5).sum(axis=1)
    flips = [abs(np.dot(signs, sums)) for signs in itertools.product((1, -1), repeat=8)]
    expected = np.mean(np.array(flips) >= abs(sums.sum()) - 1e-9)
    assert permutation_test(values, np.zeros(40), clusters=clusters) == pytest.approx(expected)


def test_sampled_permutations_come_close(draw):
    a, b = draw.normal(0.25, size=80), draw.normal(size=80)
    assert permutation_test(a, b) == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, abs=0.02)
    assert permutation_test(a + 9, b) == pytest.approx(1 / 10_001)


def test_wilcoxon(draw):
    a, b = draw.normal(0.3, size=40), draw.normal(size=40)
    assert wilcoxon(a, b) == pytest.approx(scipy.stats.wilcoxon(a, b).pvalue)
    assert wilcoxon(a, a) == 1


def test_wilcoxon_is_exact_with_ties_too(draw):
    for _ in range(5):
        difference = draw.integers(-3, 6, size=9) / 10
        kept = difference[difference != 0]
        ranks = scipy.stats.rankdata(np.abs(kept).round(9))
        observed = abs(np.sign(kept) @ ranks)
        flips = [abs(np.dot(s, ranks)) for s in itertools.product((1, -1), repeat=len(kept))]
        expected = np.mean(np.array(flips) >= observed - 1e-9)
        assert wilcoxon(difference, np.zeros(9)) == pytest.approx(expected)


def test_equal_tests_reject_no_more_often_than_promised(draw):
    trials = 500
    hits = np.zeros(3)
    for _ in range(trials):
        difference = draw.standard_t(5, size=(9,)).round(1)
        hits[0] += wilcoxon(difference, np.zeros(9)) < 0.05
        hits[1] += permutation_test(difference, np.zeros(9)) < 0.05
        values, clusters = clustered(draw, clusters=40, size=2)
        zero = np.zeros_like(values)
        hits[2] += paired_bootstrap(values, zero, clusters=clusters, resamples=400).p < 0.05
    bound = scipy.stats.binom.ppf(0.9999, trials, 0.05)
    assert hits[0] <= bound and hits[1] <= bound
    assert hits[2] <= bound + 0.02 * trials  # percentiles of 40 clusters are a little short


def test_jackknife_of_a_mean_has_a_closed_form(draw):
    values, _ = clustered(draw)
    clusters = draw.integers(0, 30, len(values))
    by_leaving_out = jackknife(lambda records: records["x"].mean(), {"x": values}, clusters)
    np.testing.assert_allclose(jackknife_mean(values, clusters), by_leaving_out, atol=1e-12)


def test_jackknife_variance_of_equal_clusters_is_the_robust_one(draw):
    values, clusters = clustered(draw)
    found = jackknife_variance(jackknife_mean(values, clusters))
    assert found == pytest.approx(cluster_variance(values, clusters), rel=1e-9)


def correlated(draw, clusters=30, size=6):
    shared, numbers = clustered(draw, clusters, size)
    gold = shared + draw.normal(size=len(shared))
    return {"prediction": shared, "gold": gold}, numbers


def test_jackknife_and_bootstrap_of_spearman_agree_with_its_spread(draw):
    values = [STATISTICS["spearman"](correlated(draw)[0]) for _ in range(300)]
    records, clusters = correlated(draw)
    left_out = jackknife_variance(jackknife(STATISTICS["spearman"], records, clusters))
    redrawn = np.var(cluster_bootstrap(STATISTICS["spearman"], records, clusters, resamples=300))
    assert np.sqrt(left_out) == pytest.approx(np.std(values), rel=0.4)
    assert np.sqrt(redrawn) == pytest.approx(np.std(values), rel=0.4)


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


def test_redrawn_clusters_stay_whole():
    records = {"x": np.arange(12)}

    def whole(rows):
        starts = rows["x"].reshape(-1, 3)
        assert np.all(starts[:, 0] % 3 == 0)
        assert np.all(np.diff(starts, axis=1) == 1)
        return 0.0

    cluster_bootstrap(whole, records, np.repeat(np.arange(4), 3), resamples=20)


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


def test_rank_correlation(draw):
    x, y = draw.normal(size=6), draw.normal(size=6)
    found = rank_correlation(x, y)
    assert found.value == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    orders = [spearman(np.array(order), y) for order in itertools.permutations(x)]
    exact = np.mean(np.abs(orders) >= abs(found.value) - 1e-9)
    assert found.p == pytest.approx(exact, abs=1e-9)
    assert found.low < found.value < found.high
    assert rank_correlation([1, 2, 3], [3, 2, 1])[:3] == (-1, -1, 1)


def test_rank_correlation_interval_covers(draw):
    hits = 0
    for _ in range(200):
        x = draw.normal(size=25)
        found = rank_correlation(x, x + draw.normal(size=25), permutations=10)
        hits += found.low < 0.69 < found.high  # 6/π asin(ρ / 2) with ρ = √.5
    assert hits >= 180


@pytest.mark.parametrize("digits", [9, 0], ids=["untied", "tied"])
def test_kendall_is_scipys(draw, digits):
    for _ in range(5):
        x, y = draw.normal(size=(2, 12)).round(digits)
        assert kendall(x, y, permutations=10).value == pytest.approx(
            scipy.stats.kendalltau(x, y).statistic
        )
    assert kendall([1, 1, 1], [1, 2, 3]).value == 0


def test_kendall_is_exact_for_few(draw):
    x, y = draw.normal(size=6), draw.normal(size=6)
    found = kendall(x, y)
    assert found.p == pytest.approx(scipy.stats.kendalltau(x, y, method="exact").pvalue)
    assert found.low < found.value < found.high
    assert kendall([1, 2, 3, 4], [1, 2, 4, 3])[1:3] == (-1, 1)


def test_kendall_interval_covers(draw):
    hits = 0
    for _ in range(200):
        x = draw.normal(size=25)
        found = kendall(x, x + draw.normal(size=25), permutations=10)
        hits += found.low < 0.5 < found.high  # 2/π asin(ρ) with ρ = √.5
    assert hits >= 180


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
