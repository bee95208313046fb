"""Deep averaging networks: words left out for each example, n-grams, and the order of words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Bag, Transformer, WordDropout
from jaxemb.heads import FeedForwardHead
from jaxemb.model import Embedder
from jaxemb.nn import ReLU
from jaxemb.pooling import Mean, RootLengthSum
from jaxemb.text import TextBatch, Words
from jaxemb.tokens import HashedNgrams, TokenTable

RNG = np.random.default_rng()
B, T, W = 4, 7, 5
LENGTHS = np.array([7, 5, 3, 1])
MASK = jnp.asarray(np.arange(T) < LENGTHS[:, None])
IDS = jnp.where(MASK, jnp.asarray(RNG.integers(5, 30, (B, T))), 0)
KEYS = jax.random.split(jax.random.key(RNG.integers(2**31)), B)


def network(tokens) -> Embedder:
    return Embedder(
        text=Words(vocabulary=30, max_tokens=T),
        tokens=tokens,
        encoder=WordDropout(inner=Bag(width=W), rate=0.4),
        pooling=Mean(),
        head=FeedForwardHead(dims=(6, 4)),
    )


def test_it_is_the_mean_of_the_words_that_were_kept_then_layers():
    embedder = network(TokenTable())
    params = jax.jit(embedder.init)(jax.random.key(0))
    states = np.asarray(embedder.states(params, TextBatch(IDS, MASK), keys=KEYS))[0]
    found = jax.jit(embedder.apply)(params, TextBatch(IDS, MASK), keys=KEYS)
    table = np.asarray(params["tokens"]["embedding"], np.float64)
    for b, n in enumerate(LENGTHS):
        kept = np.abs(states[b, :n]).max(1) > 0
        assert kept.any()
        v = table[np.asarray(IDS)[b, :n][kept]].mean(0)
        for layer in ("layer_0", "layer_1"):
            own = params["head"][layer]
            v = np.maximum(v @ np.asarray(own["kernel"], np.float64) + np.asarray(own["bias"]), 0)
        np.testing.assert_allclose(found[b], v, atol=1e-5)


def test_words_are_left_out_at_the_rate_and_each_text_loses_its_own():
    texts, tokens = 400, 50
    mask = jnp.ones((texts, tokens), bool)
    keys = jax.random.split(jax.random.key(1), texts)
    states = jax.jit(WordDropout(inner=Bag(width=1), rate=0.3).apply)(
        {}, jnp.ones((texts, tokens, 1)), mask, keys
    )
    left_out = np.asarray(states[0, ..., 0] == 0)
    deviation = np.sqrt(0.3 * 0.7 / left_out.size)
    assert abs(left_out.mean() - 0.3) < 5 * deviation
    assert len({row.tobytes() for row in left_out}) == texts
    np.testing.assert_allclose(states.mean(2), 1, rtol=1e-5)  # whatever was left out
    assert (
        jax.jit(WordDropout(inner=Bag(width=1)).apply)({}, states[0], mask).mean() == states.mean()
    )


def test_what_is_left_out_is_not_read_by_the_others():
    """A transformer sees the text as if the words were not there."""
    inner = Transformer(layers=1, width=8, heads=2)
    encoder = WordDropout(inner=inner, rate=0.5)
    x = jnp.asarray(RNG.normal(size=(B, T, 8)), jnp.float32)
    variables = jax.jit(encoder.init)(jax.random.key(0), x, MASK)
    states = jax.jit(encoder.apply)(variables, x, MASK, KEYS)
    kept = jnp.abs(states[0]).max(-1) > 0
    clean = x + jnp.where(kept[..., None], 0, 100.0)
    np.testing.assert_allclose(
        jax.jit(encoder.apply)(variables, clean, MASK, KEYS), states, atol=1e-4
    )
    assert not kept[:2].all()


def test_only_n_grams_tell_the_order_of_words():
    order = RNG.permutation(T)
    while (order == np.arange(T)).all():
        order = RNG.permutation(T)
    ids = RNG.permutation(np.arange(5, 30))[:T]
    batch = TextBatch(jnp.asarray([ids, ids[order]]), jnp.ones((2, T), bool))
    for tokens, same in ((TokenTable(), True), (HashedNgrams(buckets=1000), False)):
        embedder = network(tokens)
        one, other = jax.jit(embedder.apply)(jax.jit(embedder.init)(jax.random.key(0)), batch)
        assert np.allclose(one, other, atol=1e-5) == same


def test_a_sum_by_the_root_of_the_length_is_so_much_longer_than_the_mean():
    states = jnp.asarray(RNG.normal(size=(1, B, T, W)), jnp.float32)
    mean, by_root = (
        jax.jit(pooling.apply)({}, states, MASK) for pooling in (Mean(), RootLengthSum())
    )
    np.testing.assert_allclose(by_root, mean * np.sqrt(LENGTHS)[:, None], rtol=1e-5, atol=1e-6)


def test_layers_have_their_nonlinearity_and_rates_are_checked():
    assert FeedForwardHead().activation == ReLU()
    with pytest.raises(UsageError, match="must lie in"):
        jax.jit(WordDropout(rate=1.0).apply)({}, jnp.ones((1, 2, 128)), jnp.ones((1, 2), bool))


def test_a_cut_one_leaves_out_the_same_words():
    inner = Transformer(layers=3, width=8, heads=2)
    encoder = WordDropout(inner=inner, rate=0.5)
    x = jnp.asarray(RNG.normal(size=(B, T, 8)), jnp.float32)
    variables = jax.jit(encoder.init)(jax.random.key(0), x, MASK)
    assert (encoder.depth, encoder.layers, encoder.width) == (3, 3, 8)
    whole = jax.jit(encoder.apply)(variables, x, MASK, KEYS)
    np.testing.assert_array_equal(
        jax.jit(encoder.truncated(2).apply)(variables, x, MASK, KEYS), whole[:2]
    )
