"""Heads against their formulas, the zero vector included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.heads import Chain, FirstNumbers, Head, Identity, Linear, Normalize


def draw(seed: int = 0, rows: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def run(head: Head, vectors: np.ndarray, params: dict | None = None) -> np.ndarray:
    return np.asarray(head.apply({"params": params or {}}, jnp.asarray(vectors)))


def init(head: Head, vectors: np.ndarray) -> dict:
    return head.init(jax.random.key(0), jnp.asarray(vectors)).get("params", {})


def test_identity_leaves_everything():
    vectors = draw()
    np.testing.assert_array_equal(run(Identity(), vectors), vectors)
    assert init(Identity(), vectors) == {}


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_normalize_divides_by_the_length(size):
    vectors = draw(1) * np.float32(size)
    wide = vectors.astype(np.float64)
    expected = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    np.testing.assert_allclose(run(Normalize(), vectors), expected, rtol=1e-5)


def test_a_zero_vector_stays_zero_with_a_finite_gradient():
    zero = jnp.zeros((2, 4))
    assert not run(Normalize(), zero).any()
    slope = jax.grad(lambda v: jnp.sum(Normalize().apply({}, v)))(zero)
    assert np.isfinite(slope).all()


def test_the_gradient_of_a_unit_vector_is_tangential():
    """`dy/dv = (I - y yᵀ) / ‖v‖`."""
    vector, weights = draw(2, rows=1), draw(3, rows=1)
    slope = jax.grad(lambda v: jnp.sum(weights * Normalize().apply({}, v)))(jnp.asarray(vector))
    length = np.linalg.norm(vector.astype(np.float64))
    y = vector / length
    expected = (weights - y * np.sum(y * weights)) / length
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-5)


def test_linear_is_a_matrix_and_a_bias():
    vectors = draw(4)
    params = init(Linear(dim=3), vectors)
    assert jax.tree.map(jnp.shape, params) == {"kernel": (7, 3), "bias": (3,)}
    params["bias"] = jnp.array([1.0, -2.0, 3.0])
    expected = vectors.astype(np.float64) @ np.asarray(params["kernel"]) + params["bias"]
    np.testing.assert_allclose(run(Linear(dim=3), vectors, params), expected, rtol=1e-4, atol=1e-5)


def test_a_chain_applies_heads_in_order():
    vectors = draw(5)
    chain = Chain(heads=(Linear(dim=4), Linear(dim=3), Normalize()))
    params = init(chain, vectors)
    assert sorted(params) == ["heads_0", "heads_1"]
    step = run(Linear(dim=4), vectors, params["heads_0"])
    step = run(Linear(dim=3), step, params["heads_1"])
    np.testing.assert_allclose(run(chain, vectors, params), run(Normalize(), step), rtol=1e-5)
    assert np.any(run(chain, vectors, params)[0] != run(chain, -vectors, params)[0])


def test_an_empty_chain_is_the_identity():
    vectors = draw(6)
    np.testing.assert_array_equal(run(Chain(), vectors), vectors)


def test_first_numbers_are_a_prefix_at_unit_length():
    vectors = draw(7)
    kept = vectors[:, :3].astype(np.float64)
    expected = kept / np.linalg.norm(kept, axis=1, keepdims=True)
    np.testing.assert_allclose(run(FirstNumbers(dim=3), vectors), expected, rtol=1e-5)
    with pytest.raises(UsageError, match="dim=8 is above the width of the vectors, 7"):
        run(FirstNumbers(dim=8), vectors)
