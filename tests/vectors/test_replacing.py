"""Negatives that are mined again during training, against searches by hand."""

import dataclasses
import json

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import Alternating, SeveralTasks, Shuffled, Stratified
from jaxemb.vectors import (
    BelowPositive,
    BelowRisingScore,
    BelowScore,
    BelowShareOfPositive,
    Consistent,
    Judge,
    Mined,
    MinedOnce,
    MinedWhereEasy,
    WithinRank,
    mine,
    scores_of,
)
from tests.vectors.searching import DIM, Searcher, by_hand, pairs


def test_filtering_and_mining_compose(model):
    kept = Consistent(inner=pairs(), keep=WithinRank(rank=2))
    data = MinedOnce(inner=kept, count=3, eligible=BelowPositive(margin=0.05))
    batch = next(data.batches(model, seed=0))
    assert batch["negatives_id"].shape == (8, 3) and tuple(batch) == data.columns
    examples = data.examples_for(model)
    assert {e["query_id"] for e in examples} == {e["query_id"] for e in kept.examples_for(model)}
    again = Mined(inner=kept, count=3, eligible=BelowPositive(margin=0.05), every=5)
    batches = again.batches(model, seed=0)
    batches.renew(0, lambda: model)
    numbers = mine(examples, model, 3, eligible=BelowPositive(margin=0.05)).numbers
    np.testing.assert_array_equal(batches.mined, numbers)
    state = json.loads(json.dumps(batches.get_state()))
    resumed = again.batches(model, seed=0)
    resumed.set_state(state)
    for _ in range(5):
        a, b = next(batches), next(resumed)
        np.testing.assert_array_equal(a["negatives_id"], b["negatives_id"])


def test_a_ceiling_that_rises_lets_harder_negatives_in(model):
    class Fixed(Judge):
        def searcher(self, current):
            return model

    rising = BelowRisingScore(start=0.2, end=0.6, steps=20)
    data = Mined(inner=pairs(), count=3, judge=Fixed(), eligible=rising, every=10)
    batches, examples = data.batches(model, seed=0), pairs().examples()
    means = []
    for step, ceiling in ((0, 0.2), (10, 0.4), (20, 0.6), (30, 0.6)):
        batches.renew(step, lambda: model)
        wanted = mine(examples, model, 3, eligible=BelowScore(ceiling=ceiling), seed=step)
        np.testing.assert_array_equal(batches.mined, wanted.numbers)
        assert wanted.short == 0
        scores = scores_of(examples, model, batches.mined)
        assert (scores < ceiling).all()
        means.append(scores.mean())
    assert means[0] < means[1] < means[2] == means[3]
    # It rises inside others, and a judge that stays with a ceiling that stays searches once.
    inside = BelowPositive(margin=0.1, inner=BelowShareOfPositive(inner=rising))
    assert inside.changes and inside.at(10).inner.inner == BelowScore(ceiling=0.4)
    assert not dataclasses.replace(data, eligible=inside.at(10)).changes
    assert from_json(to_json(data.eligible)) == rising
    # What searches once asks at the start; far above all scores nothing is left out.
    once = MinedOnce(inner=pairs(), count=3, eligible=rising).found(examples, lambda: model, 0)
    at_start = mine(examples, model, 3, eligible=BelowScore(ceiling=0.2)).numbers
    np.testing.assert_array_equal(once.numbers, at_start)
    high = mine(examples, model, 3, eligible=BelowScore(ceiling=1.01)).numbers
    np.testing.assert_array_equal(high, mine(examples, model, 3).numbers)


RULE = [  # first score, score now, whether it is replaced at a factor of 1.15 and a ceiling of 0.8
    (0.9, 0.9, False),
    (0.9, 0.79, False),
    (0.9, 0.78, True),
    (0.95, 0.81, False),
    (0.5, 0.4, True),
    (0.2, -0.5, True),
    (0.2, -0.85, False),
    (-0.2, -0.15, False),
]


@pytest.mark.parametrize(("first", "now", "replaced"), RULE)
def test_a_negative_is_replaced_by_the_rule(first, now, replaced):
    found = MinedWhereEasy().easy(np.array([[first]]), np.array([[now]]))
    assert found.tolist() == [[replaced]]


def test_easy_negatives_are_replaced_and_the_others_stay(model):
    data = MinedWhereEasy(inner=pairs(), count=3, every=10)
    batches, examples = data.batches(model, seed=0), pairs().examples()
    batches.renew(0, lambda: model)
    before, first = batches.mined.copy(), batches.first.copy()
    np.testing.assert_array_equal(before, mine(examples, model, 3).numbers)
    batches.renew(5, lambda: model)
    np.testing.assert_array_equal(batches.mined, before)
    moved = Searcher(examples, noise=0.2)
    draw = np.random.default_rng(8)
    moved.vectors = {t: v + draw.normal(size=DIM) for t, v in model.vectors.items()}
    moved.tokenizer_of = model.tokenizer_of
    batches.renew(10, lambda: moved)
    scores = moved.scores(examples)
    now = np.take_along_axis(scores, before, axis=1)
    easy = (1.15 * now < first) & (np.abs(now) < 0.8)
    assert 0.1 < easy.mean() < 0.9
    np.testing.assert_array_equal(batches.mined[~easy], before[~easy])
    np.testing.assert_array_equal(batches.first[~easy], first[~easy])
    for row in range(len(examples)):
        fresh = [n for n in by_hand(examples, scores, row)[:6] if n not in before[row]]
        expected = fresh[: easy[row].sum()]
        assert batches.mined[row][easy[row]][: len(expected)].tolist() == expected
        assert len(set(batches.mined[row].tolist())) == 3
    np.testing.assert_allclose(
        batches.first[easy], np.take_along_axis(scores, batches.mined, axis=1)[easy], 1e-5, 1e-6
    )
    state = json.loads(json.dumps(batches.get_state()))
    resumed = data.batches(model, seed=0)
    resumed.set_state(state)
    np.testing.assert_array_equal(resumed.first, batches.first)
    np.testing.assert_array_equal(next(resumed)["negatives_id"], next(batches)["negatives_id"])


def in_turn(order):
    return SeveralTasks(tasks=(pairs(), pairs()), batch_size=8, order=order)


def test_mined_batches_follow_the_inner_order(model):
    data = in_turn(Stratified(turns=Alternating()))
    kept = Consistent(inner=data, keep=WithinRank(rank=50))
    for mined in (Mined(inner=data, every=5), MinedWhereEasy(inner=kept, every=5)):
        batches, plain = mined.batches(model, seed=4), mined.inner.batches(model, seed=4)
        batches.renew(0, lambda: model)
        families = set()
        for _ in range(6):
            batch, expected = next(batches), next(plain)
            np.testing.assert_array_equal(batch["query_id"], expected["query_id"])
            families.add(tuple(set(batch["family"].tolist())))
        assert families == {(0,), (1,)}
        state = json.loads(json.dumps(batches.get_state()))
        again = mined.batches(model, seed=4)
        again.set_state(state)
        np.testing.assert_array_equal(next(again)["query_id"], next(batches)["query_id"])
        with pytest.raises(UsageError, match="of batches in another order"):
            again.set_state({**state, "order": repr(Stratified())})


def test_mined_pairs_without_an_order_are_read_as_before(model):
    examples = pairs().examples()
    order = Shuffled()(examples, np.arange(len(examples)), 8, 2)
    batches = Mined(inner=pairs()).batches(model, seed=2)
    for n in range(20):
        expected = [examples[place]["query_id"] for place in order[n].tolist()]
        assert next(batches)["query_id"].tolist() == expected
