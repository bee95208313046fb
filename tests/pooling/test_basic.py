"""Poolings without parameters beside numpy float64, with padding that holds rubbish."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.pooling import FirstToken, LastToken, Max, Mean, PositionWeightedMean

LENGTHS = np.array([5, 3, 1])
MASK = np.arange(5) < LENGTHS[:, None]
STATES = np.random.default_rng(0).normal(size=(2, 3, 5, 4))


def reference(kind, h):
    """`h [tokens, width]`, real tokens only."""
    rank = np.arange(1, len(h) + 1)[:, None]
    return {
        FirstToken: lambda: h[0],
        LastToken: lambda: h[-1],
        Mean: lambda: h.mean(0),
        Max: lambda: h.max(0),
        PositionWeightedMean: lambda: (rank * h).sum(0) / rank.sum(),
    }[kind]()


@pytest.mark.parametrize("kind", [FirstToken, LastToken, Mean, Max, PositionWeightedMean])
def test_poolings_are_their_formulas(kind):
    dirty = np.where(MASK[None, ..., None], STATES, np.nan)
    v = kind().apply({}, jnp.asarray(dirty, jnp.float32), jnp.asarray(MASK))
    expected = [reference(kind, STATES[-1, b, :n]) for b, n in enumerate(LENGTHS)]
    np.testing.assert_allclose(v, expected, atol=1e-6)


@pytest.mark.parametrize("kind", [FirstToken, LastToken, Mean, Max, PositionWeightedMean])
def test_a_row_without_tokens_is_zero(kind):
    v = kind().apply({}, jnp.asarray(STATES, jnp.float32), jnp.zeros((3, 5), bool))
    np.testing.assert_array_equal(v, np.zeros((3, 4)))
