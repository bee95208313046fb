"""Learned poolings against attention written out in float64, and what they must not depend on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.nn import Causal, Rotary
from jaxemb.pooling import (
    AttentionPooling,
    LastToken,
    LatentOverLayers,
    LatentOverTokens,
    Mean,
    Pooling,
)

DEPTH, BATCH, TOKENS, WIDTH = 3, 4, 6, 8


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = np.array([1, TOKENS, *rng.integers(1, TOKENS + 1, BATCH - 2)])
    states = rng.normal(size=(DEPTH, BATCH, TOKENS, WIDTH)).astype(np.float32)
    return states, np.arange(TOKENS) < lengths[:, None]


@functools.cache
def initial(part: Pooling) -> dict:
    states, mask = draw(0)
    return jax.jit(part.init)(jax.random.key(0), states, mask)["params"]


@functools.cache
def applied(part: Pooling):
    return jax.jit(lambda params, states, mask: part.apply({"params": params}, states, mask))


def random_params(part: Pooling, seed: int = 0) -> dict:
    """Every parameter drawn anew, so that nothing hides behind a zero or an identity."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda x: jnp.asarray(rng.normal(size=x.shape) / 2, jnp.float32), initial(part)
    )


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def normalised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def as_single_query(part: Pooling, query: np.ndarray) -> dict:
    """Parameters with which a one-latent block is attention of `query` and nothing else."""
    params = jax.tree.map(jnp.zeros_like, initial(part))
    block = params["block"]
    for name in ("query", "key", "value", "output"):
        block["attention"][name]["kernel"] = jnp.eye(WIDTH)
    for name in ("latent_norm", "state_norm", "feed_forward_norm"):
        block[name]["scale"] = jnp.ones(WIDTH)
    block["latents"] = jnp.asarray(query[None], jnp.float32)
    return params


def single_query(query: np.ndarray, states: np.ndarray) -> np.ndarray:
    """`q + Σ_s softmax_s(norm(q)·norm(s) / √width) norm(s)` over `states [n, width]`."""
    keys = normalised(states.astype(np.float64))
    weights = softmax(keys @ normalised(query) / np.sqrt(WIDTH))
    return query + weights @ keys


def test_attention_pooling_is_a_weighted_mean():
    states, mask = draw(1)
    query = np.random.default_rng(2).normal(size=WIDTH).astype(np.float32)
    pooled = applied(AttentionPooling())({"query": jnp.asarray(query)}, states, mask)
    for vector, row, real in zip(pooled, states[-1].astype(np.float64), mask, strict=True):
        weights = softmax(row[real] @ query / np.sqrt(WIDTH))
        np.testing.assert_allclose(vector, weights @ row[real], rtol=1e-5, atol=1e-6)


def test_untrained_attention_pooling_is_the_mean():
    states, mask = draw(3)
    pooled = applied(AttentionPooling())(initial(AttentionPooling()), states, mask)
    expected = Mean().apply({}, jnp.asarray(states), jnp.asarray(mask))
    np.testing.assert_allclose(pooled, expected, rtol=1e-5, atol=1e-6)


def test_one_latent_over_tokens_is_single_query_attention():
    part = LatentOverTokens(latents=1, heads=1)
    states, mask = draw(4)
    query = np.random.default_rng(5).normal(size=WIDTH)
    pooled = applied(part)(as_single_query(part, query), states, mask)
    expected = [single_query(query, row[real]) for row, real in zip(states[-1], mask, strict=True)]
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


def test_one_latent_over_layers_is_single_query_attention_over_the_layers_means():
    part = LatentOverLayers(latents=1, heads=1)
    states, mask = draw(6)
    rng = np.random.default_rng(7)
    query, position = rng.normal(size=WIDTH), rng.normal(size=(DEPTH, WIDTH))
    params = as_single_query(part, query) | {"position": jnp.asarray(position, jnp.float32)}
    pooled = applied(part)(params, states, mask)
    for b, real in enumerate(mask):
        layers = states[:, b, real].astype(np.float64).mean(axis=1) + position
        np.testing.assert_allclose(pooled[b], single_query(query, layers), rtol=1e-4, atol=1e-5)


def latent_block(params: dict, states: np.ndarray, heads: int) -> np.ndarray:
    """The whole block over one row's `states [n, width]`, head by head."""
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), params)

    def norm(name: str, x: np.ndarray) -> np.ndarray:
        return normalised(x) * p[name]["scale"] + p[name]["bias"]

    def dense(layer: dict, x: np.ndarray) -> np.ndarray:
        return x @ layer["kernel"] + layer["bias"]

    attention, latents, keys = p["attention"], p["latents"], norm("state_norm", states)
    query = dense(attention["query"], norm("latent_norm", latents))
    key, value = dense(attention["key"], keys), dense(attention["value"], keys)
    parts = zip(*(np.split(x, heads, axis=-1) for x in (query, key, value)), strict=True)
    read = [softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v for q, k, v in parts]
    z = latents + dense(attention["output"], np.concatenate(read, axis=-1))
    gate, up = np.split(
        dense(p["feed_forward"]["expand"], norm("feed_forward_norm", z)), 2, axis=-1
    )
    bent = gate / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
    return (z + dense(p["feed_forward"]["output"], bent * up)).mean(axis=0)


def test_latents_over_tokens_against_the_block_written_out():
    part = LatentOverTokens(latents=3, heads=2)
    params = random_params(part)
    states, mask = draw(8)
    pooled = applied(part)(params, states, mask)
    for vector, row, real in zip(pooled, states[-1], mask, strict=True):
        expected = latent_block(params["block"], row[real].astype(np.float64), heads=2)
        np.testing.assert_allclose(vector, expected, rtol=1e-3, atol=1e-4)


def test_latents_over_layers_against_the_block_written_out():
    part = LatentOverLayers(latents=3, heads=2, summary=LastToken())
    params = random_params(part)
    states, mask = draw(9)
    pooled = applied(part)(params, states, mask)
    for b, real in enumerate(mask):
        layers = states[:, b, real][:, -1].astype(np.float64) + np.asarray(params["position"])
        expected = latent_block(params["block"], layers, heads=2)
        np.testing.assert_allclose(pooled[b], expected, rtol=1e-3, atol=1e-4)


def test_the_order_of_layers_is_told_by_their_positions_alone():
    part = LatentOverLayers(latents=3, heads=2)
    states, mask = draw(10)
    params = random_params(part)
    shuffled = states[np.array([2, 0, 1])]
    apart = applied(part)(params, shuffled, mask) - applied(part)(params, states, mask)
    assert np.abs(apart).min(axis=1).max() > 1e-3
    blind = params | {"position": jnp.zeros((DEPTH, WIDTH))}
    np.testing.assert_allclose(
        applied(part)(blind, shuffled, mask),
        applied(part)(blind, states, mask),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "part",
    [
        AttentionPooling(),
        LatentOverTokens(latents=3, heads=2),
        LatentOverLayers(latents=3, heads=2),
        LatentOverLayers(latents=3, heads=2, summary=LastToken()),
    ],
    ids=["attention", "tokens", "layers_mean", "layers_last"],
)
def test_neither_content_nor_amount_of_padding_matters(part):
    states, mask = draw(11)
    params = random_params(part)
    expected = applied(part)(params, states, mask)
    longer = np.pad(states, ((0, 0), (0, 0), (0, 3), (0, 0)))
    wider = np.pad(mask, ((0, 0), (0, 3)))
    longer[:, ~wider] = np.inf
    pooled = applied(part)(params, longer, wider)
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


def test_fewer_layers_read_the_first_positions_and_more_are_refused():
    part = LatentOverLayers(latents=3, heads=2)
    params = random_params(part)
    states, mask = draw(12)
    cut = params | {"position": params["position"][:2]}
    np.testing.assert_array_equal(
        applied(part)(params, states[:2], mask), applied(part)(cut, states[:2], mask)
    )
    with pytest.raises(UsageError, match="knows 3 layers, not 4"):
        applied(part)(params, np.concatenate([states, states[:1]]), mask)


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(UsageError, match="width of 8 cannot be cut into 3 heads"):
        initial(LatentOverTokens(heads=3))


def test_text_after_the_last_real_token_cannot_reach_a_causal_last_token():
    """Under a causal mask the state of token `n` is that of the text cut after `n`."""
    encoder = Transformer(layers=2, width=WIDTH, heads=2, mask=Causal(), position=Rotary())
    rng = np.random.default_rng(13)
    x = rng.normal(size=(BATCH, TOKENS, WIDTH)).astype(np.float32)
    full, cut = np.ones((BATCH, TOKENS), bool), np.arange(TOKENS) < np.full((BATCH, 1), 4)
    variables = jax.jit(encoder.init)(jax.random.key(0), x, full)
    encode = jax.jit(encoder.apply)
    last = jax.jit(LastToken().apply)
    np.testing.assert_allclose(
        last({}, encode(variables, x, full), cut),
        last({}, encode(variables, x[:, :4], full[:, :4]), full[:, :4]),
        rtol=1e-5,
        atol=1e-6,
    )
