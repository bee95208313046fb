"""Position encodings against their formulas, and what each promises about shifts and order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.nn import (
    Bidirectional,
    ClippedLearned,
    Learned,
    NoPosition,
    Rotary,
    SelfAttention,
    Sinusoidal,
)

B, T, W = 2, 7, 8


def draw(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def rotate(part: Rotary, x: jax.Array) -> np.ndarray:
    return np.asarray(jax.jit(lambda x: part.apply({}, x, method="rotate"))(x))


def embed(part, x: jax.Array, params: dict | None = None) -> np.ndarray:
    return np.asarray(part.apply({"params": params or {}}, x, method="embed"))


@pytest.mark.parametrize("width", [8, 7])
def test_waves(width):
    x = draw(B, T, width)
    part = Sinusoidal(base=100.0, scale=0.5)
    expected = np.asarray(x, np.float64)
    for t in range(T):
        for i in range(width):
            angle = t / 100.0 ** (2 * (i // 2) / (width + width % 2))
            expected[:, t, i] += 0.5 * (np.cos(angle) if i % 2 else np.sin(angle))
    np.testing.assert_allclose(embed(part, x), expected, rtol=1e-5, atol=1e-5)


def test_rotations_turn_pairs_of_features():
    """As complex numbers: feature `i` and `i + half` times `exp(i t / base^(2i/k))`."""
    x = draw(B, 3, T, W)
    half = W // 2
    wide = np.asarray(x, np.float64)
    angle = np.arange(T)[:, None] * 10000.0 ** (-np.arange(half) / half)
    turned = (wide[..., :half] + 1j * wide[..., half:]) * np.exp(1j * angle)
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    np.testing.assert_allclose(rotate(Rotary(), x), expected, rtol=1e-4, atol=1e-5)


def test_rotated_products_depend_on_the_distance_alone():
    """The same query and key everywhere: every diagonal of the products is constant."""
    query, key = (jnp.broadcast_to(draw(W, seed=s), (1, 1, T, W)) for s in (1, 2))
    products = rotate(Rotary(), query)[0, 0] @ rotate(Rotary(), key)[0, 0].T
    for offset in range(-T + 1, T):
        diagonal = np.diagonal(products, offset)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-4, atol=1e-4)
    assert np.std(products[0]) > 0.1
    np.testing.assert_allclose(products[0, 0], query[0, 0, 0] @ key[0, 0, 0], rtol=1e-5)


def test_rotations_keep_lengths():
    x = draw(B, 3, T, W)
    np.testing.assert_allclose(
        np.linalg.norm(rotate(Rotary(), x), axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-5
    )


def test_learned_positions_are_added_from_the_start_of_the_table():
    x, table = draw(B, T, W), draw(T + 3, W, seed=1)
    part = Learned(max_tokens=T + 3)
    assert jax.eval_shape(lambda: part.init(jax.random.key(0), x, method="embed"))["params"][
        "embedding"
    ].shape == (T + 3, W)
    np.testing.assert_array_equal(embed(part, x, {"embedding": table}), x + table[:T])


def test_a_batch_longer_than_the_table_is_refused():
    with pytest.raises(UsageError, match="7 tokens exceeds the 4 positions of Learned"):
        embed(Learned(max_tokens=4), draw(B, T, W), {"embedding": draw(4, W)})


def test_an_odd_width_cannot_rotate():
    with pytest.raises(UsageError, match="even width per head, not 5"):
        rotate(Rotary(), draw(B, 1, T, 5))


def test_no_position_leaves_everything():
    x = draw(B, T, W)
    np.testing.assert_array_equal(embed(NoPosition(), x), x)
    np.testing.assert_array_equal(NoPosition().apply({}, x[:, None], method="rotate")[:, 0], x)


@pytest.mark.parametrize("part", [Sinusoidal(), Rotary()], ids=["sinusoidal", "rotary"])
def test_a_longer_batch_has_the_same_first_positions(part):
    long = draw(B, 1, 2 * T, W)
    if isinstance(part, Rotary):
        np.testing.assert_array_equal(rotate(part, long)[:, :, :T], rotate(part, long[:, :, :T]))
    else:
        np.testing.assert_array_equal(embed(part, long[:, 0])[:, :T], embed(part, long[:, 0, :T]))


def test_without_rotation_attention_takes_tokens_as_a_set_and_with_it_does_not():
    x, order = draw(B, T, W), np.array([3, 1, 0, 6, 2, 5, 4])
    allowed = Bidirectional()(jnp.ones((B, T), bool))
    module = SelfAttention(heads=2)
    # Random everywhere: a new layer's output kernel is zero.
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, allowed)
    variables = jax.tree.map(lambda leaf: draw(*leaf.shape), shapes)

    def attend(x, part):
        def turn(y):
            return part.apply({}, y, method="rotate")

        return np.asarray(module.apply(variables, x, allowed, rotate=turn))

    apart = attend(x[:, order], NoPosition()) - attend(x, NoPosition())[:, order]
    np.testing.assert_allclose(apart, 0, atol=1e-5)
    turned = attend(x[:, order], Rotary()) - attend(x, Rotary())[:, order]
    assert np.abs(turned).max() > 1e-2


def test_beyond_a_clipped_table_all_tokens_have_its_last_row():
    part, x = ClippedLearned(max_tokens=3), draw(B, T, W)
    params = part.init(jax.random.key(0), x, method="embed")["params"]
    assert params["embedding"].shape == (3, W)
    rows = np.asarray(params["embedding"])[[0, 1, 2, 2, 2, 2, 2]]
    np.testing.assert_allclose(embed(part, x, params), np.asarray(x) + rows, rtol=1e-6)
    whole = {"embedding": jnp.asarray(rows)}
    np.testing.assert_array_equal(embed(part, x, params), embed(Learned(max_tokens=T), x, whole))
    moved = part.apply({"params": params}, x, jnp.full((B, T), 5), method="embed")
    np.testing.assert_allclose(moved, np.asarray(x) + rows[-1], rtol=1e-6)
