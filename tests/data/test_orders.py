"""Orders of batches against what each promises, over random examples with repeated texts."""

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import (
    Alternating,
    EpochOrder,
    LabelGroups,
    LengthBucketed,
    Order,
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
    WithoutDuplicates(inner=SideBySide(orders=(Stratified(), LabelGroups()), shares=(1, 1))),
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


class Counted(list):
    """Examples that say how many of them were read."""

    read = 0

    def __getitem__(self, place):
        self.read += 1
        return super().__getitem__(place)


@pytest.mark.parametrize(
    ("order", "most"),
    [
        (LengthBucketed(window=5), 5 * BATCH),
        (WithoutDuplicates(), 3 * BATCH),
        (WithoutDuplicates(inner=LabelGroups(by="half")), SIZE * 10 * 4 + 6 * BATCH),
    ],
)
def test_the_first_batch_reads_few_of_many_examples(order, most):
    draw = np.random.default_rng(0)
    rows = Counted(
        {"query": "x" * int(n), "query_id": k, "half": k % 2, "positive_id": 10**6 + int(n)}
        for k, n in enumerate(draw.integers(1, 10**5, SIZE * 10))
    )
    sequel = order(rows, np.arange(len(rows)), BATCH, 0)
    assert len(set(sequel[0].tolist())) == BATCH
    assert 0 < rows.read <= most
    first = [np.asarray(sequel[n]) for n in range(30)]
    late = order(rows, np.arange(len(rows)), BATCH, 0)
    for n in (29, 0, 17):
        np.testing.assert_array_equal(late[n], first[n])


# --- every pair of orders: what each promises holds in both nestings


def one_family(batch, examples):
    return len({examples[place]["family"] for place in batch}) == 1


def family_zero(batch, examples):
    return {examples[place]["family"] for place in batch} == {0}


def parts_of_families(batch, examples):
    found = [examples[place]["family"] for place in batch]
    return set(found[:4]) == {0} and set(found[4:]) == {1}


def texts_apart(batch, examples):
    names = ("query_id", "positive_id")
    found = [examples[p][name] for p in batch for name in names]
    found += [number for place in batch for number in examples[place]["negatives_id"]]
    return len(found) == len(set(found))


def groups_whole(batch, examples):
    labels = [examples[place]["label"] for place in batch]
    return labels[::2] == labels[1::2]


def anything(batch, examples):
    return True


def sides(inner):
    halves = (Where(equals=0, inner=inner), Where(equals=1, inner=inner))
    return SideBySide(orders=halves, shares=(1, 1))


KINDS = {  # each order around another one, and what every one of its batches keeps
    "shuffled": (lambda inner: inner, anything),
    "bucketed": (lambda inner: LengthBucketed(window=4, inner=inner), anything),
    "distinct": (lambda inner: WithoutDuplicates(inner=inner), texts_apart),
    "groups": (lambda inner: LabelGroups(each=2, inner=inner), groups_whole),
    "power": (lambda inner: Stratified(turns=PowerLaw(exponent=0.5), inner=inner), one_family),
    "alternating": (lambda inner: Stratified(turns=Alternating(), inner=inner), one_family),
    "where": (lambda inner: Where(equals=0, inner=inner), family_zero),
    "sides": (sides, parts_of_families),
}
NAMES = tuple(KINDS)
SAME_FIELD = ("power", "alternating", "where", "sides")
ALLOWED_TWICE = {("where", "power"), ("where", "alternating"), ("where", "where")}
ALLOWED_TWICE |= {("sides", "power"), ("sides", "alternating")}
REFUSED = {("bucketed", "bucketed"), ("groups", "groups")}
REFUSED |= {(a, b) for a in SAME_FIELD for b in SAME_FIELD} - ALLOWED_TWICE
PAIRS = [(a, b) for a in NAMES[1:] for b in NAMES]


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_of_every_pair_of_orders_each_keeps_its_promise(outer, inner, examples):
    (make, kept), (make_inside, kept_inside) = KINDS[outer], KINDS[inner]
    if (outer, inner) in REFUSED:
        with pytest.raises(UsageError, match=r"only one can decide|an order inside it"):
            make(make_inside(Shuffled()))
        return
    order = make(make_inside(Shuffled()))
    batches = taken(order, examples, 60)
    for batch in batches:
        assert kept(batch.tolist(), examples) and kept_inside_of(
            outer, kept_inside, batch, examples
        )
    again = order(examples, ALL, BATCH, 0)
    for number in (41, 7):
        np.testing.assert_array_equal(again[number], batches[number])
    assert from_json(json.loads(json.dumps(to_json(order)))) == order
    if not {outer, inner} & {"distinct", "sides"}:
        assert all(len(set(batch.tolist())) == BATCH for batch in batches)


def kept_inside_of(outer, kept, batch, examples):
    """What an order in the parts of a batch promises, it promises of each part."""
    parts = (batch[:4], batch[4:]) if outer == "sides" else (batch,)
    return all(kept(part.tolist(), examples) for part in parts)


def test_nestings_are_read_in_one_way(examples):
    same = [
        (LengthBucketed(inner=Stratified()), Stratified(inner=LengthBucketed())),
        (LabelGroups(inner=LengthBucketed()), LengthBucketed(inner=LabelGroups())),
        (
            LabelGroups(inner=WithoutDuplicates(inner=Where(equals=0))),
            Where(equals=0, inner=WithoutDuplicates(inner=LabelGroups())),
        ),
    ]
    for one, other in same:
        for a, b in zip(taken(one, examples, 40), taken(other, examples, 40), strict=True):
            np.testing.assert_array_equal(a, b)


def test_three_deep_keeps_all_three(examples):
    order = WithoutDuplicates(
        inner=LengthBucketed(window=6, inner=LabelGroups(inner=Stratified(turns=Alternating())))
    )
    for batch in taken(order, examples, 50):
        for kept in (one_family, groups_whole, texts_apart):
            assert kept(batch.tolist(), examples)


def test_groups_are_of_about_one_length(examples):
    def spread(order):
        batches = taken(order, examples, 20)
        lengths = [[len(examples[p]["query"]) for p in batch] for batch in batches]
        return np.mean([np.ptp(np.reshape(one, (-1, 2)).sum(axis=1)) for one in lengths])

    bucketed = LengthBucketed(window=SIZE, inner=LabelGroups())
    assert spread(bucketed) < 0.3 * spread(LabelGroups())
    counts = Counter(np.concatenate(taken(bucketed, examples, SIZE // BATCH - 1)).tolist())
    assert max(counts.values()) == 1


def test_a_part_that_repeats_a_text_gives_way_to_its_own_kind():
    rows = [{"query_id": n % 13, "positive_id": 100 + n, "family": n % 3} for n in range(60)]
    sides = SideBySide(orders=(Stratified(), Stratified(turns=Alternating())), shares=(1, 1))
    places, changed = np.arange(60), 0
    plain, apart = (order(rows, places, 8, 3) for order in (sides, WithoutDuplicates(inner=sides)))
    for n in range(60):
        batch = apart[n].tolist()
        assert len({rows[p]["query_id"] for p in batch}) == 8
        assert len({rows[p]["family"] for p in batch[4:]}) == 1
        changed += batch != plain[n].tolist()
    assert changed > 15


class Backwards(EpochOrder):
    """An order of someone else's, by the places from last to first."""

    def epoch(self, examples, places, batch_size, draw):
        count = len(places) // batch_size * batch_size
        return places[::-1][:count].reshape(-1, batch_size)


class WholeBatches(Order):
    """One that hands out whole batches."""

    def __call__(self, examples, places, batch_size, seed):
        return Shuffled()(examples, places, batch_size, seed)


def test_orders_of_your_own_can_be_wrapped(examples):
    backwards = taken(Backwards(), examples, 3)
    np.testing.assert_array_equal(np.concatenate(backwards), ALL[::-1][: 3 * BATCH])
    for order in (WithoutDuplicates(inner=Backwards()), WithoutDuplicates(inner=WholeBatches())):
        assert all(texts_apart(batch.tolist(), examples) for batch in taken(order, examples, 30))
    groups = taken(LabelGroups(inner=Backwards()), examples, 20)
    assert all(groups_whole(batch.tolist(), examples) for batch in groups)
    with pytest.raises(UsageError, match="WholeBatches hands out whole batches"):
        LengthBucketed(inner=WholeBatches())


def test_groups_that_repeat_a_text_are_left_out():
    rows = [{"label": n // 4, "query_id": n, "positive_id": 100 + n // 4} for n in range(64)]
    with pytest.raises(UsageError, match="Only 0 examples have different texts"):
        WithoutDuplicates(inner=LabelGroups())(rows, np.arange(64), 8, 0)[0]


def test_a_stratum_without_enough_groups_is_left_out():
    rows = [{"label": n if n < 20 else n % 2, "family": int(n < 20)} for n in range(60)]
    order = Stratified(inner=LabelGroups())(rows, np.arange(60), 8, 0)
    assert all(set(order[n].tolist()) <= set(range(20, 60)) for n in range(20))


def test_contradictions_are_refused_when_the_order_is_built():
    with pytest.raises(UsageError, match="no example is both"):
        Where(equals=0, inner=SideBySide(orders=(Where(equals=1),), shares=(1,)))
    with pytest.raises(UsageError, match="a turn for each value of 'family'"):
        Stratified(inner=Where(equals=1))
    with pytest.raises(UsageError, match="LabelGroups stands in another one"):
        LabelGroups(inner=LengthBucketed(inner=LabelGroups(each=4)))
    assert dataclasses.replace(Stratified(by="label"), inner=Where(equals=1)).by == "label"


def test_texts_without_numbers_cannot_be_told_apart():
    rows = [{"query": f"text {n % 2}"} for n in range(8)]
    with pytest.raises(UsageError, match="has none of these fields; it has query"):
        WithoutDuplicates()(rows, np.arange(8), 2, 0)[0]
