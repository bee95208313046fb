"""Layers that share one block, beside as many copies of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.encoders import SharedTransformer, Transformer

RNG = np.random.default_rng()
B, T, W, L = 2, 5, 8, 3
MASK = jnp.asarray(np.arange(T) < np.array([[5], [3]]))
X = jnp.asarray(RNG.normal(size=(B, T, W)), jnp.float32)
SHARED = SharedTransformer(layers=L, width=W, heads=2, dropout=0.0)
UNROLLED = Transformer(layers=L, width=W, heads=2, dropout=0.0)


@pytest.fixture(scope="module")
def params():
    start = jax.jit(SHARED.init)(jax.random.key(0), X, MASK)["params"]
    return jax.tree.map(lambda p: p + jnp.asarray(RNG.normal(size=p.shape) / 5, jnp.float32), start)


def unrolled(params):
    blocks = {f"block_{n}": params["block_0"] for n in range(L)}
    return {name: value for name, value in params.items() if name != "block_0"} | blocks


def loss(encoder):
    weight = jnp.asarray(np.random.default_rng(1).normal(size=(L, B, T, W)), jnp.float32)

    def of(params):
        states = encoder.apply({"params": params}, X, MASK)
        return jnp.sum(jnp.where(MASK[..., None], states * weight, 0))

    return of


def size(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_shared_layers_have_the_parameters_of_one(params):
    one = jax.jit(Transformer(layers=1, width=W, heads=2).init)(jax.random.key(0), X, MASK)[
        "params"
    ]
    assert size(params) == size(one)


def test_the_gradient_of_the_block_is_the_sum_over_its_copies(params):
    copies = unrolled(params)
    np.testing.assert_allclose(
        jax.jit(SHARED.apply)({"params": params}, X, MASK),
        jax.jit(UNROLLED.apply)({"params": copies}, X, MASK),
        atol=1e-5,
    )
    shared, apart = (
        jax.jit(jax.grad(loss(one)))(p) for one, p in ((SHARED, params), (UNROLLED, copies))
    )
    added = jax.tree.map(lambda *x: sum(x), *(apart[f"block_{n}"] for n in range(L)))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        shared["block_0"],
        added,
    )
