"""Layers as one loop: the same numbers and parameters as written out."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.encoders import (
    Layer,
    PostNormTransformer,
    Scanned,
    SharedTransformer,
    Transformer,
    Unrolled,
)
from jaxemb.nn import (
    Causal,
    Experts,
    GatedMLP,
    LayerNorm,
    PreNorm,
    RelativeBuckets,
    RMSNorm,
    Rotary,
    Window,
)

B, T, W = 3, 6, 8
SIZES = {"width": W, "heads": 2, "hidden": 12, "dropout": 0.0}
NETWORKS = {
    "learned": Transformer(layers=3, **SIZES),
    "bert": PostNormTransformer(layers=2, **SIZES),
    "buckets": Transformer(layers=3, position=RelativeBuckets(buckets=4), **SIZES),
    "rotary": Transformer(
        layers=4, position=Rotary(), norm=RMSNorm(), mask=Causal(),
        block=PreNorm(branch_norm=RMSNorm(), feed_forward=GatedMLP()), **SIZES,
    ),
    "shared": SharedTransformer(layers=4, repeats=2, norm=LayerNorm(), **SIZES),
    "turns": Transformer(
        layers=5, pattern=(Layer(mask=Window(reach=1)), Layer(block=PreNorm(branch_scale=0.5))),
        **SIZES,
    ),
    "experts": Transformer(
        layers=4, block=PreNorm(feed_forward=Experts(experts=3)), **SIZES
    ),
    "once": Transformer(layers=1, **SIZES),
}  # fmt: skip
X = jnp.asarray(np.random.default_rng(0).normal(size=(B, T, W)), jnp.float32)
MASK = jnp.arange(T) < jnp.array([[T], [3], [1]])


def looped(encoder):
    return dataclasses.replace(encoder, loop=Scanned())


def slope(encoder):
    def loss(params, x):
        states, more = encoder.apply({"params": params}, x, MASK, mutable=["extra"])
        said = sum(jnp.sum(jnp.cos(y)) for y in jax.tree.leaves(more))
        return jnp.sum(jnp.sin(states) * MASK[..., None]) + said, more

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_parameters_and_slopes_are_those_of_the_written_out(name):
    encoder = NETWORKS[name]
    params = jax.jit(encoder.init)(jax.random.key(0), X, MASK)["params"]
    jax.tree.map(
        np.testing.assert_array_equal,
        params,
        jax.jit(looped(encoder).init)(jax.random.key(0), X, MASK)["params"],
    )
    found, expected = slope(looped(encoder))(params, X), slope(encoder)(params, X)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def test_a_loop_of_blocks_that_are_computed_again():
    encoder = NETWORKS["rotary"]
    params = jax.jit(encoder.init)(jax.random.key(0), X, MASK)["params"]
    found, expected = (slope(e)(params, X) for e in (looped(encoder).checkpointed(), encoder))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def test_additions_beside_the_parameters_reach_their_own_layer():
    encoder = NETWORKS["bert"]
    params = jax.jit(encoder.init)(jax.random.key(0), X, MASK)["params"]
    draw = np.random.default_rng(1)

    def low_rank():
        a, b = (jnp.asarray(draw.normal(size=s), jnp.float32) for s in ((W, 2), (2, W)))
        return {"attention": {"query": {"a": a, "b": b, "scale": jnp.float32(1.0)}}}

    given = {"params": params, "adapters": {f"block_{n}": low_rank() for n in range(2)}}
    expected = jax.jit(encoder.apply)(given, X, MASK)
    np.testing.assert_allclose(jax.jit(looped(encoder).apply)(given, X, MASK), expected, atol=1e-5)
    assert (
        float(jnp.abs(expected - jax.jit(encoder.apply)({"params": params}, X, MASK)).max()) > 1e-2
    )


@pytest.mark.parametrize("kind", [Transformer, SharedTransformer])
def test_each_layer_drops_elements_of_its_own_and_a_row_its_own(kind):
    """With all weights zero but the output's biases, each layer adds a row of its mask."""
    encoder = looped(kind(layers=40, width=W, heads=2, hidden=4, dropout=0.5))
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), X, MASK)["params"]
    params = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
    for name, block in params.items():
        if name.startswith("block"):
            block["attention"]["output"]["bias"] = jnp.ones(W)
    keys = jax.random.split(jax.random.key(3), B)
    states = jax.jit(encoder.apply)({"params": params}, jnp.zeros_like(X), MASK, keys)
    added = np.diff(np.asarray(states), axis=0)
    assert set(np.unique(added)) == {0.0, 2.0}
    kept = (added > 0).reshape(39, -1)
    assert 0.4 < kept.mean() < 0.6
    assert len(np.unique(kept, axis=0)) == 39
    alone = jax.jit(encoder.apply)({"params": params}, jnp.zeros_like(X)[1:2], MASK[1:2], keys[1:2])
    np.testing.assert_array_equal(alone[:, 0], states[:, 1])


def test_one_body_is_compiled_for_all_layers():
    def lines(loop, layers):
        encoder = Transformer(layers=layers, loop=loop, **SIZES)
        params = jax.eval_shape(encoder.init, jax.random.key(0), X, MASK)["params"]
        program = jax.jit(lambda p, x: encoder.apply({"params": p}, x, MASK)[-1])
        return program.lower(params, X).as_text().count("dot_general")

    assert lines(Scanned(), 12) == lines(Scanned(), 3) < lines(Unrolled(), 3)


def test_attention_weights_are_dropped_where_that_is_asked_for():
    keys = jax.random.split(jax.random.key(3), B)
    encoder = Transformer(layers=1, **SIZES)
    params = jax.jit(encoder.init)(jax.random.key(0), X, MASK)["params"]
    for rate, same in ((0.0, True), (0.5, False)):
        asked = dataclasses.replace(encoder, attention_dropout=rate)
        found, plain = (jax.jit(asked.apply)({"params": params}, X, MASK, k) for k in (keys, None))
        assert bool(jnp.array_equal(found, plain)) == same
