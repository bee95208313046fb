"""Power means and concatenations against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.pooling import Concatenation, LayerConcatenation, Max, Mean, Min, PowerMean

RNG = np.random.default_rng()
LENGTHS = (6, 4, 1)
MASK = jnp.arange(6) < jnp.array(LENGTHS)[:, None]
STATES = jnp.asarray(RNG.normal(size=(3, 3, 6, 8)), jnp.float32)


def tokens(layer, example):
    return np.asarray(STATES[layer, example, : LENGTHS[example]], np.float64)


def pooled(pooling):
    return pooling.apply({}, STATES, MASK)


def test_power_means_are_their_formula():
    for power in (1, 3, 5):
        for example in range(3):
            mean = (tokens(-1, example) ** power).mean(axis=0)
            expected = np.sign(mean) * np.abs(mean) ** (1 / power)
            found = pooled(PowerMean(power=power))[example]
            np.testing.assert_allclose(found, expected, atol=2e-4)
    np.testing.assert_allclose(pooled(PowerMean(power=1)), pooled(Mean()), atol=1e-6)
    with pytest.raises(UsageError, match="odd"):
        pooled(PowerMean(power=2))


def test_the_slope_at_zero_is_finite():
    slope = jax.grad(lambda x: PowerMean().apply({}, x, MASK).sum())(jnp.zeros_like(STATES))
    assert np.isfinite(slope).all()


def test_min_reads_real_tokens():
    for example in range(3):
        np.testing.assert_allclose(pooled(Min())[example], tokens(-1, example).min(axis=0))


def test_poolings_are_concatenated():
    found = pooled(Concatenation(poolings=(Min(), Mean(), Max())))
    np.testing.assert_array_equal(
        found, np.concatenate([pooled(p) for p in (Min(), Mean(), Max())], 1)
    )
    with pytest.raises(UsageError, match="needs poolings"):
        pooled(Concatenation(poolings=()))


def test_the_last_layers_are_concatenated_and_missing_ones_are_the_first():
    found = pooled(LayerConcatenation(layers=2))
    for example in range(3):
        expected = [tokens(layer, example).mean(axis=0) for layer in (1, 2)]
        np.testing.assert_allclose(found[example], np.concatenate(expected), atol=1e-6)
    cut = LayerConcatenation(layers=2).apply({}, STATES[:1], MASK)
    np.testing.assert_array_equal(cut[:, :8], cut[:, 8:])
