"""Identities that forms of InfoNCE must keep: joint, focal, mixed, and of prefixes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.losses import (
    Cosine,
    DocumentToDocument,
    DocumentToQuery,
    Focal,
    InfoNCE,
    Joint,
    KeepAll,
    Matryoshka,
    MixedPairs,
    QueryToDocument,
    QueryToQuery,
    reduce,
    unit,
)
from jaxemb.losses.batch import by_role

KEY = jax.random.key(2)
BLOCKS = (QueryToDocument(), DocumentToQuery(), QueryToQuery(), DocumentToDocument())
JOINT = InfoNCE(temperature=0.05, blocks=BLOCKS, partition=Joint())


def drawn(rows: int, negatives: int = 0, width: int = 6) -> dict:
    rng = np.random.default_rng()
    shapes = {"query": (rows, width), "positive": (rows, width)}
    shapes |= {"negatives": (rows, negatives, width)} if negatives else {}
    return {name: jnp.asarray(rng.normal(size=s), jnp.float32) for name, s in shapes.items()}


@functools.partial(jax.jit, static_argnums=0)
def value(loss, columns):
    return reduce(loss(columns, key=KEY))[0]


@functools.partial(jax.jit, static_argnums=0)
def slope(loss, columns):
    return jax.grad(lambda c: value(loss, c))(columns)


# --- one softmax over four blocks


def test_one_pair_stands_twice_in_its_own_sum():
    np.testing.assert_allclose(value(JOINT, drawn(1)), np.log(2), rtol=1e-6)


@pytest.mark.parametrize("rows", [2, 5, 9])
def test_equal_vectors_share_the_mass(rows):
    same = jnp.ones((rows, 4))
    found = value(JOINT, {"query": same, "positive": same})
    np.testing.assert_allclose(found, np.log(4 * rows - 2), rtol=1e-6)


def test_the_sides_can_be_swapped_where_no_side_has_more():
    columns = drawn(6)
    swapped = {"query": columns["positive"], "positive": columns["query"]}
    np.testing.assert_allclose(value(JOINT, swapped), value(JOINT, columns), rtol=1e-6)


def test_a_hard_negative_is_one_more_document_of_its_pair():
    """The second stage, by a loop in float64: a mined negative stands beside each positive."""
    columns = drawn(4, negatives=1)
    q, d, n = (
        np.asarray(unit(x.reshape(4, -1)), np.float64)
        for x in (columns["query"], columns["positive"], columns["negatives"])
    )
    documents, values = np.concatenate([d, n]), []
    for i in range(4):
        others = [j for j in range(4) if j != i]
        sums = np.exp(q[i] @ documents.T / 0.05).sum() + np.exp(q[others] @ q[i] / 0.05).sum()
        sums += np.exp(q @ d[i] / 0.05).sum()
        sums += np.exp(np.concatenate([d[others], n[others]]) @ d[i] / 0.05).sum()
        values.append(np.log(sums) - q[i] @ d[i] / 0.05)
    np.testing.assert_allclose(value(JOINT, columns), np.mean(values), rtol=1e-5)


# --- focal weights


def test_without_focus_it_is_the_plain_softmax():
    columns = drawn(5, negatives=2)
    plain, focal = (InfoNCE(temperature=0.3, **x) for x in ({}, {"reweighting": Focal(gamma=0.0)}))
    np.testing.assert_allclose(value(focal, columns), value(plain, columns), rtol=1e-6)
    for one, other in zip(
        *map(jax.tree.leaves, (slope(focal, columns), slope(plain, columns))), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_the_focal_gradient_is_the_plain_one_times_a_constant_weight():
    columns = drawn(5)
    plain = InfoNCE(temperature=0.3)

    @jax.jit
    def values(columns):
        return plain(columns, key=KEY)["query"].value

    weight = (1 - np.exp(-values(columns))) ** 0.5
    weighted = jax.jit(jax.grad(lambda c: jnp.mean(weight * values(c))))(columns)
    focal = slope(InfoNCE(temperature=0.3, reweighting=Focal(gamma=0.5)), columns)
    for one, other in zip(*map(jax.tree.leaves, (focal, weighted)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)


# --- mixtures and prefixes


def test_a_mixture_is_at_least_as_hard_as_what_it_is_mixed_of():
    """Where the weighted mean of scores is not negative: a shorter vector is scaled up."""
    columns = drawn(300, negatives=3)
    block, alike = MixedPairs(mixtures=2), Cosine()

    @jax.jit
    def measured(columns):
        batch = by_role(columns, "rows dim", None, None)
        shares = block.shares(batch, alike, jnp.ones((300, 3), bool), KEY)
        mixed = block.scores(batch, alike, KeepAll(), KEY).values
        return shares, mixed, alike.paired(columns["query"], columns["negatives"])

    shares, mixed, own = map(np.asarray, measured(columns))
    means = np.einsum("rmk,rk->rm", shares, own)
    assert (means >= 0).sum() > 100
    assert (mixed >= means - 1e-5)[means >= 0].all()
    # A share of one is the negative itself.
    whole = np.zeros_like(shares)
    whole[..., 1] = 1.0

    class Given(MixedPairs):
        def shares(self, *_):
            return whole

    @jax.jit
    def mixed_as_given(columns):
        batch = by_role(columns, "rows dim", None, None)
        return Given(mixtures=2).scores(batch, alike, KeepAll(), KEY).values

    found = mixed_as_given(columns)
    np.testing.assert_allclose(found, np.repeat(own[:, 1:2], 2, axis=1), atol=1e-5)


def test_the_loss_of_a_prefix_is_that_of_the_vectors_cut_there():
    columns = drawn(5, negatives=2)
    inner = InfoNCE(temperature=0.3)
    found = reduce(Matryoshka(inner=inner, dims=(2, 4, 6))(columns, key=KEY))[1]
    for dim in (2, 4, 6):
        # Scaled to unit length again: what a model of that width would return.
        cut = {name: unit(x[..., :dim]) for name, x in columns.items()}
        named = [v for name, v in found.items() if f"dim{dim}" in name]
        assert len(named) == 1
        np.testing.assert_allclose(named[0], value(inner, cut), rtol=1e-5)
