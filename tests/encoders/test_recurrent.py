"""Recurrent encoders: refinement pass by pass, and words between their contexts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import IterativeRefinement, Recurrent, RecurrentConvolutional
from jaxemb.nn import GRU, BothWays, Recurrence
from jaxemb.pooling import BothEnds, LastToken, LayerConcatenation, Max, RecurrentPooling

RNG = np.random.default_rng()
B, T, W, H = 3, 6, 4, 5
MASK = jnp.asarray(np.arange(T) < np.array([[6], [3], [1]]))
X = jnp.asarray(RNG.normal(size=(B, T, W)), jnp.float32)


def drawn(encoder, x=X, mask=MASK):
    """Random parameters, away from zeros, and the states."""
    params = jax.jit(encoder.init)(jax.random.key(0), x, mask)["params"]
    params = jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape) / 2, jnp.float32), params)
    return params, jax.jit(encoder.apply)({"params": params}, x, mask)


def test_layers_are_recurrences_one_upon_the_other():
    encoder = Recurrent(layers=2, width=W, hidden=H, cell=GRU(), direction=BothWays())
    params, states = drawn(encoder)
    layer, x = Recurrence(features=H, cell=GRU(), direction=BothWays()), X
    for n in range(2):
        x, _ = jax.jit(layer.apply)({"params": params[f"layer_{n}"]}, x, MASK)
        np.testing.assert_allclose(states[n], x, atol=1e-6)
    np.testing.assert_array_equal(
        jax.jit(encoder.truncated(1).apply)({"params": params}, X, MASK), states[:1]
    )


def test_what_cannot_be_shared_among_passes_is_refused():
    with pytest.raises(UsageError, match="shared among 2 passes"):
        jax.jit(Recurrent(width=5, direction=BothWays()).init)(jax.random.key(0), X, MASK)


def test_the_ends_of_both_passes_are_those_of_the_text_alone():
    encoder = Recurrent(layers=1, width=W, hidden=H, direction=BothWays())
    params, states = drawn(encoder)
    read = BothEnds().apply({}, states, MASK)
    for b, n in enumerate((6, 3, 1)):
        alone = jax.jit(encoder.apply)({"params": params}, X[b : b + 1, :n], MASK[b : b + 1, :n])[
            -1, 0
        ]
        expected = np.concatenate([alone[-1, :H], alone[0, H:]])
        np.testing.assert_allclose(read[b], expected, atol=1e-6)


def test_recurrent_pooling_is_the_last_state_of_the_text_alone():
    """As with packed sequences, and wherever padding stands."""
    pooling = RecurrentPooling(hidden=H)
    variables = jax.jit(pooling.init)(jax.random.key(1), X[None], MASK)
    pooled = jax.jit(pooling.apply)(variables, X[None], MASK)
    encoder = Recurrent(layers=1, width=W, hidden=H)
    renamed = {"params": {"layer_0": variables["params"]["recurrence"]}}
    states = jax.jit(encoder.apply)(renamed, X, MASK)
    np.testing.assert_allclose(pooled, LastToken().apply({}, states, MASK), atol=1e-6)
    left = jnp.stack([jnp.roll(X[b], T - n, axis=0) for b, n in enumerate((6, 3, 1))])
    turned = jax.jit(pooling.apply)(variables, left[None], MASK[:, ::-1])
    np.testing.assert_allclose(turned, pooled, atol=1e-6)


REFINED = IterativeRefinement(width=W, hidden=H)
READ = LayerConcatenation(layers=3, inner=Max())


def test_the_first_refinement_is_a_recurrence_by_itself():
    params, states = drawn(REFINED)
    alone, _ = jax.jit(Recurrence(features=H, direction=BothWays()).apply)(
        {"params": params["layer_0"]}, X, MASK
    )
    vector = READ.apply({}, states, MASK)
    np.testing.assert_allclose(vector[:, : 2 * H], Max().apply({}, alone[None], MASK), atol=1e-6)


def test_later_refinements_read_the_words_and_start_with_what_was_carried():
    params, states = drawn(REFINED)
    layer, carries = Recurrence(features=H, direction=BothWays()), None
    for n in range(3):
        h, carries = jax.jit(layer.apply)({"params": params[f"layer_{n}"]}, X, MASK, carries)
        np.testing.assert_allclose(states[n], h, atol=1e-6)
        fresh, _ = jax.jit(layer.apply)({"params": params[f"layer_{n}"]}, X, MASK)
        assert n == 0 or np.abs(fresh - h).max() > 1e-3, "what was carried does not matter"


def test_where_nothing_is_carried_the_order_of_the_passes_does_not_matter():
    """A cell that reads no state and forgets its memory starts anew at each token."""
    params, _ = drawn(REFINED)
    for layer in params.values():
        for cell in layer.values():
            for gate in ("hi", "hf", "hg", "ho"):
                cell[gate]["kernel"] = jnp.zeros_like(cell[gate]["kernel"])
            cell["hf"]["bias"] = jnp.full_like(cell["hf"]["bias"], -1e4)
    order = [2, 0, 1]
    moved = {f"layer_{n}": params[f"layer_{m}"] for n, m in enumerate(order)}
    states, turned = (jax.jit(REFINED.apply)({"params": p}, X, MASK) for p in (params, moved))
    np.testing.assert_allclose(turned, states[jnp.array(order)], atol=1e-6)


def test_gradients_reach_the_first_pass_through_what_it_carries():
    params, _ = drawn(REFINED)

    def last_only(params):
        return jnp.sum(REFINED.apply({"params": params}, X, MASK)[-1] ** 2)

    slope = jax.grad(last_only)(params)["layer_0"]
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(slope))


def test_padding_never_changes_a_refined_vector():
    params, states = drawn(REFINED)
    vector = READ.apply({}, states, MASK)
    for b, n in enumerate((6, 3, 1)):
        alone = jax.jit(REFINED.apply)({"params": params}, X[b : b + 1, :n], MASK[b : b + 1, :n])
        found = READ.apply({}, alone, MASK[b : b + 1, :n])
        np.testing.assert_allclose(found[0], vector[b], atol=1e-6)


BETWEEN = RecurrentConvolutional(width=W, context=3, hidden=H)


def contexts(params, text):
    """Left and right of each word of one text, in float64."""
    found = {}
    for side, words in (("left", text), ("right", text[::-1])):
        context, all_ = params[f"{side}_boundary"], []
        for word in words:
            all_.append(context)  # before the word itself is read
            own = word @ params[f"{side}_words"]["kernel"] + params[f"{side}_words"]["bias"]
            context = np.tanh(context @ params[f"{side}_recurrence"] + own)
        found[side] = np.array(all_ if side == "left" else all_[::-1])
    return found["left"], found["right"]


def test_a_word_stands_between_what_is_left_and_right_of_it():
    params, states = drawn(BETWEEN)
    wide = jax.tree.map(lambda p: np.asarray(p, np.float64), params)
    for b, n in enumerate((6, 3, 1)):
        text = np.asarray(X[b, :n], np.float64)
        left, right = contexts(wide, text)
        joined = np.concatenate([left, text, right], axis=1)
        expected = np.tanh(joined @ wide["output"]["kernel"] + wide["output"]["bias"])
        np.testing.assert_allclose(states[0, b, :n], expected, atol=1e-5)


@pytest.mark.parametrize("silent", [True, False])
def test_without_contexts_the_order_of_words_does_not_matter(silent):
    params, _ = drawn(BETWEEN)
    if silent:
        own = {name: value for name, value in params.items() if name == "output"}
        params = jax.tree.map(jnp.zeros_like, params) | own
    mask, order = jnp.ones((B, T), bool), RNG.permutation(T)
    while (order == np.arange(T)).all():
        order = RNG.permutation(T)
    read = [
        Max().apply({}, jax.jit(BETWEEN.apply)({"params": params}, x, mask), mask)
        for x in (X, X[:, order])
    ]
    assert np.allclose(*read, atol=1e-6) == silent


@pytest.mark.parametrize("encoder", [Recurrent(width=W), REFINED, BETWEEN])
def test_dropout_is_drawn_for_each_example(encoder):
    encoder = dataclasses.replace(encoder, dropout=0.5)
    params, _ = drawn(encoder)
    keys, order = jax.random.split(jax.random.key(4), B), jnp.array([2, 0, 1])
    dropped = jax.jit(encoder.apply)({"params": params}, X, MASK, keys)
    moved = jax.jit(encoder.apply)({"params": params}, X[order], MASK[order], keys[order])
    np.testing.assert_allclose(moved, dropped[:, order], atol=1e-6)
    assert np.abs(dropped - jax.jit(encoder.apply)({"params": params}, X, MASK)).max() > 1e-3
