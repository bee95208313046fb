"""The token table: rows by id, their initial size, and the gradient as counts of ids."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.tokens import TokenTable

VOCABULARY, WIDTH = 13, 5


def embed(table: jax.Array, ids: np.ndarray) -> jax.Array:
    variables = {"params": {"embedding": table}}
    return TokenTable().apply(variables, jnp.asarray(ids), vocabulary=VOCABULARY, width=WIDTH)


def draw(seed: int = 0) -> tuple[jax.Array, np.ndarray]:
    rng = np.random.default_rng(seed)
    table = jnp.asarray(rng.normal(size=(VOCABULARY, WIDTH)), jnp.float32)
    return table, rng.integers(0, VOCABULARY, (3, 7), dtype=np.int32)


def test_rows_by_id():
    table, ids = draw()
    vectors = embed(table, ids)
    for b, t in np.ndindex(ids.shape):
        np.testing.assert_array_equal(vectors[b, t], table[ids[b, t]])


def test_the_gradient_adds_up_over_equal_ids():
    table, ids = draw(1)
    weights = np.random.default_rng(2).normal(size=(*ids.shape, WIDTH)).astype(np.float32)
    slope = jax.jit(jax.grad(lambda table: jnp.sum(weights * embed(table, ids))))(table)
    expected = np.zeros((VOCABULARY, WIDTH))
    for b, t in np.ndindex(ids.shape):
        expected[ids[b, t]] += weights[b, t]
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-6)
    unread = sorted(set(range(VOCABULARY)) - set(ids.ravel().tolist()))
    assert not np.asarray(slope)[unread].any()


def test_a_row_starts_with_a_root_mean_square_of_one():
    ids = jnp.zeros((1, 1), jnp.int32)
    variables = TokenTable().init(jax.random.key(0), ids, vocabulary=1000, width=64)
    table = variables["params"]["embedding"]
    assert table.shape == (1000, 64)
    assert table.dtype == jnp.float32
    assert abs(float(jnp.sqrt(jnp.mean(table**2))) - 1) < 6 / np.sqrt(2 * table.size)
    assert abs(float(table.mean())) < 6 / np.sqrt(table.size)
