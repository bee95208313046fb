"""The forms of attention, feed-forward network and block against numpy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.nn import (
    BiasFreeLayerNorm,
    Causal,
    GatedMLP,
    MultiHead,
    OffsetRMSNorm,
    PostNorm,
    PreNorm,
    RMSNorm,
    SandwichNorm,
    SelfAttention,
    SiLU,
    Sizes,
    attend,
)
from jaxemb.nn.kernels import even_lengths, fused

B, T, W = 2, 5, 12
SIZES = Sizes(heads=4, hidden=10, activation=SiLU())


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def random_params(module, *arguments):
    shapes = jax.eval_shape(module.init, jax.random.key(0), *arguments)["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape) / 2, jnp.float32), shapes)


def dense(layer, x):
    return x @ np.asarray(layer["kernel"], np.float64) + np.asarray(
        layer.get("bias", 0), np.float64
    )


def softmax(x):
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def rms(x, scale, epsilon=1e-6):
    x = np.asarray(x, np.float64)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * np.asarray(scale, np.float64)


def attention(params, x, may, form, heads, bias=0.0):
    """One row, one head at a time."""
    groups, read = form.key_value_heads or heads, []
    parts = [dense(params[name], x) for name in ("query", "key", "value")]
    cut = [np.split(y, n, -1) for y, n in zip(parts, (heads, groups, groups), strict=True)]
    for h in range(heads):
        query, key, value = cut[0][h], *(side[h // (heads // groups)] for side in cut[1:])
        if "query_norm" in params:
            query = rms(query, params["query_norm"]["scale"])
            key = rms(key, params["key_norm"]["scale"])
        scale = form.score_scale or query.shape[-1] ** -0.5
        scores = scale * query @ key.T
        if form.soft_cap:
            scores = form.soft_cap * np.tanh(scores / form.soft_cap)
        scores = scores + (bias[h] if np.ndim(bias) else bias)
        read.append(softmax(np.where(may, scores, -np.inf)) @ value)
    return dense(params["output"], np.concatenate(read, -1))


FORMS = {
    "grouped": MultiHead(key_value_heads=2),
    "multi-query": MultiHead(key_value_heads=1, biases=("query", "key", "value")),
    "wide-heads": MultiHead(head_dim=5, biases=()),
    "normed": MultiHead(query_key_norm=RMSNorm(), biases=("output",)),
    "capped": MultiHead(soft_cap=0.5, score_scale=0.7, biases=("query",)),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_attention(name):
    form, x, bias = FORMS[name], draw(B, T, W), draw(1, 4, T, T, seed=5)
    allowed = Causal()(jnp.array([[True] * T, [True] * 3 + [False] * 2]))
    module = SelfAttention(heads=4, form=form)
    params = random_params(module, x, allowed)
    maps = {name for name in ("query", "key", "value", "output") if "bias" in params[name]}
    assert maps == set(form.biases)
    found = jax.jit(module.apply)({"params": params}, x, allowed, bias=bias)
    for b in range(B):
        may = np.asarray(allowed)[b, 0]
        expected = attention(params, np.asarray(x[b], np.float64), may, form, 4, bias[0])
        np.testing.assert_allclose(found[b], expected, rtol=1e-4, atol=1e-5)


def test_heads_must_share_keys_evenly():
    with pytest.raises(UsageError, match="4 heads cannot share 3 heads of keys and values"):
        random_params(
            SelfAttention(heads=4, form=MultiHead(key_value_heads=3)),
            draw(B, T, W),
            jnp.ones((1, 1, 1, T), bool),
        )


def test_the_fused_kernel_is_the_plain_one():
    """The form that a GPU gets, by XLA: masks, bias, grouped keys, scale, and its gradient."""
    query, key, value = draw(B, 4, T, 8), draw(B, 2, T, 8, seed=1), draw(B, 2, T, 8, seed=2)
    bias, weights = draw(1, 4, T, T, seed=3), draw(B, 4, T, 8, seed=4)
    for mask in (
        jnp.ones((B, 1, 1, T), bool),
        Causal()(jnp.array([[True] * T, [True, True] + [False] * 3])),
    ):
        for more in ({}, {"bias": bias, "scale": 0.3}):

            def plain(q, k, v, mask=mask, more=more):
                return jnp.sum(weights * attend(q, k, v, mask, **more))

            def other(q, k, v, mask=mask, more=more):
                return jnp.sum(weights * fused(q, k, v, mask, **more, implementation="xla"))

            found, expected = (
                jax.value_and_grad(f, argnums=(0, 1, 2))(query, key, value) for f in (other, plain)
            )
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, expected
            )


@pytest.mark.parametrize("queries,states", [(5, 5), (1, 5), (4, 3), (1, 1)])
def test_odd_lengths_become_even_and_change_nothing(queries, states):
    query, key, value = draw(B, 4, queries, 8), draw(B, 2, states, 8, seed=1), draw(B, 2, states, 8)
    for rows in {1, queries}:
        allowed = jnp.asarray(np.arange(states) < np.arange(1, B + 1)[:, None])[:, None, None, :]
        allowed = jnp.broadcast_to(allowed, (B, 1, rows, states))
        bias = draw(1, 4, queries, states, seed=3)
        *longer, more = even_lengths(query, key, value, allowed, bias)
        assert all(x.shape[2] % 2 == 0 for x in longer[:3])
        found = attend(*longer, bias=more)[:, :, :queries]
        np.testing.assert_allclose(
            found, attend(query, key, value, allowed, bias=bias), rtol=1e-5, atol=1e-6
        )


def swish(x):
    return x / (1 + np.exp(-x))


def gated(params, x):
    gate, value = np.split(dense(params["expand"], x), 2, axis=-1)
    return dense(params["output"], swish(gate) * value)


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("kind", [PreNorm, PostNorm, SandwichNorm])
def test_blocks_are_their_formulas(kind, scale):
    form = kind(
        attention=MultiHead(biases=()),
        feed_forward=GatedMLP(),
        branch_norm=RMSNorm(),
        branch_scale=scale,
    )
    x, allowed = draw(B, T, W), jnp.ones((B, 1, 1, T), bool)
    module = form.layer(SIZES, name="block")
    p = random_params(module, x, allowed)

    def norm(name, y):
        return rms(y, p[name]["scale"])

    branches = {
        "attention": lambda y: attention(p["attention"], y, True, form.attention, 4),
        "feed_forward": lambda y: gated(p["feed_forward"], y),
    }
    for found, h in zip(
        jax.jit(module.apply)({"params": p}, x, allowed), np.asarray(x, np.float64), strict=True
    ):
        for name, branch in branches.items():
            if kind is PreNorm:
                h = h + scale * branch(norm(f"{name}_norm", h))
            elif kind is PostNorm:
                h = norm(f"{name}_norm", h + scale * branch(h))
            else:
                inner = branch(norm(f"{name}_norm", h))
                h = h + scale * norm(f"{name}_output_norm", inner)
        np.testing.assert_allclose(found, h, rtol=1e-4, atol=1e-5)


def test_norms_without_a_bias_and_with_an_offset():
    x = 3 + 2 * draw(B, T, W)
    scale = draw(W, seed=7)
    wide = np.asarray(x, np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale
    found = jax.jit(BiasFreeLayerNorm().apply)({"params": {"scale": scale}}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    found = jax.jit(OffsetRMSNorm().apply)({"params": {"scale": scale}}, x)
    np.testing.assert_allclose(
        found, rms(x, 1 + np.asarray(scale, np.float64)), rtol=1e-4, atol=1e-5
    )
    start = jax.jit(OffsetRMSNorm().init)(jax.random.key(0), x)["params"]["scale"]
    assert not np.any(start)
