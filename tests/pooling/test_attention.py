"""Poolings with parameters: attention over tokens, latents over tokens, latents over layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.nn import Causal
from jaxemb.pooling import AttentionPooling, LastToken, LatentOverLayers, LatentOverTokens, Mean

MASK = jnp.arange(6) < jnp.array([[6], [4], [1]])
STATES = jax.random.normal(jax.random.key(0), (3, 3, 6, 8))
CLEAN = np.where(MASK[None, ..., None], STATES, 0.0).astype(np.float64)


def fitted(pooling):
    """Parameters with nothing at 0 or 1."""
    shapes = jax.eval_shape(pooling.init, jax.random.key(0), STATES, MASK)["params"]
    leaves, tree = jax.tree.flatten(shapes)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    drawn = [0.5 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, drawn)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def norm(x, p):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) * p["scale"] + p["bias"]


def affine(p, x):
    return x @ p["kernel"] + p["bias"]


def latent_block(p, states, heads):
    """The block on one example, `[states, width] -> [width]`, a head at a time."""
    width = states.shape[-1]
    a, size = p["attention"], width // heads
    query, keys = norm(p["latents"], p["latent_norm"]), norm(states, p["state_norm"])
    q, k, v = affine(a["query"], query), affine(a["key"], keys), affine(a["value"], keys)
    columns = [slice(h * size, (h + 1) * size) for h in range(heads)]
    read = [softmax(q[:, c] @ k[:, c].T / np.sqrt(size)) @ v[:, c] for c in columns]
    z = p["latents"] + affine(a["output"], np.concatenate(read, -1))
    f = p["feed_forward"]
    gate, value = np.split(affine(f["expand"], norm(z, p["feed_forward_norm"])), 2, -1)
    gelu = gate / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
    return (z + affine(f["output"], gelu * value)).mean(0)


def doubles(tree):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def test_attention_pooling_is_its_formula_and_starts_as_the_mean():
    params = fitted(AttentionPooling())
    query = np.asarray(params["query"], np.float64)
    expected = []
    for b, n in enumerate([6, 4, 1]):
        h = CLEAN[-1, b, :n]
        expected.append(softmax(h @ query / np.sqrt(8)) @ h)
    v = jax.jit(AttentionPooling().apply)({"params": params}, STATES, MASK)
    np.testing.assert_allclose(v, expected, atol=1e-5)
    fresh = jax.jit(AttentionPooling().init)(jax.random.key(0), STATES, MASK)
    mean = Mean().apply({}, STATES, MASK)
    np.testing.assert_allclose(
        jax.jit(AttentionPooling().apply)(fresh, STATES, MASK), mean, atol=1e-6
    )


def test_latents_over_tokens_are_their_formula():
    pooling = LatentOverTokens(latents=3, heads=2)
    params = fitted(pooling)
    p = doubles(params["block"])
    expected = [latent_block(p, CLEAN[-1, b, :n], 2) for b, n in enumerate([6, 4, 1])]
    np.testing.assert_allclose(
        jax.jit(pooling.apply)({"params": params}, STATES, MASK), expected, atol=1e-4
    )


@pytest.mark.parametrize("summary", [Mean(), LastToken()])
def test_latents_over_layers_are_their_formula(summary):
    pooling = LatentOverLayers(latents=3, heads=2, summary=summary)
    params = fitted(pooling)
    p = doubles(params)
    expected = []
    for b, n in enumerate([6, 4, 1]):
        h = CLEAN[:, b, :n]
        layers = h.mean(1) if summary == Mean() else h[:, -1]
        expected.append(latent_block(p["block"], layers + p["position"], 2))
    np.testing.assert_allclose(
        jax.jit(pooling.apply)({"params": params}, STATES, MASK), expected, atol=1e-4
    )


def test_one_latent_without_projections_is_single_query_attention():
    """Identity projections and no feed-forward leave `q + softmax(q̂ Ŝᵀ / √width) Ŝ`."""
    pooling = LatentOverTokens(latents=1, heads=1)
    params = jax.tree.map(jnp.zeros_like, fitted(pooling))
    block = params["block"]
    for name in ("query", "key", "value", "output"):
        block["attention"][name]["kernel"] = jnp.eye(8)
    for name in ("latent_norm", "state_norm"):
        block[name]["scale"] = jnp.ones(8)
    latent = np.random.default_rng(0).normal(size=(1, 8))
    block["latents"] = jnp.asarray(latent, jnp.float32)
    unit = {"scale": 1.0, "bias": 0.0}
    for b, n in enumerate([6, 4, 1]):
        states, query = norm(CLEAN[-1, b, :n], unit), norm(latent, unit)
        expected = latent + softmax(query @ states.T / np.sqrt(8)) @ states
        v = jax.jit(pooling.apply)({"params": params}, STATES, MASK)[b]
        np.testing.assert_allclose(v, expected[0], atol=1e-5)


def test_layer_positions_are_what_tells_layers_apart():
    pooling = LatentOverLayers(latents=3, heads=2)
    params = fitted(pooling)
    flat = params | {"position": jnp.zeros_like(params["position"])}
    order = jnp.array([2, 0, 1])
    for p, same in ((flat, True), (params, False)):
        v = jax.jit(pooling.apply)({"params": p}, STATES, MASK)
        moved = jax.jit(pooling.apply)({"params": p}, STATES[order], MASK)
        assert np.allclose(v, moved, atol=1e-5) == same


@pytest.mark.parametrize("summary", [Mean(), LastToken()])
def test_padding_content_does_not_matter(summary):
    dirty = jnp.where(MASK[None, ..., None], STATES, jnp.nan)
    for pooling in (LatentOverTokens(), LatentOverLayers(summary=summary), AttentionPooling()):
        variables = {"params": fitted(pooling)}
        clean, other = (
            jax.jit(pooling.apply)(variables, states, MASK) for states in (STATES, dirty)
        )
        np.testing.assert_array_equal(clean, other)


def test_fewer_layers_read_the_first_positions_and_more_are_refused():
    pooling = LatentOverLayers(latents=3, heads=2)
    params = fitted(pooling)
    short = params | {"position": params["position"][:2]}
    np.testing.assert_array_equal(
        jax.jit(pooling.apply)({"params": params}, STATES[:2], MASK),
        jax.jit(pooling.apply)({"params": short}, STATES[:2], MASK),
    )
    with pytest.raises(UsageError, match="knows 2 layers, not 3"):
        jax.jit(pooling.apply)({"params": short}, STATES, MASK)


def test_the_last_token_under_a_causal_mask_ignores_what_follows():
    encoder = Transformer(layers=2, width=8, heads=2, mask=Causal())
    x = jax.random.normal(jax.random.key(2), (1, 6, 8))
    variables = jax.jit(encoder.init)(jax.random.key(0), x, MASK[:1])
    mask = jnp.arange(6)[None] < 4
    before = LastToken().apply({}, jax.jit(encoder.apply)(variables, x, mask), mask)
    changed = x.at[:, 4:].set(5.0)
    longer = jax.jit(encoder.apply)(variables, changed, jnp.ones((1, 6), bool))
    np.testing.assert_array_equal(before, LastToken().apply({}, longer, mask))


@pytest.mark.parametrize("pooling", [LatentOverTokens(), LatentOverLayers()])
def test_an_untrained_block_is_near_the_mean_of_what_it_reads(pooling):
    variables = jax.jit(pooling.init)(jax.random.key(0), STATES, MASK)
    v = jax.jit(pooling.apply)(variables, STATES, MASK)
    mean = Mean().apply(
        {}, STATES if isinstance(pooling, LatentOverTokens) else STATES.mean(0)[None], MASK
    )
    cosine = jnp.sum(v * mean, -1) / jnp.linalg.norm(v, axis=-1) / jnp.linalg.norm(mean, axis=-1)
    assert float(cosine.min()) > 0.5
