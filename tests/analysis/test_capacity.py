"""Free vectors reach exactly what geometry allows in two and three dimensions."""

import itertools

import jax
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxemb.analysis import (
    FreeVectors,
    critical_size,
    recovered,
    subsets,
    trigonometric,
)
from jaxemb.analysis.capacity import _tables, _unit_rows
from jaxemb.config import UsageError
from jaxemb.data import Judgements
from jaxemb.evaluation import Capacity
from jaxemb.training import Context

VECTORS = FreeVectors()


def unasked(texts, role):
    raise AssertionError("the model is not asked")


def test_sets_of_fewer_items_come_first():
    few, many = subsets(4, 3), subsets(6, 3)
    np.testing.assert_array_equal(many[: len(few), :4], few)
    assert not many[: len(few), 4:].any()
    found = {tuple(np.flatnonzero(row)) for row in many}
    assert found == set(itertools.combinations(range(6), 3)) and len(many) == 20


def test_recovered_is_counted_one_by_one_and_ties_are_lost():
    rng = np.random.default_rng(5)
    queries, documents = rng.integers(-2, 3, (30, 3)), rng.integers(-2, 3, (7, 3))
    relevant = rng.random((30, 7)) < 0.3
    relevant[:, 0], relevant[:, 6] = True, False
    hits = [
        all(queries[q] @ documents[d] > queries[q] @ documents[other]
            for other in range(7) if not relevant[q, other])
        for q, d in zip(*np.nonzero(relevant), strict=True)
    ]  # fmt: skip
    assert 0 < np.mean(hits) < 1
    share = recovered(queries.astype(float), documents.astype(float), relevant)
    assert share == pytest.approx(np.mean(hits))
    assert recovered(np.zeros((30, 3)), documents.astype(float), relevant) == 0.0


def test_rows_have_unit_length_and_padding_changes_nothing():
    relevant = subsets(9, 2)
    trained = FreeVectors(steps=50).train(relevant, dim=3, seed=1)
    for side, rows in ((trained.queries, 36), (trained.documents, 9)):
        assert side.shape == (rows, 3)
        np.testing.assert_allclose(np.linalg.norm(side, axis=1), 1, rtol=1e-6)
    # Queries without answers count for nothing, but with them the tables are larger.
    wider = np.zeros((70, 9), bool)
    wider[:36] = relevant
    again = FreeVectors(steps=50).train(wider, dim=3, seed=1)
    np.testing.assert_allclose(again.documents, trained.documents, atol=1e-4)


def test_tries_are_trained_side_by_side_and_know_nothing_of_each_other():
    """The first step of each copy is that of Adam on the loss of its own vectors alone."""
    relevant = subsets(5, 2)
    data = Judgements(relevant=tuple(map(tuple, np.argwhere(relevant)[:, 1].reshape(-1, 2).tolist())),
                      documents=5, copies=3)  # fmt: skip
    start = _unit_rows(_tables(data, 4).start(jax.random.key(3)))
    ended = FreeVectors(steps=1).stage(data).run(start, Context(key=jax.random.key(3)))

    def loss(sides):
        queries, documents = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in sides)
        logs = log_softmax(queries @ documents.T / 0.1, axis=1)
        return -logs[relevant].mean()

    for copy in range(3):
        before, after = (
            [np.asarray(m.params[side]["tokens"]["embedding"], np.float64)[copy::3][:real]
             for side, real in (("query", 10), ("document", 5))]
            for m in (start, ended)
        )  # fmt: skip
        for side in (0, 1):
            for place in np.ndindex(before[side].shape):
                moved = [x.copy() for x in before]
                moved[side][place] += 1e-6
                slope = (loss(moved) - loss(before)) / 1e-6
                # The first step of Adam is one learning rate against the gradient's sign.
                if abs(slope) > 1e-3:
                    step = after[side][place] - before[side][place]
                    assert step == pytest.approx(-0.01 * np.sign(slope), rel=1e-3)


@pytest.mark.parametrize(("dim", "size"), [(2, 3), (3, 4)])
def test_the_critical_size_of_pairs_is_that_of_the_convex_hull(dim, size):
    """The two on top are an edge of the documents' hull: a triangle, and a tetrahedron, at most."""
    vectors = FreeVectors(steps=1500, patience=500)
    result = Capacity(dim=dim, starts=2, tries=4, vectors=vectors).run(unasked)
    assert result.examples["critical_size"].tolist() == [size] * 2
    assert result.metrics == {"critical_size": size}
    assert result.examples["cluster"].tolist() == [0, 1]


def test_one_more_document_stops_short_of_everything():
    vectors = FreeVectors(steps=1500)
    assert vectors.train(subsets(4, 2), dim=2, seed=0).recovered < 1
    assert vectors.train(subsets(5, 2), dim=3, seed=0).recovered < 1


@pytest.mark.parametrize("items", [5, 12, 40])
def test_in_four_dimensions_every_pair_can_be_on_top(items):
    queries, documents = trigonometric(items)
    np.testing.assert_allclose(np.linalg.norm(documents, axis=1), 1)
    assert recovered(queries, documents, subsets(items, 2)) == 1.0
    # The other way round, a wrong set of judgements is not recovered.
    assert recovered(queries, documents, np.roll(subsets(items, 2), 1, axis=0)) < 0.6


@pytest.mark.parametrize("answer", range(2, 41))
def test_search_finds_where_solving_ends_and_asks_few_times(answer):
    asked = []

    def solves(size: int) -> bool:
        asked.append(size)
        return size <= answer

    assert critical_size(solves, least=2, most=30) == min(answer, 30)
    assert len(asked) == len(set(asked)) <= 12 and max(asked) <= 30


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="size 5"):
        critical_size(lambda size: False, least=5, most=9)
    with pytest.raises(UsageError, match="dim=0"):
        VECTORS.train(subsets(3, 2), dim=0, seed=0)
    with pytest.raises(UsageError, match="relevant"):
        VECTORS.train(np.zeros((3, 3), bool), dim=2, seed=0)


def test_capacity_in_four_dimensions_is_beyond_three_and_repeats_itself():
    task = Capacity(dim=4, starts=1, most=6, vectors=FreeVectors(steps=1000))
    assert task.run(unasked).metrics == task.run(unasked).metrics == {"critical_size": 6.0}
