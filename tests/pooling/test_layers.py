"""Poolings over layers, ends of texts, inner attention and small networks beside their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.nn import NoPosition
from jaxemb.pooling import (
    BothEnds,
    ConvolutionPooling,
    EachToken,
    FirstTokens,
    InnerAttention,
    LastToken,
    LayerConcatenation,
    LayerMean,
    LayerMix,
    Mean,
    Trimmed,
)

RNG = np.random.default_rng()
D, B, T, W = 4, 3, 6, 8
LENGTHS = (6, 3, 1)
MASK = jnp.asarray(np.arange(T) < np.array(LENGTHS)[:, None])
STATES = RNG.normal(size=(D, B, T, W))
DIRTY = jnp.asarray(np.where(MASK[..., None], STATES, np.nan), jnp.float32)
TEXTS = [STATES[:, b, :n] for b, n in enumerate(LENGTHS)]


def pooled(pooling, params=None, states=DIRTY, mask=MASK):
    return np.asarray(jax.jit(pooling.apply)({"params": params or {}}, states, mask))


def normals(pooling, states=DIRTY):
    params = jax.eval_shape(pooling.init, jax.random.key(0), states, MASK)["params"]
    return jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape), jnp.float32), params)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def wide(tree):
    return jax.tree.map(lambda p: np.asarray(p, np.float64), tree)


def test_a_mix_of_layers_is_its_formula_and_cut_models_mix_what_is_left():
    pooling = LayerMix()
    params = normals(pooling)
    for depth in (D, 2):
        weights = float(params["scale"]) * softmax(np.asarray(params["weight"], np.float64)[:depth])
        expected = [np.einsum("n,ntw->tw", weights, h[:depth]).mean(0) for h in TEXTS]
        np.testing.assert_allclose(pooled(pooling, params, DIRTY[:depth]), expected, atol=1e-5)
    fresh = jax.jit(pooling.init)(jax.random.key(0), DIRTY[:2], MASK)["params"]
    with pytest.raises(UsageError, match="knows 2 layers, not 4"):
        pooled(pooling, fresh)


@pytest.mark.parametrize("layers", [(0, -1), (-2, -1), (1,), (9, -9)])
def test_a_mean_of_some_layers(layers):
    places = {9: D - 1, -9: 0}
    expected = [np.mean([h[places.get(n, n)] for n in layers], 0).mean(0) for h in TEXTS]
    np.testing.assert_allclose(pooled(LayerMean(layers=layers)), expected, atol=1e-5)
    with pytest.raises(UsageError, match="needs layers"):
        pooled(LayerMean(layers=()))


def test_each_head_of_inner_attention_is_a_weighted_mean():
    pooling = InnerAttention(heads=3, hidden=5)
    params = normals(pooling)
    v, said = pooling.apply({"params": params}, DIRTY, MASK, mutable=["extra"])
    (attention,), own = said["extra"]["attention"], wide(params)
    assert attention.shape == (B, 3, T)
    for b, h in enumerate(TEXTS):
        hidden = np.tanh(h[-1] @ own["project"]["kernel"] + own["project"]["bias"])
        weights = softmax(hidden @ own["query"], axis=0)
        np.testing.assert_allclose(v[b], (weights.T @ h[-1]).ravel(), atol=1e-5)
        np.testing.assert_allclose(attention[b, :, : len(weights)], weights.T, atol=1e-5)
        assert not np.asarray(attention[b, :, len(weights) :]).any()


def test_both_ends_read_half_a_state_each_wherever_padding_stands():
    expected = [np.concatenate([h[-1, -1, :4], h[-1, 0, 4:]]) for h in TEXTS]
    np.testing.assert_allclose(pooled(BothEnds()), expected, atol=1e-6)
    left = jnp.stack([jnp.roll(DIRTY[:, b], T - n, axis=1) for b, n in enumerate(LENGTHS)], 1)
    np.testing.assert_allclose(pooled(BothEnds(), None, left, MASK[:, ::-1]), expected, atol=1e-6)
    with pytest.raises(UsageError, match="two passes"):
        pooled(BothEnds(), states=DIRTY[..., :3])


def test_first_tokens_stand_one_after_the_other():
    expected = np.zeros((B, 4, W))
    for b, h in enumerate(TEXTS):
        expected[b, : min(4, h.shape[1])] = h[-1, :4]
    np.testing.assert_allclose(pooled(FirstTokens(tokens=4)), expected.reshape(B, -1), atol=1e-6)
    few = pooled(FirstTokens(tokens=4), states=DIRTY[:, :, :2], mask=MASK[:, :2])
    assert few.shape == (B, 4 * W) and not few[:, 2 * W :].any()


@pytest.mark.parametrize(("first", "last"), [(1, 0), (0, 2), (1, 1)])
def test_marks_are_left_out(first, last):
    expected = [
        h[-1, first : h.shape[1] - last].mean(0) if h.shape[1] > first + last else np.zeros(W)
        for h in TEXTS
    ]
    found = pooled(Trimmed(first=first, last=last))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    if first:
        other = DIRTY.at[:, :, 0].add(jnp.asarray(RNG.normal(size=W), jnp.float32))
        np.testing.assert_array_equal(pooled(Trimmed(first=first, last=last), states=other), found)


def test_convolutions_that_do_nothing_leave_the_mean():
    pooling = ConvolutionPooling(convolutions=2)
    params = jax.tree.map(
        jnp.zeros_like, jax.jit(pooling.init)(jax.random.key(0), DIRTY, MASK)["params"]
    )
    for n in range(2):
        kernel = params[f"convolution_{n}"]["kernel"]
        params[f"convolution_{n}"]["kernel"] = kernel.at[1].set(jnp.eye(W))
    positive = jnp.abs(DIRTY)  # relu changes nothing of these
    np.testing.assert_allclose(
        pooled(pooling, params, positive), pooled(Mean(), None, positive), atol=1e-6
    )


def test_convolutions_read_neighbours_and_padding_is_zero_after_each():
    pooling = ConvolutionPooling(convolutions=2)
    params = normals(pooling)
    own = wide(params)
    for b, h in enumerate(TEXTS):
        h = h[-1]
        for n in range(2):
            layer, padded = own[f"convolution_{n}"], np.pad(h, ((1, 1), (0, 0)))
            h = sum(padded[k : k + len(h)] @ layer["kernel"][k] for k in range(3))
            h = np.maximum(h + layer["bias"], 0)
        np.testing.assert_allclose(pooled(pooling, params)[b], h.mean(0), rtol=1e-4, atol=1e-4)


def test_wrappers_say_which_items_their_inner_pooling_gives():
    for pooling in (
        LayerMix(inner=EachToken()),
        LayerMean(inner=EachToken()),
        LayerConcatenation(inner=EachToken()),
        ConvolutionPooling(inner=EachToken()),
    ):
        np.testing.assert_array_equal(pooling.items(MASK), MASK)
    trimmed = Trimmed(first=1, inner=EachToken())
    np.testing.assert_array_equal(trimmed.items(MASK), MASK.at[:, 0].set(False))
    assert LayerMix().items(MASK) is None and Trimmed(inner=LastToken()).items(MASK) is None


def test_a_mark_s_state_matters_to_others_but_not_by_itself():
    """Through the encoder the first token is still read; it is only not in the mean."""
    encoder = Transformer(layers=1, width=W, heads=2, position=NoPosition())
    x = jnp.asarray(STATES[0], jnp.float32)
    variables = jax.jit(encoder.init)(jax.random.key(0), x, MASK)
    v = [
        pooled(Trimmed(), None, jax.jit(encoder.apply)(variables, y, MASK), MASK)
        for y in (x, x.at[:, 0].add(jnp.arange(W)))
    ]
    assert np.abs(v[0] - v[1])[0].max() > 1e-4
