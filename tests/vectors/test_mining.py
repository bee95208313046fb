"""Mined negatives and consistent pairs against searches by hand, on random vectors with repeats."""

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json
from jaxemb.losses import Cosine, Dot
from jaxemb.vectors import (
    AboveScore,
    AheadOfOthers,
    AllOf,
    BelowPositive,
    BelowScore,
    BelowShareOfPositive,
    Consistent,
    DrawnByScore,
    DrawnUniformly,
    Hardest,
    Mined,
    Ranks,
    WithinRank,
    mine,
    ranked,
)
from tests.vectors.searching import Searcher, by_hand, pairs


@pytest.mark.parametrize("similarity", [Cosine(), Dot()])
def test_others_are_ranked_as_by_hand(examples, similarity):
    searcher = Searcher(examples, similarity)
    found, scores = ranked(examples, searcher, 200), searcher.scores(examples)
    for row in range(len(examples)):
        expected = by_hand(examples, scores, row)
        assert found.others[row][: len(expected)].tolist() == expected
        assert (found.others[row][len(expected) :] == -1).all()
        np.testing.assert_allclose(
            found.scores[row][: len(expected)], scores[row, expected], 1e-5, 1e-6
        )
        np.testing.assert_allclose(found.own[row], scores[row, row], rtol=1e-5)
        assert found.rank[row] == 1 + sum(scores[row, expected] > scores[row, row] + 1e-6)


RULES = {
    Ranks(): lambda s, own, rank: rank > 0,
    Ranks(first=3, last=6): lambda s, own, rank: (rank >= 3) & (rank <= 6),
    BelowScore(ceiling=0.3): lambda s, own, rank: s < 0.3,
    BelowScore(ceiling=1.01): lambda s, own, rank: rank > 0,
    BelowPositive(margin=0.1): lambda s, own, rank: s < own - 0.1,
    BelowShareOfPositive(share=0.9, inner=Ranks(first=2)): lambda s, own, rank: (
        (s < 0.9 * own) & (rank >= 2)
    ),
}


@pytest.mark.parametrize("eligible", RULES, ids=repr)
def test_the_hardest_that_are_eligible_are_taken(examples, eligible):
    searcher, count = Searcher(examples), 4
    scores = searcher.scores(examples)
    found, short = mine(examples, searcher, count, eligible=eligible), 0
    for row, numbers in enumerate(found.numbers.tolist()):
        order = np.array(by_hand(examples, scores, row))
        here = RULES[eligible](scores[row, order], scores[row, row], np.arange(1, len(order) + 1))
        expected = order[here][:count].tolist()
        short += len(expected) < count
        assert numbers[: len(expected)] == expected
        texts = [examples[number]["positive_id"] for number in numbers]
        assert len(set(texts)) == count
        assert not set(numbers) - set(range(len(examples)))
        assert {examples[n]["positive_id"] for n in order.tolist()} >= set(texts)
    assert found.short == short


def test_what_is_drawn_is_eligible_and_follows_the_score(examples):
    searcher = Searcher(examples)
    window = Ranks(first=3, last=12)
    ranks = ranked(examples, searcher, 100)
    place = {int(n): k for k, n in enumerate(ranks.others[0].tolist()) if n >= 0}

    def mean_rank(take):
        drawn = [
            mine(examples, searcher, 2, eligible=window, take=take, seed=seed).numbers[0]
            for seed in range(60)
        ]
        found = [place[int(n)] + 1 for numbers in drawn for n in numbers]
        assert min(found) >= 3 and max(found) <= 12
        return np.mean(found)

    assert mean_rank(Hardest()) == 3.5
    assert 6 < mean_rank(DrawnUniformly()) < 9
    assert 3.5 < mean_rank(DrawnByScore(temperature=0.05)) < mean_rank(DrawnUniformly())


def test_too_few_texts_are_refused(examples):
    few = examples[:3]
    with pytest.raises(UsageError, match="fewer than 9 texts that are no answer of it"):
        mine(few, Searcher(few), 9)


def test_a_filter_drops_what_does_not_belong_together(model):
    examples, kept = Consistent(inner=pairs(), keep=WithinRank(rank=2)).kept(model)
    wrong = np.arange(len(examples)) % 3 == 0
    assert kept[~wrong].mean() >= 0.9 and kept[wrong].mean() <= 0.2
    _, pooled = Consistent(inner=pairs(), keep=WithinRank(rank=2), pool=20).kept(model)
    assert (pooled >= kept).all() and pooled.sum() > kept.sum()
    with pytest.raises(UsageError, match="keeps none of 60 examples"):
        Consistent(inner=pairs(), keep=AboveScore(lowest=2.0)).examples_for(model)


def test_conditions_are_those_of_the_ranks(model):
    examples = pairs().examples()
    found = ranked(examples, model, 10)
    rank, score, gap = WithinRank(rank=3), AboveScore(lowest=0.5), AheadOfOthers(gap=0.05)
    np.testing.assert_array_equal(rank(found), found.rank <= 3)
    np.testing.assert_array_equal(score(found), found.own >= 0.5)
    np.testing.assert_array_equal(gap(found), found.own >= found.scores.max(axis=1) + 0.05)
    both = AllOf(conditions=(rank, score, gap))
    np.testing.assert_array_equal(both(found), rank(found) & score(found) & gap(found))
    assert AllOf(conditions=(WithinRank(rank=50), score)).depth == 50


def test_a_skip_that_was_written_before_is_a_first_rank():
    old = {"part": "jaxemb.vectors.Mined", "count": 2, "skip": 4}
    assert from_json(old) == Mined(count=2, eligible=Ranks(first=5))
