"""Free vectors reach exactly what geometry allows in two and three dimensions."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxemb.analysis import (
    FreeVectors,
    contrast_loss,
    critical_size,
    recovered,
    subsets,
    trigonometric,
)
from jaxemb.config import UsageError
from jaxemb.evaluation import Capacity

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


def test_loss_is_the_log_softmax_of_the_relevant_ones():
    rng = np.random.default_rng(6)
    queries, documents = rng.normal(size=(5, 3)), rng.normal(size=(8, 3))
    relevant = np.zeros((5, 8), bool)
    relevant[:4, :6] = rng.random((4, 6)) < 0.5
    relevant[0, 0] = True
    logs = log_softmax(queries[:4] @ documents[:6].T / 0.1, axis=1)
    found = contrast_loss(
        jnp.asarray(queries), jnp.asarray(documents), jnp.asarray(relevant), jnp.arange(8) < 6, 0.1
    )
    assert float(found) == pytest.approx(-logs[relevant[:4, :6]].mean(), rel=1e-5)


def test_rows_have_unit_length_and_padding_changes_nothing():
    relevant = subsets(9, 2)
    trained = FreeVectors(steps=50).train(relevant, dim=3, seed=1)
    for side, rows in ((trained.queries, 36), (trained.documents, 9)):
        assert side.shape == (rows, 3)
        np.testing.assert_allclose(np.linalg.norm(side, axis=1), 1, rtol=1e-6)
    wider = np.zeros((70, 20), bool)
    wider[:36, :9] = relevant
    # Documents that answer nothing push back; queries without answer do not.
    again = FreeVectors(steps=50).train(wider[:, :9], dim=3, seed=1)
    np.testing.assert_allclose(again.documents, trained.documents, atol=1e-4)


@pytest.mark.parametrize(("dim", "size"), [(2, 3), (3, 4)])
def test_the_critical_size_of_pairs_is_that_of_the_convex_hull(dim, size):
    """The two on top are an edge of the documents' hull: a triangle, and a tetrahedron, at most."""
    result = Capacity(dim=dim, starts=3, vectors=FreeVectors(steps=4000)).run(unasked)
    assert result.examples["critical_size"].tolist() == [size] * 3
    assert result.metrics == {"critical_size": size}
    assert result.examples["cluster"].tolist() == [0, 1, 2]


def test_one_more_document_stops_short_of_everything():
    assert VECTORS.train(subsets(4, 2), dim=2, seed=0).recovered < 1
    assert VECTORS.train(subsets(5, 2), dim=3, seed=0).recovered < 1


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
    task = Capacity(dim=4, starts=1, most=6, vectors=FreeVectors(steps=2000))
    assert task.run(unasked).metrics == task.run(unasked).metrics == {"critical_size": 6.0}
