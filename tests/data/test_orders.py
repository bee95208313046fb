"""Orders of batches against what each promises, over random examples with repeated texts."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from jaxemb.config import UsageError
from jaxemb.data import (
    Alternating,
    LabelGroups,
    LengthBucketed,
    PowerLaw,
    Shuffled,
    SideBySide,
    Stratified,
    Where,
    WithoutDuplicates,
)

SIZE, BATCH = 203, 8
ALL = np.arange(SIZE)


@pytest.fixture(scope="module")
def examples():
    draw = np.random.default_rng(7)
    families = draw.choice(3, SIZE, p=(0.6, 0.3, 0.1))
    return [
        {
            "query": "x" * int(draw.integers(1, 400)),
            "positive": "y",
            "query_id": int(draw.integers(0, 150)),
            "positive_id": int(draw.integers(150, 240)),
            "negatives_id": (int(draw.integers(240, 999)),),
            "family": int(family),
            "label": int(draw.integers(0, 5)),
        }
        for family in families
    ]


def taken(order, examples, count, seed=0):
    sequel = order(examples, ALL, BATCH, seed)
    return [np.asarray(sequel[n]) for n in range(count)]


EPOCHS = (
    Shuffled(),
    LengthBucketed(window=4),
    WithoutDuplicates(),
    WithoutDuplicates(inner=LengthBucketed(window=4)),
    LabelGroups(each=2),
)
ORDERS = (
    *EPOCHS,
    Stratified(),
    Stratified(inner=WithoutDuplicates(inner=LengthBucketed()), turns=Alternating()),
    SideBySide(orders=(Stratified(), Shuffled()), shares=(3, 1)),
)


@pytest.mark.parametrize("order", ORDERS, ids=repr)
def test_a_batch_depends_on_seed_and_number_alone(order, examples):
    first = taken(order, examples, 60)
    late = order(examples, ALL, BATCH, 0)
    for number in (59, 3, 31):
        np.testing.assert_array_equal(late[number], first[number])
    assert all(batch.shape == (BATCH,) for batch in first)
    assert any((a != b).any() for a, b in zip(first, taken(order, examples, 60, 1), strict=True))


@pytest.mark.parametrize("order", EPOCHS[:3], ids=repr)
def test_an_epoch_has_no_example_twice_and_few_are_left_out(order, examples):
    steps = SIZE // BATCH
    batches = taken(order, examples, 2 * steps)
    for epoch in (batches[:steps], batches[steps:]):
        counts = Counter(np.concatenate(epoch).tolist())
        assert max(counts.values()) <= (1 if order != WithoutDuplicates() else 2)
        assert len(counts) >= steps * BATCH * 0.95


@pytest.mark.parametrize("order", EPOCHS[2:4], ids=repr)
def test_no_text_is_twice_in_a_batch(order, examples):
    def texts(place):
        row = examples[place]
        return {row["query_id"], row["positive_id"], *row["negatives_id"]}

    for batch in taken(order, examples, 80):
        found = [text for place in batch.tolist() for text in texts(place)]
        assert len(found) == len(set(found))
    repeated = [{"query_id": 0, "positive_id": n} for n in range(40)]
    with pytest.raises(UsageError, match="Only 1 examples have different texts"):
        WithoutDuplicates()(repeated, np.arange(40), BATCH, 0)[0]


def test_bucketed_rows_are_about_equally_long(examples):
    def spread(order):
        batches = taken(order, examples, SIZE // BATCH)
        return np.mean([np.ptp([len(examples[p]["query"]) for p in batch]) for batch in batches])

    assert spread(LengthBucketed(window=SIZE)) < 0.2 * spread(Shuffled())
    assert spread(LengthBucketed(window=SIZE)) < spread(LengthBucketed(window=3))


def test_groups_share_a_label(examples):
    for batch in taken(LabelGroups(each=4), examples, 60):
        labels = [examples[place]["label"] for place in batch.tolist()]
        assert len(set(labels[:4])) == 1 == len(set(labels[4:]))
    with pytest.raises(UsageError, match="batch_size=8 is no multiple of each=3"):
        LabelGroups(each=3)(examples, ALL, BATCH, 0)
    with pytest.raises(UsageError, match="no field 'topic'"):
        LabelGroups(by="topic")(examples, ALL, BATCH, 0)


def families(batches, examples):
    return [{examples[place]["family"] for place in batch.tolist()} for batch in batches]


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_strata_have_their_turns_by_a_power_of_their_size(exponent, examples):
    order = Stratified(turns=PowerLaw(exponent=exponent))
    found = families(taken(order, examples, 300), examples)
    assert all(len(one) == 1 for one in found)
    sizes = np.bincount([row["family"] for row in examples])
    expected = sizes**exponent / np.sum(sizes**exponent)
    counts = Counter(one.pop() for one in found)
    observed = [counts[family] for family in range(3)]
    assert stats.chisquare(observed, 300 * expected).pvalue > 0.05


def test_strata_alternate(examples):
    found = families(taken(Stratified(turns=Alternating()), examples, 30), examples)
    for start in range(0, 30, 3):
        assert set.union(*found[start : start + 3]) == {0, 1, 2}


def test_parts_of_a_batch_follow_their_orders(examples):
    order = SideBySide(orders=(Where(equals=2), Where(by="label", equals=1)), shares=(1, 3))
    for batch in taken(order, examples, 40):
        assert [examples[place]["family"] for place in batch[:2].tolist()] == [2, 2]
        assert [examples[place]["label"] for place in batch[2:].tolist()] == [1] * 6
    with pytest.raises(UsageError, match="no multiple of 3, the sum of shares"):
        SideBySide(orders=(Shuffled(), Shuffled()), shares=(1, 2))(examples, ALL, BATCH, 0)
    with pytest.raises(UsageError, match="family=9 has 0 examples"):
        Where(equals=9)(examples, ALL, BATCH, 0)
    with pytest.raises(UsageError, match="a share of at least 1"):
        SideBySide(orders=(Shuffled(),), shares=(1, 2))
