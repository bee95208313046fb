"""A decoder over an encoder's states: its first step, ordinary decoding, padding, and its attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.encoders import Bag, EncoderDecoder, Transformer
from jaxemb.encoders.encoder_decoder import shifted
from jaxemb.nn import Decoder, EncoderDecoderAttention, NoPosition
from jaxemb.pooling import FirstDecoderStep, FirstToken, Mean

RNG = np.random.default_rng()
B, T, W = 3, 6, 8
LENGTHS = (6, 4, 2)
MASK = jnp.asarray(np.arange(T) < np.array(LENGTHS)[:, None])
X = jnp.asarray(RNG.normal(size=(B, T, W)), jnp.float32)
INNER = Transformer(layers=1, width=W, heads=2, position=NoPosition())
ENCODER = EncoderDecoder(inner=INNER, layers=2, heads=2)
PARAMS = jax.tree.map(
    lambda p: jnp.asarray(RNG.normal(size=p.shape) / 2, jnp.float32),
    jax.eval_shape(ENCODER.init, jax.random.key(0), X, MASK)["params"],
)
apply = jax.jit(lambda x, mask: ENCODER.apply({"params": PARAMS}, x, mask))
inner = jax.jit(lambda x, mask: INNER.apply({"params": PARAMS["inner"]}, x, mask))


@pytest.fixture(scope="module")
def states():
    return apply(X, MASK)


def test_the_first_state_is_one_step_of_the_decoder(states):
    pooling = FirstDecoderStep(blocks=2, heads=2)
    own = {name: PARAMS[name] for name in ("start", "decoder")}
    step = jax.jit(pooling.apply)({"params": own}, inner(X, MASK), MASK)
    np.testing.assert_allclose(step, FirstToken().apply({}, states, MASK), atol=1e-5)


def test_states_are_those_of_decoding_token_by_token(states):
    """Each token is written after those before it, by a decoder that is called with these alone."""
    decoder = Decoder(layers=2, heads=2)
    read, y = inner(X, MASK)[-1], shifted(X, MASK, PARAMS["start"])
    for t in range(T):
        written = jnp.ones((B, t + 1), bool)
        so_far = jax.jit(decoder.apply)(
            {"params": PARAMS["decoder"]}, y[:, : t + 1], read, written, MASK
        )
        rows = np.array(LENGTHS) > t
        np.testing.assert_allclose(so_far[:, rows, -1], states[:, rows, t], atol=1e-5)


def test_padding_right_or_left_changes_no_vector(states):
    """The encoder tells no positions and the decoder none: a shift of the text is no change."""
    left = jnp.stack([jnp.roll(X[b], T - n, axis=0) for b, n in enumerate(LENGTHS)])
    turned, own = apply(left, MASK[:, ::-1]), inner(left, MASK[:, ::-1])
    for b, n in enumerate(LENGTHS):
        alone = apply(X[b : b + 1, :n], MASK[b : b + 1, :n])[:, 0]
        np.testing.assert_allclose(states[:, b, :n], alone, atol=1e-5)
        np.testing.assert_allclose(turned[:, b, T - n :], alone, atol=1e-5)
        mean = Mean().apply({}, inner(X[b : b + 1, :n], MASK[b : b + 1, :n]), MASK[b : b + 1, :n])
        np.testing.assert_allclose(Mean().apply({}, own, MASK[:, ::-1])[b], mean[0], atol=1e-5)


def test_reading_without_the_mask_would_see_padding():
    everything = jnp.ones_like(MASK)
    decoder, read = Decoder(layers=2, heads=2), inner(X, MASK)[-1]
    first, one = jnp.broadcast_to(PARAMS["start"], (B, 1, W)), jnp.ones((B, 1), bool)
    masked, unmasked = (
        jax.jit(decoder.apply)({"params": PARAMS["decoder"]}, first, read, one, mask)[-1, :, 0]
        for mask in (MASK, everything)
    )
    np.testing.assert_allclose(masked[0], unmasked[0], atol=1e-6)  # this one has no padding
    assert np.abs(masked[1:] - unmasked[1:]).max() > 1e-3


def test_with_no_query_the_mean_of_the_states_is_read():
    layer = EncoderDecoderAttention(heads=2)
    variables = jax.jit(layer.init)(jax.random.key(1), X[:, :2], X, MASK)["params"]
    variables = jax.tree.map(
        lambda p: p + jnp.asarray(RNG.normal(size=p.shape), jnp.float32), variables
    )
    silent = variables | {"query": jax.tree.map(jnp.zeros_like, variables["query"])}
    read = jax.jit(layer.apply)({"params": silent}, X[:, :2], X, MASK)
    mean = np.asarray(Mean().apply({}, X[None], MASK), np.float64)
    for name in ("value", "output"):
        mean = mean @ np.asarray(variables[name]["kernel"]) + variables[name]["bias"]
    np.testing.assert_allclose(read, np.repeat(mean[:, None], 2, axis=1), atol=1e-4)


def test_a_bias_says_how_much_each_state_is_read():
    """The same for all states it changes nothing; very low, the state might as well be padding."""
    layer = EncoderDecoderAttention(heads=2)
    variables = jax.jit(layer.init)(jax.random.key(1), X, X, MASK)
    plain = jax.jit(layer.apply)(variables, X, X, MASK)
    same = jax.jit(layer.apply)(variables, X, X, MASK, jnp.full((B, T), 3.0))
    np.testing.assert_allclose(same, plain, atol=1e-5)
    last = jnp.cumsum(MASK[:, ::-1], 1)[:, ::-1] == 1
    without = jax.jit(layer.apply)(variables, X, X, MASK & ~last)
    np.testing.assert_allclose(
        jax.jit(layer.apply)(variables, X, X, MASK, jnp.where(last, -1e9, 0.0)), without, atol=1e-5
    )


def test_its_width_is_that_of_the_encoder():
    assert EncoderDecoder(inner=Bag(width=24)).width == 24
