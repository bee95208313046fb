"""Blocks that are computed again: the same numbers with less memory."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.encoders import Bag, Layer, SharedTransformer, Transformer
from jaxemb.nn import Bidirectional, PostNorm, PreNorm, RelativeBuckets, Rotary, Sizes
from jaxemb.nn.checkpointing import recomputed, recomputed_module

B, T, W = 4, 16, 32
NETWORKS = {
    "learned": Transformer(layers=3, width=W, heads=4, dropout=0.2),
    "buckets": Transformer(layers=3, width=W, heads=4, dropout=0.2, position=RelativeBuckets()),
    "shared": SharedTransformer(layers=3, width=W, heads=4, dropout=0.2),
    "pattern": Transformer(
        layers=3, width=W, heads=4, dropout=0.2, position=Rotary(),
        pattern=(Layer(block=PostNorm()), Layer(), Layer(block=PreNorm(branch_scale=0.5))),
    ),
}  # fmt: skip
X = jnp.asarray(np.random.default_rng(0).normal(size=(B, T, W)), jnp.float32)
MASK = jnp.arange(T) < jnp.array([[T], [3], [9], [1]])
KEYS = jax.random.split(jax.random.key(1), B)


def slope(encoder):
    def loss(params, x):
        states = encoder.apply({"params": params}, x, MASK, KEYS)
        return jnp.sum(jnp.sin(states) * MASK[..., None])

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_and_parameters_are_the_same(name):
    encoder = NETWORKS[name]
    again = encoder.checkpointed()
    assert again != encoder and again.truncated(2) == encoder.truncated(2).checkpointed()
    params, other = (
        jax.jit(e.init)(jax.random.key(0), X, MASK)["params"] for e in (encoder, again)
    )
    jax.tree.map(np.testing.assert_array_equal, params, other)
    found, expected = slope(again)(params, X), slope(encoder)(params, X)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    # A bias on all keys changes nothing: its slope is rounding alone, of what the others are.
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(expected))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * scale)


def test_one_block_at_a_time_is_in_memory():
    encoder = Transformer(layers=6, width=W, heads=4, position=Rotary())
    params = jax.jit(encoder.init)(jax.random.key(0), X, MASK)["params"]
    plain, less = (
        slope(e).lower(params, X).compile().memory_analysis().temp_size_in_bytes
        for e in (encoder, encoder.checkpointed())
    )
    assert less < plain / 2


def test_adapters_get_their_gradient():
    layer = PreNorm().layer(Sizes(heads=4, hidden=W), name="block")
    again = dataclasses.replace(Transformer(), block=PreNorm()).checkpointed().block
    again = again.layer(Sizes(heads=4, hidden=W), name="block")
    allowed = Bidirectional()(MASK)
    params = jax.jit(layer.init)(jax.random.key(0), X, allowed)["params"]
    rng = np.random.default_rng(2)
    a, b = (jnp.asarray(rng.normal(size=s) / 4, jnp.float32) for s in ((W, 2), (2, W)))
    adapters = {"attention": {"query": {"a": a, "b": b, "scale": jnp.float32(1)}}}

    def loss(adapters, part):
        return jnp.sum(jnp.sin(part.apply({"params": params, "adapters": adapters}, X, allowed)))

    found, expected = (jax.grad(loss)(adapters, part) for part in (again, layer))
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5), found, expected
    )
    assert np.abs(expected["attention"]["query"]["b"]).max() > 1e-3


def test_what_a_layer_says_besides_comes_out():
    class Telling(nn.Module):
        @nn.compact
        def __call__(self, x):
            y = nn.Dense(3, name="dense")(x)
            self.sow("extra", "seen", y)
            return y

    class Outer(nn.Module):
        @nn.compact
        def __call__(self, x):
            return recomputed_module(lambda layer, x: layer(x))(Telling(name="inner"), x)

    variables = jax.jit(Outer().init)(jax.random.key(0), X)
    y, told = Outer().apply({"params": variables["params"]}, X, mutable=["extra"])
    np.testing.assert_array_equal(told["extra"]["inner"]["seen"][0], y)


def test_what_is_no_number_stays_so():
    slope = jax.grad(lambda x: recomputed(jnp.sin)(x) * jnp.nan)(1.0)
    assert jnp.isnan(slope)


def test_a_network_without_layers_stays_as_it_is():
    assert Bag().checkpointed() == Bag()
