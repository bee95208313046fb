"""Rows that stand beside every method."""

import dataclasses

import numpy as np
import pytest

from jaxemb import arm, recipes
from jaxemb.config import UsageError
from jaxemb.data import ShuffledPositives, SummaryToBody
from jaxemb.study.controls import RandomVectors, ShuffledPairs, Untrained
from tests.toy_runs import run


def test_equal_texts_have_equal_random_directions_whatever_they_hold():
    texts = ["sort", "π", "\ud800 alone", "sort"]
    vectors = RandomVectors(dim=8)._embed(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[3])
    assert abs(vectors[0] @ vectors[1]) < 0.999 and abs(vectors[0] @ vectors[2]) < 0.999


def test_shuffled_pairs_lose_only_what_belongs_together():
    base = recipes.pair_retriever()
    shuffled = ShuffledPairs(seed=3).recipe(base)
    assert shuffled.stages[:-1] == base.stages[:-1] and shuffled.evaluation == base.evaluation
    expected = dataclasses.replace(
        base.stages[-1].data, view=ShuffledPositives(inner=SummaryToBody(), seed=3)
    )
    assert shuffled.stages[-1] == dataclasses.replace(base.stages[-1], data=expected)
    record = {"summary": "sort", "body": "It sorts.", "module": "m", "name": "m.sort"}
    records = [{**record, "summary": f"sort {n}", "body": f"It sorts {n}."} for n in range(50)]
    plain, dealt = base.stages[-1].data.view(records), expected.view(records)
    for column in ("query", "positive"):
        assert sorted(e[column] for e in plain) == sorted(e[column] for e in dealt)
    pairs = {(e["query"], e["positive"]) for e in plain}
    assert sum((e["query"], e["positive"]) in pairs for e in dealt) < 10


def test_shuffled_pairs_are_trained_and_stand_beside_the_untrained(tmp_path):
    changes = dict(arms=(arm("mean", pooling="mean"),), claims=(), seeds=(0,))
    rows = run(tmp_path, controls=(Untrained(), ShuffledPairs()), **changes)["controls"]
    found = {name: row["retrieval/ndcg@10"]["mean"] for name, row in rows.items()}
    assert list(found) == ["untrained", "shuffled_pairs"]
    untrained, shuffled = (
        np.load(next(tmp_path.glob(f"toy/small/controls/{name}-*/examples/sts.npz")))["prediction"]
        for name in found
    )
    assert np.abs(untrained - shuffled).max() > 1e-4


def test_a_base_without_pairs_has_none_to_shuffle():
    with pytest.raises(UsageError, match="no pairs to shuffle"):
        ShuffledPairs().recipe(recipes.static_bag())
