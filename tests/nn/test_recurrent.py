"""Cells and recurrences beside loops in numpy, with padding anywhere and rubbish in it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.nn import GRU, LSTM, BothWays, Elman, LeftToRight, Recurrence, RightToLeft

RNG = np.random.default_rng()
B, T, W, H = 4, 6, 3, 5
MASKS = np.array(
    [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 0], [0, 1, 0, 1, 0, 1]], bool
)
X = RNG.normal(size=(B, T, W))
DIRTY = jnp.asarray(np.where(MASKS[..., None], X, np.nan), jnp.float32)
CELLS = (LSTM(), GRU(), Elman())


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def map_(params, name, x):
    return x @ params[name]["kernel"] + params[name].get("bias", 0)


def lstm(p, carry, x):
    c, h = carry
    i, f, g, o = (map_(p, "i" + n, x) + map_(p, "h" + n, h) for n in "ifgo")
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return c, sigmoid(o) * np.tanh(c)


def gru(p, carry, x):
    (h,) = carry
    r, z = (sigmoid(map_(p, "i" + n, x) + map_(p, "h" + n, h)) for n in "rz")
    n = np.tanh(map_(p, "in", x) + r * map_(p, "hn", h))
    return ((1 - z) * n + z * h,)


def elman(p, carry, x):
    (h,) = carry
    return (np.tanh(map_(p, "i", x) + map_(p, "h", h)),)


STEPS = {"LSTM": (lstm, 2), "GRU": (gru, 1), "Elman": (elman, 1)}


def loop(cell, params, tokens):
    """The states of one text without padding, in float64."""
    step, parts = STEPS[type(cell).__name__]
    carry, states = (np.zeros(H),) * parts, []
    for token in tokens:
        carry = step(params, carry, token)
        states.append(carry[-1])
    return np.array(states)


def random_like(params):
    return jax.tree.map(lambda p: RNG.normal(size=p.shape) / 2, params)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
def test_both_passes_are_loops_over_the_real_tokens(cell):
    layer = Recurrence(features=H, cell=cell, direction=BothWays())
    params = random_like(
        jax.jit(layer.init)(jax.random.key(0), DIRTY, jnp.asarray(MASKS))["params"]
    )
    apply = jax.jit(lambda p, x, m: layer.apply({"params": p}, x, m))
    states, carries = apply(jax.tree.map(jnp.float32, params), DIRTY, jnp.asarray(MASKS))
    ends = layer.read(carries)
    for b in range(B):
        text = X[b, MASKS[b]]
        forward = loop(cell, params["forward"], text)
        backward = loop(cell, params["backward"], text[::-1])[::-1]
        expected = np.concatenate([forward, backward], axis=1)
        np.testing.assert_allclose(states[b, MASKS[b]], expected, atol=1e-5)
        assert not np.asarray(states[b, ~MASKS[b]]).any()
        np.testing.assert_allclose(ends[b, :H], forward[-1], atol=1e-5)
        np.testing.assert_allclose(ends[b, H:], backward[0], atol=1e-5)


def test_one_pass_is_that_half_of_both():
    both = Recurrence(features=H, direction=BothWays())
    params = jax.jit(both.init)(jax.random.key(1), DIRTY, jnp.asarray(MASKS))["params"]
    states, _ = jax.jit(both.apply)({"params": params}, DIRTY, jnp.asarray(MASKS))
    for direction, name, half in (
        (LeftToRight(), "forward", np.s_[:H]),
        (RightToLeft(), "backward", np.s_[H:]),
    ):
        one = Recurrence(features=H, direction=direction)
        found, _ = jax.jit(one.apply)({"params": {name: params[name]}}, DIRTY, jnp.asarray(MASKS))
        np.testing.assert_array_equal(found, states[..., half])


def test_a_recurrence_goes_on_from_what_was_carried():
    layer, mask = Recurrence(features=H), jnp.ones((B, T), bool)
    x = jnp.asarray(X, jnp.float32)
    params = jax.jit(layer.init)(jax.random.key(2), x, mask)
    whole, _ = jax.jit(layer.apply)(params, x, mask)
    _, carries = jax.jit(layer.apply)(params, x[:, :2], mask[:, :2])
    rest, _ = jax.jit(layer.apply)(params, x[:, 2:], mask[:, 2:], carries)
    np.testing.assert_allclose(rest, whole[:, 2:], atol=1e-6)


def test_a_text_without_tokens_carries_its_start():
    layer = Recurrence(features=H)
    x, nothing = jnp.asarray(X, jnp.float32), jnp.zeros((B, T), bool)
    params = jax.jit(layer.init)(jax.random.key(3), x, nothing)
    states, carries = jax.jit(layer.apply)(params, x, nothing)
    assert not states.any() and not layer.read(carries).any()
