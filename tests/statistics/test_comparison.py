"""Effects, their uncertainty and verdicts; the false-positive rate of the whole judgement."""

import numpy as np
import pytest
import scipy.stats

from jaxemb.config import UsageError
from jaxemb.statistics import (
    Comparison,
    Verdict,
    clusters_needed,
    compare,
    detectable_difference,
    level,
    over_seeds,
    seeds_needed,
    trend,
    verdict,
)
from jaxemb.statistics.result import Result

CLUSTERS = np.repeat(np.arange(30), 4)


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def results(scores, clusters=CLUSTERS):
    """One result a row of per-example scores."""
    return [
        Result(metrics={"x": float(row.mean())}, examples={"x": row, "cluster": clusters})
        for row in scores
    ]


def simulate(draw, seeds=5, seed_noise=0.01, cluster_noise=0.1, noise=0.2, effect=0.0):
    """Scores of two arms: difficulty is shared; both differ by seed, by cluster and by chance."""
    difficulty = draw.normal(0.5, 0.2, size=len(CLUSTERS))
    arms = []
    for gain in (effect, 0.0):
        by_cluster = draw.normal(scale=cluster_noise, size=30)[CLUSTERS]
        by_seed = draw.normal(scale=seed_noise, size=(seeds, 1))
        chance = draw.normal(scale=noise, size=(seeds, len(CLUSTERS)))
        arms.append(results(difficulty + gain + by_cluster + by_seed + chance))
    return arms


def test_seeds_alone_are_a_paired_t_test(draw):
    a, b = draw.normal(size=6), draw.normal(size=6)
    found = over_seeds(a - b)
    expected = scipy.stats.ttest_rel(a, b)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval()))
    assert found.p_greater == pytest.approx(
        scipy.stats.ttest_rel(a, b, alternative="greater").pvalue
    )
    assert (found.degrees, found.example_variance, found.clusters) == (5, 0, 0)


def test_examples_alone_are_a_clustered_t_test(draw):
    a, b = simulate(draw, seeds=1)
    found = compare(a, b, "x", trained=False)
    difference = a[0].examples["x"] - b[0].examples["x"]
    means = difference.reshape(30, 4).mean(axis=1)
    assert found.example_variance == pytest.approx(scipy.stats.sem(means) ** 2)
    assert found.p == pytest.approx(scipy.stats.ttest_1samp(means, 0).pvalue)
    assert (found.degrees, found.seed_variance) == (29, 0)


def test_parts_are_those_of_two_way_analysis_of_variance(draw):
    a, b = simulate(draw, seeds=5)
    found = compare(a, b, "x")
    cells = np.stack([x.examples["x"] - y.examples["x"] for x, y in zip(a, b, strict=True)])
    cells = cells.reshape(5, 30, 4).mean(axis=2)
    row, column = cells.mean(axis=1), cells.mean(axis=0)
    rest = cells - row[:, None] - column + cells.mean()
    interaction = np.sum(rest**2) / (4 * 29)
    between = 5 * np.var(column, ddof=1)
    assert found.seed_variance == pytest.approx(np.var(row, ddof=1) / 5)
    assert found.example_variance == pytest.approx(max(0, between - interaction) / 150)
    assert found.effect == pytest.approx(cells.mean())
    assert found.standard_error**2 == pytest.approx(found.seed_variance + found.example_variance)
    assert found.degrees == 4


@pytest.mark.parametrize(
    ("seed_noise", "cluster_noise", "noise"),
    [(0.05, 0.0, 0.2), (0.01, 0.2, 0.2), (0.03, 0.1, 0.3), (0.0, 0.0, 0.3), (0.0, 0.3, 0.05)],
)
def test_equal_arms_are_told_apart_no_more_often_than_promised(seed_noise, cluster_noise, noise):
    draw = np.random.default_rng(5)
    trials = 600
    ps = [
        compare(*simulate(draw, 5, seed_noise, cluster_noise, noise), "x").p for _ in range(trials)
    ]
    for alpha in (0.05, 0.2):
        # 99.9 % of the hits that a test of exactly this level would give.
        most = scipy.stats.binom.ppf(0.999, trials, alpha)
        assert np.sum(np.array(ps) < alpha) <= most


def test_naive_t_test_over_examples_fails_where_the_judgement_holds():
    draw = np.random.default_rng(6)
    hits = 0
    for _ in range(200):
        a, b = simulate(draw, seed_noise=0.05, cluster_noise=0.1)
        pooled = [np.mean([r.examples["x"] for r in arm], axis=0) for arm in (a, b)]
        hits += scipy.stats.ttest_rel(*pooled).pvalue < 0.05
    assert hits > 40


def test_interval_covers_the_true_effect(draw):
    inside = 0
    for _ in range(300):
        low, high = compare(*simulate(draw, effect=0.1), "x").interval
        inside += low < 0.1 < high
    assert inside >= scipy.stats.binom.ppf(0.001, 300, 0.95)


def test_detectable_difference_is_found_four_times_in_five():
    draw = np.random.default_rng(7)
    error, degrees = 0.02, 4
    effect = detectable_difference(error, degrees)
    seeds = draw.normal(effect, error * np.sqrt(5), size=(4000, 5))
    share = np.mean(scipy.stats.ttest_1samp(seeds, 0, axis=1).pvalue < 0.05)
    assert share == pytest.approx(0.8, abs=0.06)


def test_seeds_needed_make_the_difference_detectable():
    found = Comparison(
        effect=0.01, seed_variance=1e-4, example_variance=1e-6, degrees=4, seeds=5, clusters=30
    )
    needed = found.seeds_needed
    for seeds, enough in ((needed, True), (needed - 1, False)):
        error = np.sqrt(5e-4 / seeds + 1e-6)
        assert (detectable_difference(error, seeds - 1) <= 0.01) == enough
    assert seeds_needed(1e-4, found) is None
    assert seeds_needed(-0.01, found) == needed
    assert (
        Comparison(effect=1.0, seed_variance=0.0, example_variance=1.0, degrees=9).seeds_needed
        is None
    )


def judged(low, high, **more):
    """A comparison whose interval is (low, high)."""
    half = (high - low) / 2
    error = half / scipy.stats.t.ppf(0.975, 4)
    return verdict(
        Comparison(effect=low + half, seed_variance=error**2, example_variance=0.0, degrees=4),
        **more,
    )


def test_verdicts():
    assert judged(0.001, 0.004) == Verdict.SUPPORTED == "supported"
    assert judged(-0.02, 0.009) == Verdict.CONTRADICTED == "contradicted"
    assert judged(-0.02, 0.011) == Verdict.UNDECIDED == "undecided"
    assert judged(-0.02, 0.011, margin=0.02) == Verdict.CONTRADICTED
    assert judged(0.001, 0.004, p_corrected=0.2) == Verdict.UNDECIDED


def test_p_falls_below_the_level_where_the_interval_leaves_zero_out(draw):
    for _ in range(100):
        found = over_seeds(draw.normal(0.5, size=5))
        outside = found.interval.low > 0 or found.interval.high < 0
        assert outside == (found.p < 0.05)
        assert found.flipped().p == pytest.approx(found.p)
        assert found.flipped().interval == pytest.approx(
            (-found.interval.high, -found.interval.low)
        )
        assert found.shifted(-found.effect).p == pytest.approx(1)


def test_effects_without_any_variance():
    assert over_seeds([0.0, 0.0]).p == 1
    assert over_seeds([0.5, 0.5]).p == 0
    assert over_seeds([0.5, 0.5]).p_greater == 0
    assert over_seeds([-0.5, -0.5]).p_greater == 1


def test_what_cannot_be_known_decides_nothing(draw):
    a, b = simulate(draw, effect=0.5)
    one_cluster = results(np.ones((3, 4)), np.zeros(4, int))
    for found in (
        compare(a[:1], b[:1], "x"),
        over_seeds([0.5]),
        level(one_cluster, "x"),
        level([Result(metrics={"x": 1.0})], "x", trained=False),
    ):
        assert found.effect > 0
        assert found.interval == (-np.inf, np.inf)
        assert (found.p, found.detectable, found.seeds_needed) == (1, np.inf, None)
        assert verdict(found) == Verdict.UNDECIDED


def test_one_control_stands_beside_every_seed(draw):
    a, b = simulate(draw)
    found = compare(a, b[:1], "x")
    assert found.seeds == 5
    expected = np.mean([r.metrics["x"] for r in a]) - b[0].metrics["x"]
    assert found.effect == pytest.approx(expected)


def test_level_and_trend(draw):
    arms = [results(draw.normal(0.1 * step, 0.01, size=(5, 120))) for step in range(4)]
    assert level(arms[2], "x").effect == pytest.approx(0.2, abs=0.01)
    places = [1, 2, 4, 9]
    rise = trend(arms, places, "x")
    lines = [np.polyfit(places, [arm[s].metrics["x"] for arm in arms], 1) for s in range(5)]
    expected = [np.polyval(line, 9) - np.polyval(line, 1) for line in lines]
    assert rise.effect == pytest.approx(np.mean(expected))
    assert rise.seed_variance == pytest.approx(np.var(expected, ddof=1) / 5)
    other_units = trend(arms, [1000 * place for place in places], "x")
    assert other_units.effect == pytest.approx(rise.effect)
    with pytest.raises(UsageError, match="different positions"):
        trend(arms, [1, 1, 1, 1], "x")


def spearman_results(draw, seeds=4, clusters=200):
    gold, numbers = draw.normal(size=400), np.arange(400) % clusters
    out = []
    for _ in range(seeds):
        examples = {"prediction": gold + draw.normal(size=400), "gold": gold, "cluster": numbers}
        score = scipy.stats.spearmanr(examples["prediction"], gold).statistic
        out.append(Result(metrics={"spearman": float(score)}, examples=examples))
    return out


def test_scores_of_whole_sets_have_an_example_part_too(draw):
    found = level(spearman_results(draw, seeds=1), "spearman", trained=False)
    spread = np.std([r.metrics["spearman"] for _ in range(60) for r in spearman_results(draw, 1)])
    assert found.standard_error == pytest.approx(spread, rel=0.35)
    assert (found.clusters, found.degrees) == (200, 63)  # left out in 64 groups


def test_clusters_needed_are_counted_in_clusters_whatever_the_metric(draw):
    """Of a correlation too, whose clusters are left out in groups: half the error takes four times."""
    (result,) = spearman_results(draw, seeds=1)
    score = level([result], "spearman", trained=False)
    half = detectable_difference(score.standard_error / 2, score.degrees)
    assert clusters_needed(half, score) == pytest.approx(4 * 200, rel=0.05)
    mean = Result(metrics={"x": 0.0}, examples={"x": result.examples["gold"]})
    mean.examples["cluster"] = result.examples["cluster"]
    score = level([mean], "x", trained=False)
    half = detectable_difference(score.standard_error / 2, score.degrees)
    assert clusters_needed(half, score) == pytest.approx(4 * 200, rel=0.05)


def test_metrics_without_records_vary_by_seed_alone(draw):
    arm = [Result(metrics={"bytes": float(value)}) for value in draw.normal(size=5)]
    found = level(arm, "bytes")
    assert (found.example_variance, found.clusters) == (0, 0)
    assert found.effect == pytest.approx(np.mean([r.metrics["bytes"] for r in arm]))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (3, 2, "2 and 3 seeds"),
        (0, 2, "no results"),
    ],
)
def test_seeds_that_cannot_be_paired(draw, a, b, message):
    arms = simulate(draw)
    with pytest.raises(UsageError, match=message):
        compare(arms[0][:a], arms[1][:b], "x")


def test_different_examples_are_refused(draw):
    arm = results(draw.normal(size=(2, 120)))
    other = results(draw.normal(size=(2, 120)), np.arange(120))
    with pytest.raises(UsageError, match="cluster differs"):
        compare(arm, other, "x")
    moved = [Result(metrics=r.metrics, examples=r.examples, data="elsewhere") for r in arm]
    with pytest.raises(UsageError, match="different data"):
        compare(arm, moved, "x")
    with pytest.raises(UsageError, match="no metric y; there are x"):
        compare(arm, arm, "y")
