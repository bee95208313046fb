"""Poolings that give several vectors for a text: which, in what order, and how scores learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.nn import Decoder
from jaxemb.pooling import EachToken, SelectedTokens, WithoutPrompt
from jaxemb.text import TextBatch
from tests import contracts

RNG = np.random.default_rng()
D, B, T, W = 2, 4, 10, 6
LENGTHS = (10, 7, 3, 0)
MASK = jnp.asarray(np.arange(T) < np.array(LENGTHS)[:, None])
STATES = RNG.normal(size=(D, B, T, W))
DIRTY = jnp.asarray(np.where(MASK[..., None], STATES, np.nan), jnp.float32)


def drawn(pooling):
    params = jax.jit(pooling.init)(jax.random.key(0), DIRTY, MASK)["params"]
    return jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape), jnp.float32), params)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("layer", [0, -1])
def test_selected_tokens_are_numpy_s_best_in_their_order(share, layer):
    pooling = SelectedTokens(share=share, layer=layer)
    params = drawn(pooling)
    v = np.asarray(jax.jit(lambda p: pooling.apply({"params": p}, DIRTY, MASK))(params))
    real = np.asarray(pooling.items(MASK))
    assert v.shape[:2] == real.shape == (B, int(np.ceil(round(share * T, 9))))
    for b, n in enumerate(LENGTHS):
        e = STATES[layer, b, :n]
        hidden = np.maximum(
            e @ np.asarray(params["hidden"]["kernel"]) + params["hidden"]["bias"], 0
        )
        scores = (hidden @ np.asarray(params["score"]["kernel"]))[:, 0]
        count = max(1, int(np.ceil(round(share * n, 9)))) if n else 0
        best = np.sort(np.argsort(-scores)[:count])
        assert real[b].sum() == count and real[b, :count].all()
        np.testing.assert_allclose(v[b, :count], STATES[-1, b, best], atol=1e-6)
        assert not v[b, count:].any()


def test_all_tokens_selected_are_each_token():
    pooling = SelectedTokens(share=1.0)
    v = jax.jit(pooling.apply)({"params": drawn(pooling)}, DIRTY, MASK)
    np.testing.assert_array_equal(v, EachToken().apply({}, DIRTY, MASK))
    np.testing.assert_array_equal(pooling.items(MASK), EachToken().items(MASK))


@pytest.mark.parametrize("straight_through", [True, False])
def test_scores_learn_through_a_decoder_and_change_nothing_it_gives(straight_through):
    pooling, decoder = SelectedTokens(share=0.5), Decoder(heads=2)
    params, real = drawn(pooling), pooling.items(MASK)
    y, one = jnp.asarray(RNG.normal(size=(B, 1, W)), jnp.float32), jnp.ones((B, 1), bool)
    written = jax.jit(decoder.init)(
        jax.random.key(1), y, jnp.ones((B, real.shape[1], W)), one, real
    )

    def output(params):
        vectors, said = pooling.apply({"params": params}, DIRTY, MASK, mutable=["extra"])
        bias = said["extra"]["scores"][0] if straight_through else None
        return decoder.apply(written, y, vectors, one, real, bias=bias)

    vectors = jax.jit(pooling.apply)({"params": params}, DIRTY, MASK)
    plain = jax.jit(decoder.apply)(written, y, vectors, one, real)
    np.testing.assert_allclose(output(params), plain, atol=1e-6)
    slope = jax.grad(lambda p: jnp.sum(jnp.sin(output(p))))(params)
    moved = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(slope))
    assert np.isfinite(moved) and (moved > 0) == straight_through


def test_a_share_out_of_range_is_refused():
    for share in (0.0, 1.5):
        with pytest.raises(UsageError, match="above 0"):
            SelectedTokens(share=share).items(MASK)


@pytest.mark.parametrize(
    "pooling", [EachToken(), SelectedTokens(share=0.4), WithoutPrompt(inner=EachToken())]
)
def test_what_every_part_must_do(pooling):
    """Padding, its amount, rows and JSON, as in the table of parts."""
    embedder = contracts.with_part("pooling", pooling)
    lengths = np.array([8, 5, 3, 2])
    mask = jnp.asarray(np.arange(8) < lengths[:, None])
    ids = jnp.where(mask, jnp.asarray(RNG.integers(5, contracts.VOCABULARY, mask.shape)), 0)
    params = jax.jit(embedder.init)(jax.random.key(0))
    apply = jax.jit(embedder.apply)
    vectors, real = apply(params, TextBatch(ids, mask)), pooling.items(mask)
    assert vectors.dtype == jnp.float32 and np.isfinite(vectors).all()
    assert not np.asarray(vectors)[~np.asarray(real)].any()
    dirty = apply(params, TextBatch(jnp.where(mask, ids, 7), mask))
    np.testing.assert_array_equal(vectors, dirty)
    wide = jnp.pad(mask, ((0, 0), (0, 5)))
    wider = apply(params, TextBatch(jnp.pad(ids, ((0, 0), (0, 5))), wide))
    items = vectors.shape[1]
    np.testing.assert_allclose(wider[:, :items], vectors, atol=2e-5)
    assert not np.asarray(pooling.items(wide))[:, items:].any()
    order = jnp.array([2, 0, 3, 1])
    moved = apply(params, TextBatch(ids[order], mask[order]))
    np.testing.assert_allclose(moved, vectors[order], atol=2e-5)
    assert from_json(to_json(embedder)) == embedder
