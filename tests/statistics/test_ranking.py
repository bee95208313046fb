"""Ranks over tasks against scipy, published tables and simulated models that are truly equal."""

import itertools

import numpy as np
import pytest
import scipy.stats

from jaxemb.config import UsageError
from jaxemb.statistics import (
    agreement,
    critical_difference,
    friedman,
    groups,
    letters,
    mean_ranks,
    rank_arms,
    rank_intervals,
    separated_pairs,
)
from jaxemb.statistics.result import Result

# Demšar (2006), table 5a: quantiles of the studentized range over √2, at .05, for 2 to 10 models.
DEMSAR = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)


@pytest.fixture
def draw():
    return np.random.default_rng()


def most(trials, alpha=0.05):
    """99.99 % of the hits that a test of exactly this level would give."""
    return scipy.stats.binom.ppf(0.9999, trials, alpha)


@pytest.mark.parametrize("digits", [6, 1], ids=["untied", "tied"])
def test_friedman_is_scipys(draw, digits):
    for _ in range(20):
        scores = draw.uniform(size=(draw.integers(2, 12), draw.integers(3, 7))).round(digits)
        found = friedman(scores)
        theirs = scipy.stats.friedmanchisquare(*scores.T)
        assert found[:2] == pytest.approx(tuple(theirs))


def test_friedman_without_ties_by_its_definition(draw):
    scores = draw.normal(size=(9, 5))
    places = np.argsort(np.argsort(-scores, axis=1), axis=1) + 1
    ranks = places.mean(axis=0)
    expected = 12 * 9 / (5 * 6) * (np.sum(ranks**2) - 5 * 36 / 4)
    assert friedman(scores).statistic == pytest.approx(expected)
    np.testing.assert_allclose(friedman(scores).ranks, ranks)


def test_models_that_are_all_equal_are_one_group():
    found = friedman(np.full((4, 3), 0.5))
    assert (found.statistic, found.p, found.groups) == (0, 1, ((0, 1, 2),))
    np.testing.assert_array_equal(found.ranks, 2)


def test_a_duplicate_shares_its_rank(draw):
    scores = draw.normal(size=(6, 3))
    doubled = np.concatenate([scores, scores[:, :1]], axis=1)
    ranks = mean_ranks(doubled)
    assert ranks[0] == ranks[3]
    assert ranks.sum() == pytest.approx(10)
    found = friedman(doubled)
    assert any({0, 3} <= set(group) for group in found.groups)


def test_agreement_is_the_mean_correlation_and_kendalls_concordance(draw):
    scores = draw.normal(size=(7, 5)) + np.arange(5)
    found = agreement(scores)
    pairs = itertools.combinations(scores, 2)
    expected = np.mean([scipy.stats.spearmanr(a, b).statistic for a, b in pairs])
    assert found.effect == pytest.approx(expected)
    concordance = friedman(scores).statistic / (7 * 4)
    assert found.effect == pytest.approx((7 * concordance - 1) / 6)
    assert found.p == pytest.approx(scipy.stats.friedmanchisquare(*scores.T).pvalue)
    assert found.interval.low < found.effect < found.interval.high
    assert agreement(np.tile(np.arange(4.0), (5, 1))).effect == pytest.approx(1)


def test_agreement_varies_as_its_error_says(draw):
    """Over tasks drawn anew, where models truly differ."""
    found = [agreement(draw.normal(size=(12, 6)) + np.arange(6) / 2) for _ in range(200)]
    spread = np.std([one.effect for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.35)


def test_noise_agrees_no_more_often_than_promised(draw):
    trials = 300
    ps = np.array([agreement(draw.normal(size=(8, 5))).p for _ in range(trials)])
    assert np.sum(ps < 0.05) <= most(trials)


def test_too_few_models_or_tasks_are_refused():
    for shape in ((5, 2), (1, 4)):
        with pytest.raises(UsageError, match="at least three models and two tasks"):
            friedman(np.zeros(shape))
    with pytest.raises(UsageError, match="at least three of them, not 2"):
        agreement(np.zeros((2, 4)))


@pytest.mark.parametrize(("models", "quantile"), list(enumerate(DEMSAR, start=2)))
def test_critical_difference_is_the_published_one(models, quantile):
    expected = quantile * np.sqrt(models * (models + 1) / (6 * 14))
    assert critical_difference(models, 14) == pytest.approx(expected, rel=5e-4)


def test_equal_models_are_told_apart_no_more_often_than_promised(draw):
    trials, hits, pairs = 400, 0, 0
    for _ in range(trials):
        found = friedman(draw.normal(size=(8, 5)).round(1))
        hits += found.p < 0.05
        pairs += len(found.groups) > 1
    assert hits <= most(trials) and pairs <= most(trials)


def test_groups_by_brute_force(draw):
    for _ in range(60):
        count = int(draw.integers(2, 7))
        scores = draw.integers(0, 5, count).astype(float)
        apart = np.triu(draw.uniform(size=(count, count)) < 0.4, 1)
        apart = apart | apart.T
        alike = [
            set(some)
            for size in range(1, count + 1)
            for some in itertools.combinations(range(count), size)
            if not any(apart[a, b] for a, b in itertools.combinations(some, 2))
        ]
        largest = [group for group in alike if not any(group < other for other in alike)]
        found = groups(scores, apart)
        assert sorted(map(sorted, found)) == sorted(map(sorted, largest))
        assert all(list(group) == sorted(group, key=lambda m: (-scores[m], m)) for group in found)
        named = letters(found, count)
        for a, b in itertools.combinations(range(count), 2):
            assert bool(set(named[a]) & set(named[b])) == (not apart[a, b])
        assert "a" in named[int(scores.argmax())]


def test_there_are_letters_for_more_groups_than_the_alphabet_has():
    alone = tuple((model,) for model in range(60))
    assert len(set(letters(alone, 60))) == 60
    assert letters(alone, 60)[26] == "a1"


def test_rank_intervals_by_counting(draw):
    scores = draw.normal(size=6)
    apart = np.abs(scores[:, None] - scores) > 0.8
    for model, found in enumerate(rank_intervals(scores, apart)):
        above = [k for k in range(6) if apart[model, k] and scores[k] > scores[model]]
        below = [k for k in range(6) if apart[model, k] and scores[k] < scores[model]]
        assert found[1:] == (1 + len(above), 6 - len(below))
        assert found.low <= found.rank <= found.high


def test_ties_share_their_rank():
    found = rank_intervals(np.array([0.5, 0.7, 0.5]), np.zeros((3, 3), bool))
    assert [tuple(one) for one in found] == [(2.5, 1, 3), (1.0, 1, 3), (2.5, 1, 3)]


def test_pairs_are_corrected_by_holm():
    pairs = [(0, 1), (0, 2), (1, 2)]
    apart = separated_pairs(3, pairs, [0.001, 0.03, 0.04])
    assert apart[0, 1] and apart[1, 0] and apart.sum() == 2


def arms(draw, means, seeds, examples=200):
    """Results of one task: difficulty is shared, seeds differ a little."""
    difficulty = draw.normal(0, 0.2, examples)
    out = []
    for mean, count in zip(means, seeds, strict=True):
        rows = (
            mean
            + difficulty
            + draw.normal(0, 0.01, (count, 1))
            + draw.normal(0, 0.05, (count, examples))
        )
        clusters = np.arange(examples) // 4
        out.append(
            [
                {"t": Result(metrics={"x": row.mean()}, examples={"x": row, "cluster": clusters})}
                for row in rows
            ]
        )
    return out


def test_arms_and_controls_are_ranked_together(draw):
    models = arms(draw, [0.9, 0.5, 0.5, 0.1, 0.1], [5, 5, 5, 1, 1])
    found, apart = rank_arms(models, "t", "x")
    assert (found[0].low, found[0].high) == (1, 1)
    last = found[3:]  # equal models: one in twenty draws tells them apart
    assert (min(one.low for one in last), max(one.high for one in last)) == (4, 5)
    assert not np.diag(apart).any()
