"""Attention, feed-forward layers and norms against numpy in float64, one head at a time."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.nn import (
    GELU,
    Bidirectional,
    Causal,
    CrossAttention,
    Dense,
    ExactGELU,
    FeedForward,
    GatedFeedForward,
    LayerNorm,
    PreNormBlock,
    ReLU,
    SelfAttention,
    SiLU,
    Sizes,
    Tanh,
)

B, T, W, HEADS = 3, 6, 8, 2


def draw(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = np.array([1, T, rng.integers(2, T)])
    return rng.normal(size=(B, T, W)).astype(np.float32), np.arange(T) < lengths[:, None]


def random_params(module, *arguments) -> dict:
    """Every parameter drawn anew: no zeros, no identities."""
    shapes = jax.eval_shape(module.init, jax.random.key(0), *arguments)["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape) / 2, jnp.float32), shapes)


@functools.partial(jax.jit, static_argnums=0)
def run(module, params, *arguments):
    return module.apply({"params": params}, *arguments)


def wide(tree):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def dense(layer: dict, x: np.ndarray) -> np.ndarray:
    return x @ layer["kernel"] + layer["bias"]


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def attend(params: dict, queries: np.ndarray, states: np.ndarray, may: np.ndarray) -> np.ndarray:
    """One example: each query's softmax runs over the states it may read, and no others."""
    p = wide(params)
    query, key, value = (
        np.split(dense(p[name], x.astype(np.float64)), HEADS, axis=-1)
        for name, x in (("query", queries), ("key", states), ("value", states))
    )
    read = np.empty((len(queries), sum(v.shape[1] for v in value)))
    for n, reads in enumerate(may):
        rows = [
            softmax(k[reads] @ q[n] / math.sqrt(q.shape[1])) @ v[reads]
            for q, k, v in zip(query, key, value, strict=True)
        ]
        read[n] = np.concatenate(rows)
    return dense(p["output"], read)


@pytest.mark.parametrize("rule", [Bidirectional(), Causal()], ids=["bidirectional", "causal"])
def test_self_attention_reads_what_the_mask_allows(rule):
    x, mask = draw()
    allowed = rule(jnp.asarray(mask))
    module = SelfAttention(heads=HEADS)
    params = random_params(module, x, allowed)
    y = run(module, params, x, allowed)
    may = np.broadcast_to(np.asarray(allowed)[:, 0], (B, T, T))
    for b in range(B):
        np.testing.assert_allclose(y[b], attend(params, x[b], x[b], may[b]), rtol=1e-4, atol=1e-5)


def test_masks_allow_exactly_the_real_and_for_causal_the_earlier():
    _, mask = draw(1)
    for b, q, k in np.ndindex(B, T, T):
        whole, past = Bidirectional()(jnp.asarray(mask)), Causal()(jnp.asarray(mask))
        assert bool(whole[b, 0, 0, k]) == mask[b, k]
        assert bool(past[b, 0, q, k]) == (mask[b, k] and k <= q)


def test_cross_attention_reads_another_set_of_states():
    rng = np.random.default_rng(3)
    queries = rng.normal(size=(2, W)).astype(np.float32)
    states, (_, mask) = rng.normal(size=(B, T, 5)).astype(np.float32), draw(3)
    module = CrossAttention(heads=HEADS)
    params = random_params(module, queries, states, mask)
    y = run(module, params, queries, states, mask)
    for b in range(B):
        may = np.broadcast_to(mask[b], (2, T))
        expected = attend(params, queries, states[b], may)
        np.testing.assert_allclose(y[b], expected, rtol=1e-4, atol=1e-5)


def test_untrained_cross_attention_copies_the_states():
    """Values and output start as identities: the mean of one state is that state."""
    rng = np.random.default_rng(4)
    queries = rng.normal(size=(1, W)).astype(np.float32)
    states = rng.normal(size=(B, 1, W)).astype(np.float32)
    module = CrossAttention(heads=HEADS)
    one = np.ones((B, 1), bool)
    y, _ = jax.jit(module.init_with_output)(jax.random.key(0), queries, states, one)
    np.testing.assert_allclose(y, states, rtol=1e-6)


def test_causal_attention_cannot_see_the_future():
    x, _ = draw(5)
    allowed = Causal()(jnp.ones((B, T), bool))
    module = PreNormBlock(sizes=Sizes(heads=HEADS, hidden=16))
    params = random_params(module, x, allowed)
    for t in range(1, T):
        other = x.copy()
        other[:, t:] += np.random.default_rng(t).normal(size=W)  # norms take constants out
        before, after = run(module, params, x, allowed), run(module, params, other, allowed)
        np.testing.assert_array_equal(before[:, :t], after[:, :t])
        assert np.abs(before[:, t:] - after[:, t:]).min(axis=-1).max() > 1e-3


def test_the_gradient_does_not_flow_from_the_past_to_the_future():
    x, _ = draw(6)
    allowed = Causal()(jnp.ones((B, T), bool))
    module = SelfAttention(heads=HEADS)
    params = random_params(module, x, allowed)
    slope = jax.jit(jax.grad(lambda x: jnp.sum(run(module, params, x, allowed)[:, 2] ** 2)))(x)
    assert not np.any(slope[:, 3:])
    assert np.any(slope[:, :3] != 0, axis=(0, 2)).all()


@pytest.mark.parametrize("name", ["attention", "feed_forward", "block", "dense"])
def test_bfloat16_is_close_to_float32(name):
    """Within a few units of 2⁻⁸, the spacing of bfloat16."""
    make = {
        "attention": lambda dtype: SelfAttention(heads=HEADS, dtype=dtype),
        "feed_forward": lambda dtype: FeedForward(hidden=16, dtype=dtype),
        "block": lambda dtype: PreNormBlock(sizes=Sizes(heads=HEADS, hidden=16, dtype=dtype)),
        "dense": lambda dtype: Dense(features=5, dtype=dtype),
    }[name]
    x, mask = draw(7)
    rest = (Bidirectional()(jnp.asarray(mask)),) if name in ("attention", "block") else ()
    params = random_params(make("float32"), x, *rest)
    exact = np.asarray(run(make("float32"), params, x, *rest))
    narrow = run(make("bfloat16"), params, jnp.asarray(x, jnp.bfloat16), *rest)
    assert narrow.dtype == jnp.bfloat16
    gap = np.abs(np.asarray(narrow, np.float32) - exact)
    assert 0 < np.sqrt(np.mean(gap**2)) < 0.03 * np.sqrt(np.mean(exact**2))


def test_a_block_is_two_residual_branches():
    x, mask = draw(8)
    allowed = Bidirectional()(jnp.asarray(mask))
    module = PreNormBlock(sizes=Sizes(heads=HEADS, hidden=16))
    params = random_params(module, x, allowed)
    y = run(module, params, x, allowed)
    p = wide(params)
    for b in range(B):
        may = np.broadcast_to(mask[b], (T, T))
        normed = layer_norm(p["attention_norm"], x[b])
        h = x[b] + attend(params["attention"], normed, normed, may)
        inner = gelu(dense(p["feed_forward"]["expand"], layer_norm(p["feed_forward_norm"], h)))
        expected = h + dense(p["feed_forward"]["output"], inner)
        np.testing.assert_allclose(y[b], expected, rtol=1e-3, atol=1e-4)


def layer_norm(p: dict, x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    centred = x - x.mean(-1, keepdims=True)
    return p["scale"] * centred / np.sqrt(x.var(-1, keepdims=True) + 1e-6) + p["bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def test_layer_norm():
    x, _ = draw(9)
    x = 5 * x + 300  # a mean far from zero: the variance must not be a difference of squares
    params = random_params(LayerNorm(), x)
    expected = layer_norm(wide(params), x)
    np.testing.assert_allclose(run(LayerNorm(), params, x), expected, rtol=1e-3, atol=1e-4)


def test_gated_feed_forward_multiplies_a_bent_half_with_the_other():
    x, _ = draw(10)
    module = GatedFeedForward(hidden=6)
    params = random_params(module, x)
    p = wide(params)
    both = dense(p["expand"], x.astype(np.float64))
    expected = dense(p["output"], gelu(both[..., :6]) * both[..., 6:])
    np.testing.assert_allclose(run(module, params, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        (GELU(), gelu),
        (ExactGELU(), lambda x: x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))),
        (ReLU(), lambda x: np.maximum(x, 0)),
        (SiLU(), lambda x: x / (1 + np.exp(-x))),
        (Tanh(), np.tanh),
    ],
    ids=lambda value: type(value).__name__,
)
def test_activations(activation, function):
    x = np.linspace(-6, 6, 101)
    y = activation(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(y, function(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_linear_maps_gradient_is_the_plain_formulas(dtype):
    """`dx = dy Wᵀ`, `dW = xᵀ dy`, `db = Σ dy`, through whatever rule the layer has of its own."""
    x, _ = draw(11)
    module = Dense(features=5, dtype=dtype)
    params = random_params(module, x)
    slope = np.random.default_rng(12).normal(size=(B, T, 5)).astype(np.float32)

    def total(params, x):
        return jnp.sum(slope * module.apply({"params": params}, x).astype(jnp.float32))

    of_params, of_x = jax.jit(jax.grad(total, argnums=(0, 1)))(params, x)
    flat, flat_slope = x.reshape(-1, W).astype(np.float64), slope.reshape(-1, 5)
    tolerance = {"float32": 1e-5, "bfloat16": 0.06}[dtype]
    close = functools.partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    close(of_x, slope @ np.asarray(params["kernel"], np.float64).T)
    close(of_params["kernel"], flat.T @ flat_slope)
    close(of_params["bias"], flat_slope.sum(axis=0))
    assert {leaf.dtype for leaf in jax.tree.leaves((of_params, of_x))} == {jnp.dtype("float32")}


def test_a_width_that_heads_do_not_divide_is_refused():
    x, mask = draw()
    with pytest.raises(UsageError, match="width of 8 cannot be cut into 3 heads of equal size"):
        random_params(SelfAttention(heads=3), x, Bidirectional()(jnp.asarray(mask)))
