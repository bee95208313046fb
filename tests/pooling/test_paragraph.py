"""Paragraph vectors against scipy's optimum, finite differences and what must not matter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from jaxemb.config import UsageError
from jaxemb.pooling import ParagraphBag, ParagraphMemory
from jaxemb.pooling.paragraph import gradient_and_hessian, surroundings

V, W, T, ALPHA = 30, 4, 9, 0.05
RNG = np.random.default_rng(2)
ROWS, CONTEXT = RNG.normal(size=(2, V, W)).astype(np.float32)
IDS = np.minimum(RNG.geometric(0.1, (4, T)), V) - 1
MASK = np.arange(T) < np.array([[T], [6], [1], [0]])
POOLINGS = {0: ParagraphBag(alpha=ALPHA), 2: ParagraphMemory(alpha=ALPHA, window=2)}
WINDOWS = pytest.mark.parametrize("window", POOLINGS)


def pooled(window, ids=IDS, mask=MASK, rows=ROWS):
    """The vectors of texts over a token table and a bag of its rows."""
    table = POOLINGS[window].table(jnp.asarray(rows), jnp.asarray(CONTEXT))
    return _pooled(window, table, table[ids][None], jnp.asarray(mask))


def _pooled(window, table, states, mask):
    return jax.jit(POOLINGS[window].apply)({"tied": {"table": table}}, states, mask)


def loss(query, ids, window):
    """The objective position by position, in float64."""
    total, rows, context = 0.0, ROWS.astype(float), CONTEXT.astype(float)
    for place, token in enumerate(ids):
        hidden = query.copy()
        for other in range(max(0, place - window), min(len(ids), place + window + 1)):
            if other != place:
                hidden = hidden + context[ids[other]]
        logits = rows @ hidden
        total += np.log(np.sum(np.exp(logits - logits.max()))) + logits.max() - logits[token]
    return total / len(ids) + ALPHA / 2 * query @ query


@WINDOWS
def test_the_vector_is_the_optimum_that_scipy_finds(window):
    vectors = np.asarray(pooled(window), np.float64)
    for ids, mask, found in zip(IDS[:3], MASK, vectors, strict=False):
        options = {"gtol": 1e-7}
        best = minimize(loss, np.zeros(W), args=(ids[mask], window), method="BFGS", options=options)
        np.testing.assert_allclose(found, best.x, atol=2e-4)
        assert loss(found, ids[mask], window) <= best.fun + 1e-6
    assert not vectors[3].any(), "a text without tokens"


@WINDOWS
def test_the_gradient_is_that_of_the_optimum(window):
    """By the implicit function theorem, against differences of whole solutions."""
    table = POOLINGS[window].table(jnp.asarray(ROWS), jnp.asarray(CONTEXT))
    weight, move = RNG.normal(size=(4, W)), RNG.normal(size=table.shape)

    def value(size):
        moved = table + size * move
        return jnp.sum(weight * _pooled(window, moved, moved[IDS][None], jnp.asarray(MASK)))

    slope = float(jax.grad(value)(0.0))
    assert slope == pytest.approx(float((value(0.01) - value(-0.01)) / 0.02), rel=2e-2, abs=1e-2)


@WINDOWS
def test_gradient_and_hessian_are_those_of_jax(window):
    context = jnp.asarray(RNG.normal(size=(3 if window else 1, W)), jnp.float32)
    weights = jnp.full(len(context), 1 / len(context))
    goal, query = (jnp.asarray(RNG.normal(size=W), jnp.float32) for _ in range(2))

    def objective(q):
        total = jax.nn.logsumexp((q + context) @ ROWS.T, axis=1) @ weights
        return total - q @ goal + ALPHA / 2 * q @ q

    gradient, hessian = gradient_and_hessian(
        query, context, weights, goal, jnp.asarray(ROWS), ALPHA
    )
    np.testing.assert_allclose(gradient, jax.grad(objective)(query), atol=1e-5)
    np.testing.assert_allclose(hessian, jax.hessian(objective)(query), atol=1e-5)


def test_the_bag_ignores_order_and_repetition_and_the_memory_minds_order():
    whole = np.ones((4, T), bool)
    shuffled = np.random.default_rng(0).permuted(IDS, axis=1)
    np.testing.assert_allclose(pooled(0, mask=whole), pooled(0, shuffled, whole), atol=1e-4)
    twice = pooled(0, np.tile(IDS, (1, 2)), np.ones((4, 2 * T), bool))
    np.testing.assert_allclose(pooled(0, mask=whole), twice, atol=1e-4)
    assert not np.allclose(pooled(2, mask=whole), pooled(2, shuffled, whole), atol=1e-3)


def test_surroundings_stop_at_the_ends():
    vectors = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    for window in (0, 1, 3, 10):
        found = surroundings(jnp.asarray(vectors), window)
        for place in range(7):
            near = [
                t for t in range(max(0, place - window), min(7, place + window + 1)) if t != place
            ]
            np.testing.assert_allclose(found[:, place], vectors[:, near].sum(axis=1), atol=1e-5)


def test_an_optimum_far_out_is_found():
    """Few tokens and a small α: whole steps of Newton's method go round in circles there."""
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(60, 3)) * 2
    few = rng.integers(60, size=(20, 5))
    pooling, states = ParagraphBag(alpha=1e-4), jnp.asarray(rows, jnp.float32)[few][None]
    tied = {"tied": {"table": jnp.asarray(rows, jnp.float32)}}
    vectors = np.asarray(jax.jit(pooling.apply)(tied, states, jnp.ones((20, 5), bool)), np.float64)
    for ids, found in zip(few, vectors, strict=True):

        def value(query, ids=ids):
            return logsumexp(rows @ query) - query @ rows[ids].mean(axis=0) + 5e-5 * query @ query

        def slope(query, ids=ids):
            return softmax(rows @ query) @ rows - rows[ids].mean(axis=0) + 1e-4 * query

        best = minimize(value, np.zeros(3), jac=slope, method="BFGS", options={"gtol": 1e-9})
        assert value(found) <= best.fun + 1e-6
        np.testing.assert_allclose(slope(found), 0, atol=1e-5)


def test_an_optimum_that_is_not_found_is_nan():
    assert np.isnan(np.asarray(pooled(0, rows=ROWS * np.nan))[:3]).all()


def test_what_has_no_optimum_is_refused():
    states, mask = jnp.ones((1, 1, 2, 3)), jnp.ones((1, 2), bool)
    tied = {"tied": {"table": jnp.ones((4, 3))}}
    with pytest.raises(UsageError, match="alpha=0"):
        jax.jit(ParagraphBag(alpha=0.0).apply)(tied, states, mask)
    with pytest.raises(UsageError, match="3 numbers"):
        jax.jit(ParagraphMemory().apply)(tied, states, mask)
    with pytest.raises(UsageError, match="rows of the token table, which have 3 .* states have 2"):
        jax.jit(ParagraphBag().apply)(tied, jnp.ones((1, 1, 2, 2)), mask)
