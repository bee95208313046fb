"""Layers of experts that begin as copies of a dense layer."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.adaptation import Upcycled, upcycled
from jaxemb.config import UsageError, from_json, to_json
from jaxemb.encoders import Layer, Transformer
from jaxemb.nn import (
    ExpertFeedForward,
    Experts,
    FeedForward,
    GatedFeedForward,
    GatedMLP,
    PreNorm,
    RenormalizedTopExperts,
)
from jaxemb.nn import TopExperts as Top
from tests import toy

RNG = np.random.default_rng()
X = jnp.asarray(RNG.normal(size=(3, 5, 6)), jnp.float32)
DENSE = FeedForward(hidden=8)


@pytest.fixture(scope="module")
def params():
    start = jax.eval_shape(DENSE.init, jax.random.key(0), X)["params"]
    return jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape), jnp.float32), start)


@pytest.fixture(scope="module")
def grown(params):
    return upcycled({"feed_forward": params}, jax.random.key(1), experts=4)["feed_forward"]


@pytest.mark.parametrize("routing", [RenormalizedTopExperts(active=2), Top(active=4)])
def test_weights_that_sum_to_one_give_what_the_dense_layer_gave(routing, params, grown):
    layer = ExpertFeedForward(hidden=8, experts=4, routing=routing)
    found = jax.jit(layer.apply)({"params": grown}, X)
    np.testing.assert_allclose(
        found, jax.jit(DENSE.apply)({"params": params}, X), rtol=1e-5, atol=1e-5
    )


def test_otherwise_the_layer_gives_less_by_the_experts_that_are_not_asked(params, grown):
    layer = ExpertFeedForward(hidden=8, experts=4, routing=Top(active=2))
    p = jax.nn.softmax(X @ grown["router"])
    asked = jnp.sort(p, axis=-1)[..., 2:].sum(-1, keepdims=True)
    expected = asked * jax.jit(DENSE.apply)({"params": params}, X)
    np.testing.assert_allclose(
        jax.jit(layer.apply)({"params": grown}, X), expected, rtol=1e-5, atol=1e-5
    )
    assert 0.4 < float(asked.mean()) < 0.65  # about 2 of 4


def test_an_upcycled_transformer_gives_what_it_gave():
    """Every second block becomes a block of experts; the others are as they were."""
    mask = jnp.ones((3, 5), bool)
    dense = Transformer(layers=2, width=6, heads=2)
    experts = PreNorm(feed_forward=Experts(experts=4, routing=RenormalizedTopExperts()))
    sparse = dataclasses.replace(dense, pattern=(Layer(), Layer(block=experts)))
    params = jax.jit(dense.init)(jax.random.key(0), X, mask)["params"]
    grown = upcycled(params, jax.random.key(1), experts=4, chosen=lambda path: "block_1" in path)
    np.testing.assert_allclose(
        jax.jit(sparse.apply)({"params": grown}, X, mask),
        jax.jit(dense.apply)({"params": params}, X, mask),
        atol=1e-5,
    )


def test_chosen_layers_are_replaced_and_all_others_left():
    encoder = Transformer(layers=4, width=6, heads=2)
    params = jax.jit(encoder.init)(jax.random.key(0), X, jnp.ones((3, 5), bool))["params"]
    odd = upcycled(
        {"encoder": params}, jax.random.key(1), experts=2,
        chosen=lambda path: path in ("encoder/block_1/feed_forward", "encoder/block_3/feed_forward"),
    )["encoder"]  # fmt: skip
    for n in range(4):
        kept, grown = params[f"block_{n}"], odd[f"block_{n}"]
        assert ("router" in grown["feed_forward"]) == (n % 2 == 1)
        jax.tree.map(np.testing.assert_array_equal, kept["attention"], grown["attention"])
        if n % 2:
            kernel = grown["feed_forward"]["expand_kernel"]
            for expert in kernel:
                np.testing.assert_array_equal(expert, kept["feed_forward"]["expand"]["kernel"])
    routers = [odd[f"block_{n}"]["feed_forward"]["router"] for n in (1, 3)]
    assert np.abs(routers[0] - routers[1]).max() > 0, "each layer draws its own router"


def test_a_gated_layer_is_no_feed_forward_and_nothing_to_replace_is_an_error():
    gated = jax.jit(GatedFeedForward(hidden=8).init)(jax.random.key(0), X)["params"]
    with pytest.raises(UsageError, match="no feed-forward layer"):
        upcycled({"feed_forward": gated}, jax.random.key(1), experts=2)


def test_a_model_starts_as_the_dense_one_and_every_second_layer_has_experts():
    dense = toy.embedder(layers=3, dropout=0.0)
    start = Upcycled(of=dense, experts=3)
    key = jax.random.key(0)
    before, after = dense.start(key), start.start(key)
    assert jax.tree.map(jnp.shape, after.params) == jax.tree.map(
        lambda x: x.shape, start.network.shapes()
    )
    grown = [
        n for n in range(3) if "router" in after.params["encoder"][f"block_{n}"]["feed_forward"]
    ]
    assert grown == [1]
    batch = toy.text(RNG, 4)
    np.testing.assert_allclose(
        jax.jit(after.embedder.apply)(after.params, batch),
        jax.jit(dense.apply)(before.params, batch),
        atol=1e-5,
    )
    assert from_json(to_json(start)) == start and start.small().network.encoder.layers == 2


def test_without_renormalization_the_branch_shrinks_by_the_share_of_the_active_experts():
    dense = toy.embedder(dropout=0.0)
    key, batch = jax.random.key(0), toy.text(RNG, 8)
    expected = jax.jit(dense.apply)(dense.start(key).params, batch)

    def gap(start):
        return np.abs(start.network.apply(start.start(key).params, batch) - expected).max()

    plain = gap(Upcycled(of=dense, routing=Top(active=2)))
    assert plain > 100 * gap(Upcycled(of=dense))


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (toy.embedder(layers=1), "leaves out all 1 layers"),
        (toy.embedder(block=PreNorm(feed_forward=GatedMLP())), "no plain feed-forward"),
        (toy.embedder(pattern=(Layer(),)), "without a pattern"),
    ],
)
def test_what_cannot_be_grown_is_refused(of, message):
    with pytest.raises(UsageError, match=message):
        _ = Upcycled(of=of).network
