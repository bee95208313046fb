"""Bounds hold on random pairs; vectors against scikit-learn, scipy and finite differences."""

import jax
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.distance import pdist

from jaxemb.analysis import (
    TFIDF,
    Concatenation,
    DistributedBag,
    DistributedMemory,
    UnitLength,
)
from jaxemb.analysis.paragraph_vectors import (
    ParagraphVectors,
    infer,
    objective,
    slopes,
    surroundings,
)
from jaxemb.analysis.vectorizers import TokenVectors, WeightedCounts, counts, diameter, hamming

VOCABULARY, TOKENS, PAIRS = 40, 24, 1000


def zipf(rng, *shape):
    """Ids that repeat, as words do."""
    return np.minimum(rng.geometric(0.08, shape), VOCABULARY) - 1


def pairs(seed=0, tokens=TOKENS):
    """1,000 documents, and each with 1 to all of its tokens drawn anew."""
    rng = np.random.default_rng(seed)
    first = zipf(rng, PAIRS, tokens)
    changed = rng.random((PAIRS, tokens)) < rng.random((PAIRS, 1))
    return first, np.where(changed, zipf(rng, PAIRS, tokens), first)


def texts(seed=1):
    rng = np.random.default_rng(seed)
    return [zipf(rng, rng.integers(5, 60)) for _ in range(50)]


def paragraph(window, alpha=0.05, seed=2, width=5):
    rng = np.random.default_rng(seed)
    rows, context = rng.normal(size=(2, VOCABULARY, width)).astype(np.float32)
    return ParagraphVectors(rows, context, alpha=alpha, window=window)


SMALL = dict(width=4, alpha=0.01, steps=40)
FITTED = {
    "concatenation": Concatenation(width=8).fit(texts(), VOCABULARY),
    "tfidf": TFIDF().fit(texts(), VOCABULARY),
    "normalised tfidf": UnitLength(inner=TFIDF()).fit(texts(), VOCABULARY),
    "normalised concatenation": UnitLength(inner=Concatenation(width=8)).fit(texts(), VOCABULARY),
    "bag": paragraph(0),
    "memory": paragraph(2),
    "trained bag": DistributedBag(**SMALL).fit(texts(), VOCABULARY),
    "trained memory": DistributedMemory(window=2, **SMALL).fit(texts(), VOCABULARY),
}


@pytest.mark.parametrize("name", FITTED)
def test_no_pair_is_beyond_its_bound(name):
    first, second = pairs()
    fitted = FITTED[name]
    apart = np.linalg.norm(fitted(first) - fitted(second), axis=1)
    bound = fitted.bound(first, second)
    assert np.all(apart <= bound * (1 + 1e-5) + 1e-5)
    assert np.all(bound[hamming(first, second) == 0] == 0) and np.max(apart) > 0
    # A bound that nothing comes near would hold for wrong reasons.
    moved = bound > 0
    assert np.max(apart[moved] / bound[moved]) > 0.01


@pytest.mark.parametrize("name", FITTED)
def test_no_vector_is_shorter_than_vouched_for(name):
    first, _ = pairs(seed=5)
    lengths = np.linalg.norm(FITTED[name](first), axis=1)
    assert np.all(FITTED[name].least_norm(first) <= lengths * (1 + 1e-6))


def test_bounds_are_the_written_ones():
    rng = np.random.default_rng(3)
    table, idf = rng.normal(size=(VOCABULARY, 3)), rng.uniform(1, 4, VOCABULARY)
    first, second = pairs(seed=4)
    d = (first != second).sum(axis=1)
    widest = pdist(table).max()
    assert diameter(table) == pytest.approx(widest)
    np.testing.assert_allclose(TokenVectors(table).bound(first, second), widest * np.sqrt(d))
    raw = WeightedCounts(idf)
    np.testing.assert_allclose(raw.bound(first, second), np.sqrt(2) * idf.max() * d)
    for fitted, touched in ((paragraph(0), 1), (paragraph(2), 5)):
        wanted = touched * d / (0.05 * TOKENS) * pdist(np.asarray(fitted.rows)).max()
        np.testing.assert_allclose(fitted.bound(first, second), wanted, rtol=1e-5)


def test_the_normalised_bound_is_within_the_closed_form():
    """√2 (max idf / min idf) √n d_H / T with n the larger number of distinct terms."""
    fitted = UnitLength(inner=TFIDF()).fit(texts(), VOCABULARY)
    first, second = pairs(seed=6)
    idf = fitted.inner.idf
    distinct = np.array([max(len(set(a)), len(set(b))) for a, b in zip(first, second, strict=True)])
    d = (first != second).sum(axis=1)
    closed = np.sqrt(2) * idf.max() / idf.min() * np.sqrt(distinct) * d / TOKENS
    assert np.all(fitted.bound(first, second) <= closed * (1 + 1e-9))
    same = np.array([[0, 1, 2, 3]]), np.array([[0, 1, 2, 4]])
    exact = np.sqrt(2) * idf.max() / idf.min() * np.sqrt(4) / 4
    assert fitted.bound(*same) == pytest.approx(min(exact, 2.0))


def test_tfidf_is_that_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfTransformer

    documents, (first, _) = texts(), pairs(seed=7)
    seen = np.stack([np.bincount(t, minlength=VOCABULARY) for t in documents])
    asked = np.stack([np.bincount(t, minlength=VOCABULARY) for t in first])
    np.testing.assert_array_equal(counts(first, VOCABULARY), asked)
    for norm, fitted in ((None, FITTED["tfidf"]), ("l2", FITTED["normalised tfidf"])):
        wanted = TfidfTransformer(norm=norm).fit(seen).transform(asked).toarray()
        np.testing.assert_allclose(fitted(first), wanted, rtol=1e-12)


def test_concatenation_holds_one_vector_a_token():
    fitted = FITTED["concatenation"]
    vectors = fitted(np.array([[3, 0], [0, 3]]))
    np.testing.assert_array_equal(vectors[0, :8], vectors[1, 8:])
    assert vectors.shape == (2, 16) and np.any(vectors[0] != vectors[1])


# --- inference of paragraph vectors


def brute_loss(query, rows, context, ids, window, alpha):
    """The objective position by position, in float64."""
    total = 0.0
    for place, token in enumerate(ids):
        hidden = query.copy()
        for other in range(max(0, place - window), min(len(ids), place + window + 1)):
            if other != place:
                hidden = hidden + context[ids[other]]
        logits = rows @ hidden
        total += np.log(np.sum(np.exp(logits - logits.max()))) + logits.max() - logits[token]
    return total / len(ids) + alpha / 2 * query @ query


@pytest.mark.parametrize("window", [0, 2])
def test_inference_finds_the_optimum_that_scipy_finds(window):
    fitted = paragraph(window)
    first, _ = pairs(seed=8, tokens=9)
    rows, context = np.asarray(fitted.rows, np.float64), fitted.context.astype(np.float64)
    for ids, found in zip(first[:3], fitted(first[:3]), strict=True):
        arguments = (rows, context, ids, window, 0.05)
        best = minimize(
            brute_loss, np.zeros(5), args=arguments, method="BFGS", options={"gtol": 1e-6}
        )
        np.testing.assert_allclose(found, best.x, atol=2e-4)
        assert brute_loss(found.astype(float), *arguments) <= best.fun + 1e-6


@pytest.mark.parametrize("window", [0, 2])
def test_slopes_are_those_of_finite_differences_and_of_jax(window):
    fitted = paragraph(window)
    first, _ = pairs(seed=9, tokens=9)
    terms = jax.tree.map(lambda x: x[0], fitted.terms(first[:1]))
    query = jax.random.normal(jax.random.key(0), (5,))
    gradient, hessian = slopes(query, terms, fitted.rows, 0.05)
    rows, context = np.asarray(fitted.rows, np.float64), fitted.context.astype(np.float64)

    def loss(at):
        return brute_loss(at, rows, context, first[0], window, 0.05)

    arguments = (query, terms, fitted.rows, 0.05)
    assert objective(*arguments) == pytest.approx(loss(np.asarray(query, float)), rel=1e-5)
    steps = 1e-5 * np.eye(5)
    at = np.asarray(query, float)
    differences = [(loss(at + s) - loss(at - s)) / 2e-5 for s in steps]
    np.testing.assert_allclose(gradient, differences, atol=1e-5)
    np.testing.assert_allclose(gradient, jax.grad(objective)(*arguments), atol=1e-5)
    np.testing.assert_allclose(hessian, jax.hessian(objective)(*arguments), atol=1e-5)


def test_the_bag_ignores_order_and_both_ignore_repetition():
    first, _ = pairs(seed=10)
    bag, rng = FITTED["trained bag"], np.random.default_rng(0)
    shuffled = rng.permuted(first, axis=1)
    np.testing.assert_array_equal(bag(first), bag(shuffled))
    np.testing.assert_array_equal(bag(first), bag(np.tile(first, (1, 2))))
    memory = FITTED["trained memory"]
    assert not np.allclose(memory(first), memory(shuffled), atol=1e-3)
    # Each term of the objective twice, at half its weight.
    terms = jax.tree.map(lambda x: x[0], memory.terms(first[:1]))
    twice = type(terms)(np.tile(terms.context, (2, 1)), np.tile(terms.targets, (2, 1)) / 2)
    once, _ = infer(terms, memory.rows, memory.alpha)
    again, _ = infer(twice, memory.rows, memory.alpha)
    np.testing.assert_allclose(once, again, atol=1e-4)


def test_surroundings_stop_at_the_ends():
    vectors = np.random.default_rng(0).normal(size=(2, 7, 3))
    for window in (0, 1, 3, 10):
        found = surroundings(vectors, window)
        for place in range(7):
            near = [
                t for t in range(max(0, place - window), min(7, place + window + 1)) if t != place
            ]
            np.testing.assert_allclose(found[:, place], vectors[:, near].sum(axis=1), atol=1e-12)


def test_an_optimum_that_is_not_found_is_an_error():
    fitted = paragraph(0)
    fitted.rows = fitted.rows * np.nan
    with pytest.raises(ArithmeticError, match="stopped nan from"):
        fitted(np.zeros((2, 4), int))


@pytest.mark.parametrize("part", [DistributedBag, DistributedMemory])
def test_training_lowers_the_loss_and_is_repeatable(part):
    """Documents of two topics that share no word: half of the vocabulary is soon ruled out."""
    rng = np.random.default_rng(0)

    def documents(count):
        return np.stack([rng.integers(20 * (n % 2), 20 * (n % 2) + 20, 30) for n in range(count)])

    seen, fresh = documents(40), documents(8)
    fitted = part(width=4, steps=60, alpha=0.05).fit(list(seen), VOCABULARY)
    again = part(width=4, steps=60, alpha=0.05).fit(list(seen), VOCABULARY)
    np.testing.assert_array_equal(fitted.rows, again.rows)
    vectors = fitted(fresh)
    for n in range(8):
        terms = jax.tree.map(lambda x, n=n: x[n], fitted.terms(fresh))
        loss = objective(jax.numpy.asarray(vectors[n]), terms, fitted.rows, 0.0)
        assert loss < np.log(VOCABULARY) - 0.3
    if part is DistributedBag:  # the memory model reads the topic off its context
        inside = np.linalg.norm(vectors[::2] - vectors[::2].mean(axis=0), axis=1).max()
        assert np.linalg.norm(vectors[::2].mean(axis=0) - vectors[1::2].mean(axis=0)) > 2 * inside
