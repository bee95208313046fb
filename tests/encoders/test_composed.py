"""What a transformer is composed of: layers of their own, shared layers, padding, segments, JSON."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import from_json, to_json
from jaxemb.encoders import Layer, PostNormTransformer, SharedTransformer, Transformer
from jaxemb.nn import (
    Bidirectional,
    Causal,
    GatedMLP,
    LayerNorm,
    Learned,
    MultiHead,
    NoNorm,
    PostNorm,
    PreNorm,
    RelativeBuckets,
    RMSNorm,
    Rotary,
    SiLU,
    Sinusoidal,
    Window,
    WithinSegment,
)

B, T, W = 3, 6, 8
MODERN = Transformer(
    layers=3,
    width=W,
    heads=4,
    hidden=10,
    activation=SiLU(),
    mask=Causal(),
    position=Rotary(),
    norm=RMSNorm(),
    embedding_scale=W**0.5,
    block=PreNorm(
        branch_norm=RMSNorm(),
        attention=MultiHead(key_value_heads=2, biases=(), query_key_norm=RMSNorm()),
        feed_forward=GatedMLP(),
    ),
)


def draw(seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(B, T, W)), jnp.float32)


def random_params(encoder, mask=None):
    mask = jnp.ones((B, T), bool) if mask is None else mask
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), draw(), mask)["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape) / 2, jnp.float32), shapes)


@functools.partial(jax.jit, static_argnums=0)
def run(encoder, params, x, mask):
    return encoder.apply({"params": params}, x, mask)


def encode(encoder, params, x, mask):
    return np.asarray(run(encoder, params, x, mask))


def test_layers_of_their_own_are_layers_of_other_transformers():
    """Layer 0 reads both ways with another base, layers 1 and 2 as the transformer says."""
    own = Layer(mask=Bidirectional(), position=Rotary(base=100.0))
    mixed = dataclasses.replace(MODERN, norm=NoNorm(), pattern=(own, Layer(), Layer()))
    first = dataclasses.replace(
        MODERN, layers=1, mask=own.mask, position=own.position, norm=NoNorm()
    )
    others = dataclasses.replace(MODERN, layers=2, norm=NoNorm(), embedding_scale=1.0)
    params, x, full = random_params(mixed), draw(), jnp.ones((B, T), bool)
    (h,) = encode(first, {"block_0": params["block_0"]}, x, full)
    rest = encode(others, {f"block_{n}": params[f"block_{n + 1}"] for n in (0, 1)}, h, full)
    found = encode(mixed, params, x, full)
    np.testing.assert_allclose(found, [h, *rest], rtol=1e-4, atol=1e-5)
    cut = encode(mixed.truncated(2), params, x, full)
    np.testing.assert_array_equal(cut, found[:2])


def test_a_block_of_its_own_has_its_own_parameters():
    bare = Layer(block=dataclasses.replace(MODERN.block, attention_norm=NoNorm()))
    params = random_params(dataclasses.replace(MODERN, pattern=(bare, Layer(), Layer())))
    assert ["attention_norm" in params[f"block_{n}"] for n in range(3)] == [False, True, True]


@pytest.mark.parametrize("repeats", [None, 2])
def test_shared_layers_are_one_block_again_and_again(repeats):
    shared = SharedTransformer(layers=4, width=W, heads=2, repeats=repeats, position=Rotary())
    plain = Transformer(layers=4, width=W, heads=2, position=Rotary())
    params, x, full = random_params(shared), draw(), jnp.ones((B, T), bool)
    assert list(params) == (["block_0"] if repeats is None else ["block_0", "block_1"])
    spread = {f"block_{n}": params[f"block_{n // (repeats or 4)}"] for n in range(4)}
    expected = encode(plain, spread, x, full)
    np.testing.assert_allclose(encode(shared, params, x, full), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(
        encode(shared.truncated(3), params, x, full), encode(shared, params, x, full)[:3]
    )


def test_layers_of_one_block_drop_other_elements():
    shared = SharedTransformer(layers=2, width=W, heads=2, dropout=0.5)
    keys = jax.random.split(jax.random.key(0), B)
    drawn = shared.apply({}, 0, keys, method="_keys"), shared.apply({}, 1, keys, method="_keys")
    assert np.all(jax.random.key_data(drawn[0]) != jax.random.key_data(drawn[1]))


POSITIONS = {
    "learned": Learned(max_tokens=9),
    "sinusoidal": Sinusoidal(),
    "rotary": Rotary(),
    "buckets": RelativeBuckets(buckets=8, farthest=6),
}


@pytest.mark.parametrize("mask", [Bidirectional(), Window(inner=Causal(), reach=2)])
@pytest.mark.parametrize("name", POSITIONS)
def test_padding_on_the_left_is_as_good_as_on_the_right(name, mask):
    encoder = dataclasses.replace(MODERN, layers=2, position=POSITIONS[name], mask=mask)
    params, x = random_params(encoder), draw()
    lengths = np.array([1, T, 4])
    right = np.arange(T) < lengths[:, None]
    left = np.arange(T) >= T - lengths[:, None]
    moved = jnp.stack([jnp.roll(row, T - n, axis=0) for row, n in zip(x, lengths, strict=True)])
    states = encode(encoder, params, x, jnp.asarray(right))
    others = encode(encoder, params, moved, jnp.asarray(left))
    np.testing.assert_allclose(others[:, left], states[:, right], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("inner", [Bidirectional(), Causal()])
@pytest.mark.parametrize("name", POSITIONS)
def test_packed_rows_are_texts_by_themselves(name, inner):
    mask = WithinSegment(inner=inner)
    encoder = dataclasses.replace(MODERN, layers=2, position=POSITIONS[name], mask=mask)
    x, segments = draw(2), jnp.array([[1, 1, 1, 2, 2, 0], [1, 2, 2, 3, 3, 3], [0, 1, 1, 1, 2, 2]])
    params = random_params(encoder, segments)
    packed = encode(encoder, params, x, segments)
    for b in range(B):
        for number in range(1, int(segments[b].max()) + 1):
            place = np.flatnonzero(segments[b] == number)
            text = jnp.zeros_like(x).at[0, : len(place)].set(x[b, place])
            one = jnp.zeros_like(segments).at[0, : len(place)].set(1)
            alone = encode(encoder, params, text, one)[:, 0, : len(place)]
            np.testing.assert_allclose(packed[:, b, place], alone, rtol=1e-3, atol=1e-4)


def test_json_keeps_every_form():
    pattern = (Layer(mask=Window(reach=3), position=Rotary(base=9.0)), Layer(block=PostNorm()))
    encoder = dataclasses.replace(MODERN, pattern=pattern)
    again = from_json(to_json(encoder))
    assert again == encoder and hash(again) == hash(encoder)


def test_json_of_before_there_were_blocks_still_loads():
    old = {"part": "jaxemb.encoders.Transformer", "layers": 3, "width": 8, "heads": 2}
    assert from_json(old) == Transformer(layers=3, width=8, heads=2)
    bert = {
        "part": "jaxemb.encoders.PostNormTransformer", "layers": 1, "width": 8, "heads": 2,
        "hidden": None, "mask": {"part": "jaxemb.nn.Bidirectional"}, "dropout": 0.2,
        "activation": {"part": "jaxemb.nn.ExactGELU"}, "epsilon": 1e-5, "dtype": "float32",
    }  # fmt: skip
    norm = LayerNorm(epsilon=1e-5)
    assert from_json(bert) == PostNormTransformer(
        layers=1,
        width=8,
        heads=2,
        dropout=0.2,
        embedding_norm=norm,
        block=PostNorm(branch_norm=norm),
    )
    assert from_json(bert | {"epsilon": 1e-12}) == PostNormTransformer(
        layers=1, width=8, heads=2, dropout=0.2
    )
