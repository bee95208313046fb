"""Encoders: every depth's state, truncation, what a layer may read, and derivatives."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Bag, Transformer
from jaxemb.nn import (
    Bidirectional,
    Causal,
    LayerNorm,
    Learned,
    NoNorm,
    NoPosition,
    PreNormBlock,
    RMSNorm,
    Rotary,
    Sinusoidal,
    Sizes,
)

B, T, W = 3, 6, 8
SMALL = Transformer(
    layers=3, width=W, heads=2, hidden=12, position=Learned(max_tokens=10), norm=LayerNorm()
)


def draw(seed: int = 0) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(seed)
    mask = np.arange(T) < np.array([1, T, rng.integers(2, T)])[:, None]
    return jnp.asarray(rng.normal(size=(B, T, W)), jnp.float32), jnp.asarray(mask)


@functools.cache
def random_params(encoder: Transformer) -> dict:
    """Every parameter drawn anew, at a size at which each layer changes its input a lot."""
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), *draw())["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape) / 2, jnp.float32), shapes)


@functools.partial(jax.jit, static_argnums=0)
def encode(encoder, params, x, mask, keys=None):
    return encoder.apply({"params": params}, x, mask, keys)


def nudge(seed: int = 0) -> jax.Array:
    """Not a constant: norms take constants out."""
    return jnp.asarray(np.random.default_rng(seed).normal(size=W), jnp.float32)


def norm(params: dict, x: jax.Array) -> np.ndarray:
    x = np.asarray(x, np.float64)
    centred = x - x.mean(-1, keepdims=True)
    return params["scale"] * centred / np.sqrt(x.var(-1, keepdims=True) + 1e-6) + params["bias"]


def test_each_state_is_the_normed_output_of_one_more_block():
    x, mask = draw()
    params = random_params(SMALL)
    states = encode(SMALL, params, x, mask)
    block = PreNormBlock(sizes=Sizes(heads=2, hidden=12))
    apply = jax.jit(lambda p, h: block.apply({"params": p}, h, Bidirectional()(mask)))
    h = x + params["position"]["embedding"][:T]
    assert len(states) == SMALL.depth == 3
    for n, state in enumerate(states):
        h = apply(params[f"block_{n}"], h)
        np.testing.assert_allclose(state, norm(params["norm"], h), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("position", [Learned(max_tokens=10), Rotary()], ids=["learned", "rotary"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_truncated_encoder_gives_the_same_states_to_the_bit(layers, position):
    encoder = dataclasses.replace(SMALL, position=position)
    x, mask = draw(1)
    params = random_params(encoder)
    cut = encoder.truncated(layers)
    assert cut.depth == layers
    whole = encode(encoder, params, x, mask)
    np.testing.assert_array_equal(encode(cut, params, x, mask), whole[:layers])


def test_a_truncated_encoder_drops_out_the_same_elements():
    x, mask = draw(2)
    keys = jax.random.split(jax.random.key(3), B)
    params = random_params(SMALL)
    whole = encode(SMALL, params, x, mask, keys)
    np.testing.assert_array_equal(encode(SMALL.truncated(2), params, x, mask, keys), whole[:2])


@pytest.mark.parametrize("layers", [0, 4])
def test_layers_that_are_not_there_are_refused(layers):
    with pytest.raises(UsageError, match=f"Cannot keep {layers} of 3 layers; keep 1 to 3"):
        SMALL.truncated(layers)


def test_a_causal_state_does_not_change_when_text_follows():
    encoder = dataclasses.replace(SMALL, mask=Causal())
    x, _ = draw(4)
    full = jnp.ones((B, T), bool)
    params = random_params(encoder)
    for t in (1, 4):
        other = x.at[:, t:].add(nudge())
        before, after = encode(encoder, params, x, full), encode(encoder, params, other, full)
        np.testing.assert_array_equal(before[:, :, :t], after[:, :, :t])
        assert np.abs(before[-1, :, t:] - after[-1, :, t:]).max(axis=-1).min() > 1e-3


def test_every_real_token_reaches_every_other_under_the_default_mask():
    x, mask = draw(5)
    params = random_params(SMALL)
    before = encode(SMALL, params, x, mask)
    for t in range(T):
        after = encode(SMALL, params, x.at[:, t].add(nudge()), mask)
        moved = np.abs(after - before).max(axis=(0, 3))
        reads = np.asarray(mask & mask[:, t : t + 1])
        assert moved[reads].min() > 1e-4
        deaf = np.asarray(mask & ~mask[:, t : t + 1])
        np.testing.assert_array_equal(moved[deaf], 0)


@pytest.mark.parametrize(
    "position",
    [NoPosition(), Learned(max_tokens=10), Sinusoidal(), Rotary()],
    ids=["none", "learned", "sinusoidal", "rotary"],
)
def test_order_is_known_through_the_position_alone(position):
    encoder = dataclasses.replace(SMALL, position=position)
    x, _ = draw(6)
    full, order = jnp.ones((B, T), bool), np.array([2, 0, 5, 1, 4, 3])
    params = random_params(encoder)
    apart = (
        encode(encoder, params, x[:, order], full) - encode(encoder, params, x, full)[:, :, order]
    )
    is_bag = np.abs(apart).max() < 1e-4
    assert is_bag == isinstance(position, NoPosition)


def test_dropout_needs_keys_and_depends_on_the_example_alone():
    encoder = dataclasses.replace(SMALL, dropout=0.3)
    x, mask = draw(7)
    keys = jax.random.split(jax.random.key(1), B)
    params = random_params(encoder)
    plain, dropped = encode(encoder, params, x, mask), encode(encoder, params, x, mask, keys)
    assert np.all(np.asarray(mask) <= (np.abs(plain - dropped).max(axis=(0, 3)) > 0))
    order = np.array([2, 0, 1])
    moved = encode(encoder, params, x[order], mask[order], keys[order])
    np.testing.assert_allclose(moved, dropped[:, order], rtol=1e-4, atol=1e-5)
    none = dataclasses.replace(encoder, dropout=0.0)
    np.testing.assert_array_equal(encode(none, params, x, mask, keys), plain)


def test_bfloat16_keeps_float32_parameters_and_is_close():
    narrow = dataclasses.replace(SMALL, dtype="bfloat16")
    x, mask = draw(8)
    params = random_params(SMALL)
    shapes = jax.eval_shape(narrow.init, jax.random.key(0), x, mask)["params"]
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    exact, rough = encode(SMALL, params, x, mask), encode(narrow, params, x, mask)
    assert rough.dtype == jnp.bfloat16
    gap = np.asarray(rough, np.float32) - exact
    assert 0 < np.sqrt(np.mean(gap**2)) < 0.08 * np.sqrt(np.mean(np.square(exact)))


def test_the_gradient_is_that_of_finite_differences():
    """Along random directions of all parameters and inputs: every rule of its own is covered."""
    encoder = dataclasses.replace(SMALL, layers=2)
    x, mask = draw(9)
    params = jax.tree.map(lambda p: p / 2, random_params(encoder))
    weights = np.random.default_rng(2).normal(size=(2, B, T, W)).astype(np.float32)

    @jax.jit
    def total(params, x):
        return jnp.sum(weights * encode(encoder, params, x, mask))

    slope = jax.jit(jax.grad(total, argnums=(0, 1)))(params, x)
    rng, step = np.random.default_rng(3), 3e-3
    for _ in range(5):
        way = jax.tree.map(lambda p: rng.normal(size=p.shape).astype(np.float32), (params, x))
        way = jax.tree.map(lambda w, p: w * np.sqrt(np.mean(np.square(p)) + 1e-3), way, (params, x))
        ahead, behind = (
            float(total(*jax.tree.map(lambda p, w, s=sign: p + s * step * w, (params, x), way)))
            for sign in (1, -1)
        )
        along = sum(
            float(np.vdot(a, b))
            for a, b in zip(jax.tree.leaves(slope), jax.tree.leaves(way), strict=True)
        )
        scale = np.sqrt(
            sum(
                np.sum(np.square(a * b))
                for a, b in zip(jax.tree.leaves(slope), jax.tree.leaves(way), strict=True)
            )
        )
        assert abs((ahead - behind) / (2 * step) - along) < 0.02 * scale


def test_untrained_states_are_near_their_tokens_and_the_last_one_has_read_the_others():
    encoder = Transformer(layers=3, width=64, heads=2, position=NoPosition(), mask=Causal())
    x, mask = jax.random.normal(jax.random.key(1), (4, 9, 64)), jnp.ones((4, 9), bool)
    x = x.at[:, -1].set(0.0)  # what marks a text's end is the same for all texts
    variables = jax.jit(encoder.init)(jax.random.key(0), x, mask)
    states = np.asarray(encode(encoder, variables["params"], x, mask))[-1]

    def unit(v):
        return v / np.linalg.norm(v, axis=-1, keepdims=True)

    nearness = np.sum(unit(states[:, :-1]) * unit(np.asarray(x[:, :-1])), axis=-1)
    assert nearness.mean() > 0.6
    last = unit(states[:, -1])
    assert np.abs(last @ last.T - np.eye(4)).max() < 0.95


@pytest.mark.parametrize("norm", [NoNorm(), LayerNorm(), RMSNorm()])
def test_one_norm_reads_every_depth(norm):
    """Random scales and biases, so that a norm left out at some depth would show."""
    plain = dataclasses.replace(SMALL, norm=NoNorm())
    normed = dataclasses.replace(SMALL, norm=norm)
    x, mask = draw()
    params = random_params(normed)
    raw = encode(plain, params, x, mask)
    expected = jax.jit(norm.apply)({"params": params.get("norm", {})}, raw)
    np.testing.assert_allclose(encode(normed, params, x, mask), expected, rtol=1e-4, atol=1e-4)


def test_a_bag_is_its_tokens_and_has_one_depth():
    x, mask = draw(11)
    bag = Bag(width=W)
    states, variables = bag.init_with_output(jax.random.key(0), x, mask)
    assert not variables
    assert bag.depth == 1
    np.testing.assert_array_equal(states, x[None])
    assert bag.truncated(1) == bag
    with pytest.raises(UsageError, match="1 layer to keep, not 2"):
        bag.truncated(2)
