import dataclasses
import json

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import (
    HardNegatives,
    LabelGroups,
    Labels,
    LengthBucketed,
    Neighbour,
    Pairs,
    PowerLaw,
    SeeAlso,
    Several,
    Stratified,
    StratifiedPairs,
    SummaryToBody,
    SummaryToCode,
    Texts,
    WithoutDuplicates,
)
from jaxemb.text import Template, TextBatch, Tokenizer, WordPiece

SIZE = 16


@pytest.fixture
def pairs(pydocs) -> Pairs:
    return Pairs(source=pydocs, batch_size=SIZE)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = ["return a new value, sorted along the axis of an array or message"] * 3
    return WordPiece(vocabulary=512, max_tokens=64).train(texts)


def same(a, b) -> bool:
    arrays = [(x, y) for c in a for x, y in zip(parts(a[c]), parts(b[c]), strict=True)]
    return a.keys() == b.keys() and all(np.array_equal(x, y) for x, y in arrays)


def parts(column) -> tuple:
    return tuple(column) if isinstance(column, TextBatch) else (column,)


def test_a_batch_has_the_columns_with_their_types(pairs, tokenizer):
    batches = pairs.batches(tokenizer, seed=0)
    batch = next(batches)
    assert tuple(batch) == pairs.columns
    for role in ("query", "positive"):
        assert batch[role].ids.shape == batch[role].mask.shape
        assert batch[role].ids.shape[0] == SIZE
        assert batch[role].ids.shape[1] in (16, 32, 48, 64)
        assert batch[f"{role}_id"].shape == (SIZE,) and batch[f"{role}_id"].dtype == np.int32
    batches.close()


def test_an_epoch_has_every_example_once_but_the_remainder(pairs, tokenizer):
    batches = pairs.batches(tokenizer, seed=0)
    steps = len(pairs) // SIZE
    known = sorted(example["positive_id"] for example in pairs.examples())
    epochs = []
    for _ in range(2):
        seen = np.concatenate([next(batches)["positive_id"] for _ in range(steps)]).tolist()
        for number in seen:
            assert seen.count(number) <= known.count(number)
        epochs.append(seen)
    assert epochs[0] != epochs[1]
    batches.close()


def test_the_seed_decides_the_order(pairs, tokenizer):
    first, again, other = (next(pairs.batches(tokenizer, seed=s)) for s in (3, 3, 4))
    assert same(first, again) and not same(first, other)


def test_texts_are_encoded_by_role(pairs, pydocs):
    text = WordPiece(vocabulary=512, template=Template(query="find ", document="text "))
    tokenizer = text.train(list(pairs.texts())[:200])
    batch = next(pairs.batches(tokenizer, seed=0))
    by_number = {e["positive_id"]: e for e in pairs.examples()}
    for row, number in enumerate(batch["positive_id"].tolist()):
        for role, column in (("query", "query"), ("document", "positive")):
            (ids,) = tokenizer.encode([by_number[number][column]], role=role)
            kept = batch[column].ids[row][batch[column].mask[row]]
            if column == "positive":  # several queries may share a positive
                np.testing.assert_array_equal(kept, ids)
            assert kept[1] == ids[1]


@pytest.mark.parametrize("taken", [0, 1, 7, 40])
def test_resuming_equals_going_on(pairs, tokenizer, taken):
    whole = pairs.batches(tokenizer, seed=1)
    for _ in range(taken):
        next(whole)
    state = json.loads(json.dumps(whole.get_state()))
    resumed = pairs.batches(tokenizer, seed=1)
    next(resumed)  # what it did before does not matter
    resumed.set_state(state)
    assert resumed.get_state() == state
    for _ in range(10):
        assert same(next(whole), next(resumed))
    assert whole.get_state() == resumed.get_state() != state
    whole.close()
    resumed.close()


def test_a_state_of_other_data_is_refused(pairs, tokenizer):
    state = pairs.batches(tokenizer, seed=1).get_state()
    for other in (
        pairs.batches(tokenizer, seed=2),
        Pairs(source=pairs.source, batch_size=8).batches(tokenizer, seed=1),
    ):
        with pytest.raises(UsageError, match="the saved position is of data with"):
            other.set_state(state)


NESTED = WithoutDuplicates(
    inner=LengthBucketed(
        window=3, inner=LabelGroups(by="family", inner=Stratified(turns=PowerLaw(exponent=0.5)))
    )
)


def test_nested_orders_resume_where_they_were(pydocs, tokenizer):
    views = Several(views=(SummaryToBody(), SummaryToCode()))
    data = Pairs(source=pydocs, view=views, batch_size=SIZE, order=NESTED)
    whole = data.batches(tokenizer, seed=1)
    for _ in range(9):
        next(whole)
    resumed = data.batches(tokenizer, seed=1)
    resumed.set_state(json.loads(json.dumps(whole.get_state())))
    for _ in range(6):
        batch = next(whole)
        assert same(batch, next(resumed))
        assert len(set(batch["family"].tolist())) == 1
    whole.close()
    resumed.close()


def test_a_state_that_was_written_before_orders_had_inner_ones_is_read(pairs, tokenizer):
    data = dataclasses.replace(pairs, order=LengthBucketed(window=4))
    batches = data.batches(tokenizer, seed=1)
    state = {**batches.get_state(), "order": "LengthBucketed(window=4)"}
    batches.set_state(state)
    with pytest.raises(UsageError, match="the saved position is of data with order="):
        batches.set_state({**state, "order": "LengthBucketed(window=5)"})


def test_few_shapes(pairs, tokenizer):
    batches = pairs.batches(tokenizer, seed=0)
    shapes = set()
    for _ in range(60):
        batch = next(batches)
        shapes.add((batch["query"].ids.shape, batch["positive"].ids.shape))
    assert len(shapes) <= 4
    batches.close()


def test_stats_count_real_and_padded_tokens(pairs, tokenizer):
    batches = pairs.batches(tokenizer, seed=0)
    assert batches.stats.efficiency == 0.0
    batch = next(batches)
    texts = (batch["query"], batch["positive"])
    assert batches.stats.tokens == sum(int(text.mask.sum()) for text in texts)
    assert batches.stats.padded == sum(text.ids.size for text in texts)
    assert 0 < batches.stats.efficiency <= 1
    batches.close()


def test_negatives_are_texts_a_row(pydocs, tokenizer):
    view = HardNegatives(inner=SummaryToBody(), count=3)
    pairs = Pairs(source=pydocs, view=view, batch_size=SIZE)
    batch = next(pairs.batches(tokenizer, seed=0))
    tokens = batch["negatives"].ids.shape[2]
    assert batch["negatives"].ids.shape == (SIZE, 3, tokens)
    assert batch["negatives_id"].shape == (SIZE, 3)
    by_number = {e["positive_id"]: e["positive"] for e in pairs.examples()}
    number = batch["negatives_id"][2, 1]
    (ids,) = tokenizer.encode([by_number[int(number)]])
    kept = batch["negatives"].ids[2, 1][batch["negatives"].mask[2, 1]]
    np.testing.assert_array_equal(kept, ids)


def test_labels_and_texts_batch(pydocs, tokenizer):
    view = Labels(field="kind")
    batch = next(Pairs(source=pydocs, view=view, batch_size=SIZE).batches(tokenizer, seed=0))
    assert batch["label"].dtype == np.int32 and batch["label"].shape == (SIZE,)
    texts = Texts(source=pydocs, batch_size=SIZE)
    assert tuple(next(texts.batches(tokenizer, seed=0))) == texts.columns
    assert len(list(texts.texts())) == len(texts) == len(pydocs.records("train"))


def test_large_data_is_tokenised_anew_to_the_same_batches(pairs, tokenizer, monkeypatch):
    expected = next(pairs.batches(tokenizer, seed=0))
    monkeypatch.setattr("jaxemb.data.pipeline._REMEMBERED", 0)
    assert same(next(pairs.batches(tokenizer, seed=0)), expected)


def test_too_little_data_is_refused(pydocs, tokenizer):
    with pytest.raises(UsageError, match=r"has \d+ examples, fewer than batch_size=100000"):
        Pairs(source=pydocs, batch_size=100_000).batches(tokenizer, seed=0)
    with pytest.raises(UsageError, match="batch_size=0 must be at least 1"):
        Pairs(batch_size=0)


def test_texts_are_of_the_training_split(pairs):
    train = {record["summary"] for record in pairs.source.records("train")}
    assert {text for text, _ in zip(pairs.texts(), range(100), strict=False)} & train
    assert set(list(pairs.texts())[::2]) <= train


def test_the_fingerprint_follows_source_view_and_size(pairs):
    prints = {
        dataset.fingerprint()
        for dataset in (
            pairs,
            Pairs(source=pairs.source, batch_size=8),
            Pairs(source=pairs.source, batch_size=SIZE, view=HardNegatives()),
            Pairs(source=pairs.source, batch_size=SIZE, split="dev"),
            Texts(source=pairs.source, batch_size=SIZE),
        )
    }
    assert len(prints) == 5
    assert pairs.fingerprint() == Pairs(source=pairs.source, batch_size=SIZE).fingerprint()


FAMILIES = Several(views=(SummaryToBody(), Neighbour(), SummaryToCode(), SeeAlso()))


def stratified(pydocs, **more) -> StratifiedPairs:
    return StratifiedPairs(source=pydocs, view=FAMILIES, batch_size=SIZE, **more)


def counted(pairs, count, tokenizer, seed=0):
    """The family of each of the first batches, which is that of all of its rows."""
    batches, families = pairs.batches(tokenizer, seed=seed), []
    for _ in range(count):
        (family,) = set(next(batches)["family"].tolist())
        families.append(family)
    batches.close()
    return np.bincount(families, minlength=4)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_a_stratified_batch_is_of_one_family_in_proportion_to_a_power(pydocs, tokenizer, exponent):
    pairs = stratified(pydocs, exponent=exponent)
    sizes = np.bincount([example["family"] for example in pairs.examples()], minlength=4)
    assert sizes[3] < SIZE <= min(sizes[:3]) and len(set(sizes[:3])) > 1  # SeeAlso fills no batch
    weights = np.where(sizes >= SIZE, sizes.astype(float) ** exponent, 0)
    expected = 60 * weights / weights.sum()
    assert np.abs(counted(pairs, 60, tokenizer) - expected).max() <= 1


def test_stratified_epochs_have_every_example_of_a_family_once(pydocs, tokenizer):
    pairs = stratified(pydocs, exponent=0.0)
    batches, seen = pairs.batches(tokenizer, seed=0), [[] for _ in range(4)]
    for _ in range(200):
        batch = next(batches)
        seen[batch["family"][0]] += [batch["positive_id"].tolist()]
    batches.close()
    for family in range(3):
        ids = [e["positive_id"] for e in pairs.examples() if e["family"] == family]
        steps = len(ids) // SIZE
        epochs = [sum(seen[family][n * steps : (n + 1) * steps], []) for n in range(2)]
        assert epochs[0] != epochs[1]
        for epoch in epochs:
            assert all(epoch.count(number) <= ids.count(number) for number in epoch)


def test_stratified_batches_resume_and_follow_the_seed(pydocs, tokenizer):
    pairs = stratified(pydocs)
    whole = pairs.batches(tokenizer, seed=1)
    for _ in range(5):
        next(whole)
    state = json.loads(json.dumps(whole.get_state()))
    resumed = pairs.batches(tokenizer, seed=1)
    resumed.set_state(state)
    assert all(same(next(whole), next(resumed)) for _ in range(8))
    first, other = (next(pairs.batches(tokenizer, seed=seed)) for seed in (1, 2))
    assert not same(first, other)
    with pytest.raises(
        UsageError, match=r"the saved position is of data with order=.*exponent=1.0"
    ):
        stratified(pydocs, exponent=0.5).batches(tokenizer, seed=1).set_state(state)


def test_strata_are_asked_of_a_view_that_has_them(pydocs, tokenizer):
    with pytest.raises(UsageError, match="a view with families.*SummaryToBody has query"):
        StratifiedPairs(source=pydocs, view=SummaryToBody())
    families = [example["family"] for example in stratified(pydocs).examples()]
    most = np.bincount(families).max()
    pairs = dataclasses.replace(stratified(pydocs), batch_size=int(most) + 1)
    with pytest.raises(UsageError, match=f"largest family has {most} examples, fewer than"):
        pairs.batches(tokenizer, seed=0)
