"""Dropout's draws: a function of the example and the layer alone, unbiased and uncorrelated."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.nn import Dropout
from jaxemb.nn.dropout import keep_mask


def keys(*numbers: int) -> jax.Array:
    """Keys as training makes them: a step's key folded with a row's number in the whole batch."""
    step = jax.random.fold_in(jax.random.key(7), 3)
    return jax.vmap(lambda n: jax.random.fold_in(step, n))(jnp.array(numbers))


def kept(example_keys: jax.Array, *shape: int, rate: float = 0.3, salt: int = 1) -> np.ndarray:
    return np.asarray(keep_mask(example_keys, salt, shape, rate))


def test_an_examples_draw_does_not_depend_on_its_row():
    whole = kept(keys(0, 1, 2, 3, 4), 6, 8)
    moved = kept(keys(4, 9, 0), 6, 8)
    np.testing.assert_array_equal(moved[0], whole[4])
    np.testing.assert_array_equal(moved[2], whole[0])
    assert np.any(moved[0] != moved[2])


@pytest.mark.parametrize("longer", [(12, 8), (7, 8)])
def test_an_examples_draw_does_not_depend_on_the_padded_length(longer):
    np.testing.assert_array_equal(kept(keys(0, 1), *longer)[:, :6], kept(keys(0, 1), 6, 8))


def test_attention_weights_drop_alike_at_any_padded_length():
    """Two axes of tokens, queries and keys."""
    short, long = kept(keys(0, 1), 2, 5, 5), kept(keys(0, 1), 2, 9, 9)
    np.testing.assert_array_equal(long[:, :, :5, :5], short)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_the_rate_lies_within_binomial_bounds(rate):
    """All elements, and each row, token and feature by itself, within six standard deviations."""
    rows, tokens, features = 16, 64, 128
    mask = kept(keys(*range(rows)), tokens, features, rate=rate)
    for axes in ((0, 1, 2), (1, 2), (0, 2), (0, 1)):
        count = np.prod([mask.shape[a] for a in axes])
        bound = 6 * np.sqrt(rate * (1 - rate) / count)
        assert np.abs(mask.mean(axis=axes) - (1 - rate)).max() < bound, axes


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return abs(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_neighbours_are_uncorrelated():
    """Along every axis and between layers: the correlation of n fair draws is about 1/√n."""
    mask = kept(keys(*range(32)), 32, 64, rate=0.5)
    bound = 5 / np.sqrt(mask.size / 2)
    assert correlation(mask[1:], mask[:-1]) < bound
    assert correlation(mask[:, 1:], mask[:, :-1]) < bound
    assert correlation(mask[..., 1:], mask[..., :-1]) < bound
    assert correlation(mask, mask.swapaxes(0, 1)) < 2 * bound
    assert correlation(mask, kept(keys(*range(32)), 32, 64, rate=0.5, salt=2)) < bound
    assert correlation(mask, kept(keys(*range(32, 64)), 32, 64, rate=0.5)) < bound


def test_no_two_examples_share_a_row_of_draws():
    mask = kept(keys(*range(64)), 16, 64, rate=0.5).reshape(-1, 64)
    assert len(np.unique(mask, axis=0)) == len(mask)


def test_what_is_kept_is_scaled_so_that_the_mean_stays():
    x = 1 + np.random.default_rng(0).random((64, 32, 64)).astype(np.float32)
    y = np.asarray(jax.jit(Dropout(rate=0.3).apply)({}, jnp.asarray(x), keys(*range(64))))
    np.testing.assert_allclose(y[y != 0], (x / 0.7)[y != 0], rtol=1e-6)
    deviation = np.sqrt(np.mean(x**2) * 0.3 / 0.7 / x.size)
    assert abs(y.mean() - x.mean()) < 6 * deviation


class TwoLayers(nn.Module):
    @nn.compact
    def __call__(self, x, keys):
        first = Dropout(rate=0.5, name="first")(x, keys)
        return first, Dropout(rate=0.5, name="second")(x, keys)


def test_layers_draw_independently():
    """Their names are all that tells them apart."""
    x = jnp.ones((16, 32, 64))
    first, second = jax.jit(TwoLayers().apply)({}, x, keys(*range(16)))
    assert correlation(np.asarray(first), np.asarray(second)) < 5 / np.sqrt(x.size)


def test_steps_draw_independently():
    x = jnp.ones((16, 32, 64))
    step = [jax.random.split(jax.random.fold_in(jax.random.key(0), n), 16) for n in (0, 1)]
    first, second = (np.asarray(jax.jit(Dropout(rate=0.5).apply)({}, x, key)) for key in step)
    assert correlation(first, second) < 5 / np.sqrt(x.size)


def test_without_keys_or_rate_nothing_is_dropped():
    x = jnp.arange(6.0).reshape(1, 2, 3)
    np.testing.assert_array_equal(jax.jit(Dropout(rate=0.5).apply)({}, x, None), x)
    np.testing.assert_array_equal(jax.jit(Dropout(rate=0.0).apply)({}, x, keys(0)), x)


def test_the_gradient_passes_where_the_value_did():
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 4, 8)).astype(np.float32))
    drop = Dropout(rate=0.4)
    slope = jax.grad(lambda x: jnp.sum(drop.apply({}, x, keys(0, 1))))(x)
    np.testing.assert_allclose(slope, np.where(kept_by(drop, x), 1 / 0.6, 0), rtol=1e-6)


def kept_by(drop: Dropout, x: jax.Array) -> np.ndarray:
    return np.asarray(jax.jit(drop.apply)({}, x, keys(0, 1))) != 0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_the_dtype_is_kept_and_the_draw_does_not_depend_on_it(dtype):
    x = jnp.ones((2, 8, 16), dtype)
    y = jax.jit(Dropout(rate=0.4).apply)({}, x, keys(0, 1))
    assert y.dtype == dtype
    np.testing.assert_array_equal(y != 0, kept_by(Dropout(rate=0.4), jnp.ones((2, 8, 16))))


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\)"):
        jax.jit(Dropout(rate=rate).apply)({}, jnp.ones((1, 2)), keys(0))
