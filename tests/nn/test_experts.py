"""Experts: sparse sending beside all experts with zeroed weights, balance, gradients, neighbours."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.nn import (
    GELU,
    Bidirectional,
    Causal,
    ExpertFeedForward,
    Experts,
    PreNorm,
    RenormalizedTopExperts,
    TopExperts,
)
from jaxemb.nn.experts import balance, load

RNG = np.random.default_rng()
B, T, W, H, E = 3, 5, 6, 8, 4
X = jnp.asarray(RNG.normal(size=(B, T, W)), jnp.float32)
MASK = jnp.asarray(np.arange(T) < np.array([[5], [3], [1]]))


def drawn(layer):
    params = jax.jit(layer.init)(jax.random.key(0), X)["params"]
    return jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape), jnp.float32), params)


def dense(params, x, weights):
    """Every expert on every token, weighted by `weights [..., experts]`."""
    hidden = GELU()(
        jnp.einsum("...d,edh->...eh", x, params["expand_kernel"]) + params["expand_bias"]
    )
    made = jnp.einsum("...eh,ehd->...ed", hidden, params["output_kernel"]) + params["output_bias"]
    return jnp.einsum("...e,...ed->...d", weights, made)


def sparse_weights(params, x, active, renormalized):
    p = np.asarray(jax.nn.softmax(x @ params["router"], axis=-1), np.float64)
    least = np.sort(p, axis=-1)[..., -active][..., None]
    kept = np.where(p >= least, p, 0)
    return jnp.asarray(kept / kept.sum(-1, keepdims=True) if renormalized else kept, jnp.float32)


@pytest.mark.parametrize("active", [1, 2, E])
@pytest.mark.parametrize("routing", [TopExperts, RenormalizedTopExperts])
def test_sending_to_few_is_all_experts_with_the_others_weights_zero(active, routing):
    layer = ExpertFeedForward(hidden=H, experts=E, routing=routing(active=active))
    params = drawn(layer)
    weights = sparse_weights(params, X, active, routing is RenormalizedTopExperts)
    found, slopes = jax.jit(
        jax.value_and_grad(lambda p, x: jnp.sum(jnp.sin(layer.apply({"params": p}, x))), (0, 1))
    )(params, X)
    np.testing.assert_allclose(
        jax.jit(layer.apply)({"params": params}, X), dense(params, X, weights), rtol=1e-4, atol=1e-4
    )

    def other(p, x):
        logits = jax.nn.softmax(x @ p["router"])
        kept = jnp.where(weights > 0, logits, 0)
        if routing is RenormalizedTopExperts:
            kept = kept / kept.sum(-1, keepdims=True)
        return jnp.sum(jnp.sin(dense(p, x, kept)))

    value, expected = jax.value_and_grad(other, (0, 1))(params, X)
    np.testing.assert_allclose(found, value, rtol=1e-4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3), slopes, expected
    )


def test_balance_is_1_for_equal_use_and_the_number_of_experts_for_one():
    tokens, mask = 12, jnp.ones(12, bool)
    for active in (1, 2):
        turns = jnp.stack([jnp.roll(jnp.arange(E, 0, -1.0), n) for n in range(E)] * 3)
        evenly = jax.nn.softmax(1e-3 * turns[:tokens])
        assert abs(float(balance(evenly, mask, TopExperts(active=active))) - 1) < 1e-5
    collapsed = jax.nn.one_hot(jnp.full(tokens, 2), E)
    assert float(balance(collapsed, mask, TopExperts(active=1))) == E


def test_padding_changes_neither_shares_nor_probabilities():
    probabilities = jax.nn.softmax(jnp.asarray(RNG.normal(size=(B, T, E)), jnp.float32))
    share, probability = load(probabilities, MASK, TopExperts(active=2))
    real = np.asarray(probabilities, np.float64)[np.asarray(MASK)]
    chosen = np.argsort(-real, axis=1)[:, :2]
    counts = np.bincount(chosen.ravel(), minlength=E)
    np.testing.assert_allclose(share, counts / counts.sum(), atol=1e-6)
    np.testing.assert_allclose(probability, real.mean(0), atol=1e-6)
    assert float(balance(probabilities, jnp.zeros_like(MASK), TopExperts())) == 0


def test_the_router_learns_by_its_probabilities_alone():
    probabilities = jax.nn.softmax(jnp.asarray(RNG.normal(size=(B, T, E)), jnp.float32))
    share, _ = load(probabilities, MASK, TopExperts())
    slope = jax.grad(lambda p: balance(p, MASK, TopExperts()))(probabilities)
    expected = np.where(np.asarray(MASK)[..., None], E * np.asarray(share) / MASK.sum(), 0)
    np.testing.assert_allclose(slope, np.broadcast_to(expected, slope.shape), rtol=1e-5)


def test_a_token_s_result_does_not_depend_on_its_neighbours():
    """None is dropped, even where all want one expert."""
    layer = ExpertFeedForward(hidden=H, experts=E, routing=TopExperts(active=1))
    params = drawn(layer)
    params["router"] = params["router"].at[:, 1].add(100 * jnp.sign(X[0, 0]))
    crowd = jnp.concatenate([jnp.repeat(X[:1, :1], 50, axis=1), X[:1]], axis=1)
    found = jax.jit(layer.apply)({"params": params}, crowd)
    np.testing.assert_allclose(
        found[:, 50:], jax.jit(layer.apply)({"params": params}, X[:1]), atol=1e-4
    )
    np.testing.assert_allclose(found[0, :50], jnp.repeat(found[:, 0], 50, axis=0), atol=1e-4)


def test_the_router_s_probabilities_leave_the_layer():
    layer = ExpertFeedForward(hidden=H, experts=E)
    params = drawn(layer)
    _, said = layer.apply({"params": params}, X, mutable=["extra"])
    (probabilities,) = said["extra"]["router"]
    np.testing.assert_allclose(probabilities, jax.nn.softmax(X @ params["router"]), atol=1e-6)


def test_in_a_block_padding_has_no_probabilities():
    """The loss that balances experts counts the tokens that have some."""
    for mask_kind in (Bidirectional(), Causal()):
        encoder = Transformer(
            layers=2,
            width=W,
            heads=2,
            block=PreNorm(feed_forward=Experts(experts=E)),
            mask=mask_kind,
        )
        params = jax.jit(encoder.init)(jax.random.key(0), X, MASK)["params"]
        _, said = encoder.apply({"params": params}, X, MASK, mutable=["extra"])
        for n in range(2):
            (router,) = said["extra"][f"block_{n}"]["feed_forward"]["router"]
            np.testing.assert_allclose(router.sum(-1), MASK, atol=1e-6)


def test_products_may_be_in_half_precision_while_the_router_is_not():
    layer = ExpertFeedForward(hidden=H, experts=E, dtype="bfloat16")
    params = drawn(layer)
    y, said = layer.apply({"params": params}, X.astype(jnp.bfloat16), mutable=["extra"])
    assert y.dtype == jnp.bfloat16 and said["extra"]["router"][0].dtype == jnp.float32


def test_more_active_experts_than_there_are_is_refused():
    with pytest.raises(UsageError, match="must be 1 to 4"):
        drawn(ExpertFeedForward(hidden=H, experts=E, routing=TopExperts(active=5)))
