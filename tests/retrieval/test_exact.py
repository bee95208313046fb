"""Exact search against sorting the whole score matrix."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxemb.config import UsageError
from jaxemb.losses import Euclidean, Manhattan
from jaxemb.retrieval import all_scores, cosine_top_k, scored_top_k, top_k


def by_sorting(queries, documents, k):
    scores = queries @ documents.T
    ids = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return ids, np.take_along_axis(scores, ids, axis=1)


@pytest.mark.parametrize(
    ("count", "total", "k"), [(1, 1, 1), (3, 200, 10), (70, 513, 100), (2, 5, 9)]
)
@pytest.mark.parametrize("block", [16, 4096])
def test_same_as_sorting_every_score(count, total, k, block):
    draw = np.random.default_rng(total)
    queries = draw.normal(size=(count, 24)).astype("float32")
    documents = draw.normal(size=(total, 24)).astype("float32")
    ids, scores = top_k(queries, documents, k, block=block)
    expected_ids, expected_scores = by_sorting(queries, documents, k)
    assert ids.shape == scores.shape == (count, min(k, total))
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5, atol=1e-6)


def test_ties_keep_the_lower_document_within_and_across_blocks():
    draw = np.random.default_rng(0)
    # Small whole numbers: products are exact, so equal scores are equal bits.
    queries = draw.integers(-1, 2, size=(20, 3)).astype("float32")
    documents = draw.integers(-1, 2, size=(150, 3)).astype("float32")
    ids, _ = top_k(queries, documents, 40, block=7)
    np.testing.assert_array_equal(ids, by_sorting(queries, documents, 40)[0])


@pytest.mark.parametrize("k", [1, 33, 64])
def test_crowded_and_sparse_blocks_give_the_same_best(k):
    """Scores that rise with the number crowd every block; falling ones leave all but the first."""
    draw = np.random.default_rng(k)
    queries = np.ones((3, 1), "float32")
    rising = np.arange(600, dtype="float32")[:, None]
    mixed = draw.permutation(np.repeat(np.arange(60), 10)).astype("float32")[:, None]
    for documents in (rising, rising[::-1], mixed):
        ids, scores = top_k(queries, documents, k, block=128)
        expected_ids, expected_scores = by_sorting(queries, documents, k)
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("changed", [0, 1, 31, 32, 33, 128])
@pytest.mark.parametrize("k", [5, 20])
def test_a_block_may_change_the_lists_of_some_queries_only(changed, k):
    """Whole numbers with many ties; the second block brings answers to `changed` of the queries."""
    draw = np.random.default_rng()
    queries = np.eye(128, dtype="float32")
    documents = draw.integers(0, 4, size=(1024, 128)).astype("float32")
    documents[512:] = np.minimum(documents[512:], 2)
    those = draw.permutation(128)[:changed]
    for query in those:
        rows = 512 + draw.permutation(512)[: draw.integers(1, 4)]
        documents[rows, query] = draw.integers(4, 6, size=len(rows))
    ids, scores = top_k(queries, documents, k, block=512)
    expected_ids, expected_scores = by_sorting(queries, documents, k)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_array_equal(scores, expected_scores)


def test_pieces_of_any_size_give_what_the_whole_corpus_gives():
    draw = np.random.default_rng(5)
    queries = draw.normal(size=(300, 8)).astype("float32")
    documents = draw.normal(size=(1000, 8)).astype("float32")
    whole = top_k(queries, documents, 20, block=100)
    cuts = np.split(documents, [1, 30, 30, 431, 999])
    pieces = top_k(queries, iter(cuts), 20, block=100)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(a, b)
    few, _ = top_k(queries, iter(cuts[:2]), 50, block=100)
    assert few.shape == (300, 30)
    assert (np.sort(few, axis=1) == np.arange(30)).all()
    scaled = cosine_top_k(queries, iter(cuts), 5, block=100)
    np.testing.assert_array_equal(scaled[0], cosine_top_k(queries, documents, 5, block=100)[0])


def test_a_corpus_on_disk_is_read_a_block_at_a_time(tmp_path):
    draw = np.random.default_rng(6)
    on_disk = np.memmap(tmp_path / "corpus", "float16", "w+", shape=(500, 16))
    on_disk[:] = draw.integers(-4, 5, size=on_disk.shape)
    queries = draw.integers(-4, 5, size=(5, 16)).astype("float32")
    ids, _ = top_k(queries, on_disk, 7, block=64)
    np.testing.assert_array_equal(ids, by_sorting(queries, on_disk.astype("float32"), 7)[0])


def test_no_documents_at_all():
    ids, scores = top_k(np.ones((2, 4), "float32"), iter([]), 3)
    assert ids.shape == scores.shape == (2, 0)


def test_padding_is_never_returned_even_below_zero():
    ids, scores = top_k(np.ones((1, 2), "float32"), -np.ones((3, 2), "float32"), 3)
    assert sorted(ids[0].tolist()) == [0, 1, 2]
    np.testing.assert_array_equal(scores, -2)


def test_cosine_ignores_length_and_survives_zero_vectors():
    queries = np.array([[2.0, 0.0], [0.0, 0.0]])
    documents = np.array([[1.0, 1.0], [100.0, 0.0], [0.0, 0.0]])
    ids, scores = cosine_top_k(queries, documents, 3)
    assert ids[0].tolist() == [1, 0, 2]
    np.testing.assert_allclose(scores[0], [1, np.sqrt(0.5), 0], atol=1e-6)
    np.testing.assert_array_equal(scores[1], 0)


def test_empty_sides():
    ids, scores = top_k(np.zeros((0, 4), "float32"), np.ones((3, 4), "float32"), 2)
    assert ids.shape == scores.shape == (0, 2)
    ids, _ = top_k(np.ones((2, 4), "float32"), np.zeros((0, 4), "float32"), 2)
    assert ids.shape == (2, 0)


@pytest.mark.parametrize("bad", [{"k": 0}, {"k": 1, "block": 0}])
def test_sizes_below_one_are_refused(bad):
    with pytest.raises(ValueError, match="at least 1"):
        top_k(np.ones((1, 2), "float32"), np.ones((1, 2), "float32"), **bad)


def test_more_devices_than_there_are_are_refused():
    with pytest.raises(UsageError, match="devices=1000"):
        top_k(np.ones((1, 2), "float32"), np.ones((1, 2), "float32"), 1, devices=1000)


def test_widths_must_agree():
    with pytest.raises(ValueError, match="2 wide"):
        top_k(np.ones((1, 2), "float32"), np.ones((1, 3), "float32"), 1)


def test_a_vector_that_is_not_finite_is_named():
    documents = np.ones((5, 3), np.float32)
    documents[3, 1] = np.nan
    with pytest.raises(UsageError, match="vector of document 3 is not finite"):
        top_k(np.ones((2, 3), np.float32), documents, 2)
    with pytest.raises(UsageError, match="vector of document 8 is not finite"):
        top_k(np.ones((2, 3), np.float32), iter([np.ones((5, 3), np.float32), documents]), 2)
    with pytest.raises(UsageError, match="vector of query 1 is not finite"):
        top_k(np.array([[1.0, 2.0], [np.inf, 0.0]]), np.ones((4, 2)), 1)


@pytest.mark.parametrize(
    ("similarity", "metric"), [(Euclidean(), "euclidean"), (Manhattan(), "cityblock")]
)
def test_distances_are_searched_piece_by_piece(similarity, metric):
    draw = np.random.default_rng(3)
    # Whole numbers, so that there are ties, which keep the lower number first.
    queries = draw.integers(-2, 3, size=(70, 4)).astype("float32")
    documents = draw.integers(-2, 3, size=(1100, 4)).astype("float32")
    expected = -cdist(queries, documents, metric)
    order = np.argsort(-expected, axis=1, kind="stable")[:, :9]
    ids, scores = similarity.top_k(queries, documents, 9)
    np.testing.assert_array_equal(ids, order)
    np.testing.assert_allclose(scores, np.take_along_axis(expected, order, axis=1), rtol=1e-6)
    np.testing.assert_allclose(all_scores(similarity, queries, documents), expected, rtol=1e-6)


def test_no_more_pairs_are_scored_at_once_than_fit():
    seen = []

    def score(rows, columns):
        seen.append((len(rows), len(columns)))
        return rows @ columns.T

    scored_top_k(score, np.ones((130, 2), "f"), np.ones((1030, 2), "f"), 1)
    assert max(rows * columns for rows, columns in seen) <= 64 * 512
    documents = np.ones((3, 2), "f")
    documents[1] = np.nan
    with pytest.raises(UsageError, match="row 0 with column 1 is no number"):
        Euclidean().top_k(np.ones((1, 2), "f"), documents, 2)
