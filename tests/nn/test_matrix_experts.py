"""Experts of one matrix: copies at first, gated products by hand, and what moves when they train."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.encoders import Transformer
from jaxemb.nn import (
    GELU,
    FeedForward,
    MatrixExpertFeedForward,
    MatrixExperts,
    PreNorm,
    RenormalizedTopExperts,
    TopExperts,
)
from jaxemb.training import Only

RNG = np.random.default_rng()
B, T, W, H, E = 3, 5, 6, 8, 3
X = jnp.asarray(RNG.normal(size=(B, T, W)), jnp.float32)


def test_untrained_experts_give_what_the_plain_layer_gives():
    layer = MatrixExpertFeedForward(hidden=H, experts=E)
    params = jax.jit(layer.init)(jax.random.key(1), X)["params"]
    plain = {name: params[name] for name in ("expand", "output")}
    found = jax.jit(layer.apply)({"params": params}, X)
    np.testing.assert_array_equal(found, jax.jit(FeedForward(hidden=H).apply)({"params": plain}, X))


@pytest.mark.parametrize("routing", [RenormalizedTopExperts(active=1), TopExperts(active=2)])
def test_a_token_is_mapped_by_its_experts(routing):
    layer = MatrixExpertFeedForward(hidden=H, experts=E, routing=routing)
    params = jax.tree.map(
        lambda p: jnp.asarray(RNG.normal(size=p.shape), jnp.float32),
        jax.jit(layer.init)(jax.random.key(0), X)["params"],
    )
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    expected = np.zeros((B, T, W))
    for at in np.ndindex(B, T):
        x = np.asarray(X[at], np.float64)
        logits = np.exp(x @ p["gate"])
        share = logits / logits.sum()
        best = np.argsort(-share)[: routing.active]
        weight = share[best] / (
            share[best].sum() if isinstance(routing, RenormalizedTopExperts) else 1
        )
        hidden = x @ p["expand"]["kernel"] + p["expand"]["bias"]
        for w, e in zip(weight, best, strict=True):
            hidden = hidden + w * (x @ p["expert_kernels"][e] + p["expert_biases"][e])
        bent = np.asarray(GELU()(jnp.asarray(hidden, jnp.float32)), np.float64)
        expected[at] = bent @ p["output"]["kernel"] + p["output"]["bias"]
    np.testing.assert_allclose(
        jax.jit(layer.apply)({"params": params}, X), expected, rtol=1e-3, atol=1e-3
    )


def test_only_experts_and_gate_move():
    block = PreNorm(feed_forward=MatrixExperts())
    encoder = Transformer(layers=2, width=W, heads=2, block=block)
    mask = jnp.ones((B, T), bool)
    params = jax.jit(encoder.init)(jax.random.key(0), X, mask)["params"]
    trains = Only(patterns=("expert_kernels", "expert_biases", "gate"))
    moved, kept = trains.split(params, jax.random.key(1))
    names = {path[-1].key for path, _ in jax.tree_util.tree_flatten_with_path(moved)[0]}
    assert names == {"expert_kernels", "expert_biases", "gate"}

    def value(moved):
        return jnp.sum(jnp.sin(encoder.apply({"params": trains.join(moved, kept)}, X, mask)[-1]))

    slopes = jax.jit(jax.grad(value))(moved)
    stepped = trains.join(jax.tree.map(lambda p, g: p - 0.1 * g, moved, slopes), kept)
    changed = {
        path[-1].key
        for (path, a), b in zip(
            jax.tree_util.tree_flatten_with_path(params)[0], jax.tree.leaves(stepped), strict=True
        )
        if (a != b).any()
    }
    assert changed == {
        "expert_kernels",
        "expert_biases",
    }  # copies are alike: the gate waits for them
