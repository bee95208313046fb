"""Indexes of faiss beside exact search."""

import sys

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.losses import Cosine, Dot, Euclidean
from jaxemb.model.index import Index
from jaxemb.retrieval import Faiss, cosine_top_k, top_k


def vectors(seed: int, rows: int, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype("f")


def test_faiss_is_asked_for_where_it_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UsageError, match=r"pip install 'jaxemb\[faiss\]'"):
        Faiss().check()
    with pytest.raises(UsageError, match="needs the package faiss"):
        Faiss().over(np.ones((2, 3), "f"), unit=True)


def test_only_products_are_searched_by_it():
    index = Index(None, np.ones((2, 3), "f"), Euclidean())
    with pytest.raises(UsageError, match="Faiss finds products .* by Euclidean"):
        index.by(Faiss())


@pytest.fixture
def faiss():
    return pytest.importorskip("faiss")


@pytest.mark.parametrize("unit", [False, True])
def test_the_flat_index_is_exact_search(faiss, unit):
    queries, documents = vectors(0, 20), vectors(1, 500) * np.arange(1, 501, dtype="f")[:, None]
    ids, scores = Faiss(factory="Flat").over(documents, unit=unit).search(queries, 10)
    expected = (cosine_top_k if unit else top_k)(queries, documents, 10)
    np.testing.assert_array_equal(ids, expected[0])
    np.testing.assert_allclose(scores, expected[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factory", ["HNSW16", "IVF128,Flat", "IVF16,PQ8"])
def test_indexes_find_most_neighbours_of_a_mapped_corpus(faiss, factory, tmp_path):
    documents, queries = vectors(2, 4000), vectors(3, 50)
    np.save(tmp_path / "corpus.npy", documents)
    mapped = np.load(tmp_path / "corpus.npy", mmap_mode="r")
    index = Faiss(factory=factory, effort=64).over(mapped, unit=True)
    ids, scores = index.search(queries, 10)
    expected, _ = cosine_top_k(queries, documents, 10)
    found = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ids, expected, strict=True)])
    assert found > (0.5 if "PQ" in factory else 0.95), found
    assert (np.diff(scores, axis=1) <= 1e-6).all() and ids.dtype == np.int32
    index.save(tmp_path / "index")
    again = Faiss(factory=factory, effort=64).load(tmp_path / "index", unit=True)
    np.testing.assert_array_equal(again.search(queries, 10)[0], ids)


def test_an_index_of_a_model_keeps_its_place(faiss):
    texts, documents = ["b", "a"], vectors(4, 30)

    def encode(asked):
        return documents[[7 if text == "a" else 3 for text in asked]] * 2

    for similarity in (Cosine(), Dot()):
        exact = Index(encode, documents, similarity)
        ids, scores = exact.by(Faiss(factory="Flat")).search(texts, 4)
        np.testing.assert_array_equal(ids, exact.search(texts, 4)[0])
        np.testing.assert_allclose(scores, exact.search(texts, 4)[1], rtol=1e-4)


def test_edges(faiss, tmp_path):
    index = Faiss(factory="Flat").over(vectors(5, 3), unit=True)
    assert index.search(vectors(6, 2), 10)[0].shape == (2, 3) and index.size == 3
    assert index.search(vectors(6, 0), 10)[0].shape == (0, 3)
    with pytest.raises(UsageError, match="faiss cannot make or read the index Nothing"):
        Faiss(factory="Nothing").over(vectors(5, 3), unit=True)
    with pytest.raises(UsageError, match="no index at"):
        Faiss().load(tmp_path / "none", unit=True)
    with pytest.raises(UsageError, match="not finite"):
        Faiss(factory="Flat").over(np.full((2, 3), np.nan, "f"), unit=True)
