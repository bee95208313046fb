"""What a classifier of two texts reads, and which of it depends on their order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.heads import (
    AbsoluteDifference,
    Difference,
    FeedForwardHead,
    First,
    Identity,
    PairHead,
    Product,
    Second,
)

RNG = np.random.default_rng()
U, V = (jnp.asarray(RNG.normal(size=(4, 6)), jnp.float32) for _ in range(2))


def test_features_stand_one_after_the_other():
    head = PairHead(inner=Identity())
    expected = np.concatenate([U, V, np.abs(U - V), U * V], axis=1)
    np.testing.assert_allclose(head.apply({}, U, V), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("features", "symmetric"),
    [((AbsoluteDifference(), Product()), True), ((First(),), False), ((Second(),), False),
     ((Difference(),), False)],
)  # fmt: skip
def test_what_the_order_of_the_two_changes(features, symmetric):
    head = PairHead(features=features, inner=Identity())
    same = np.array_equal(head.apply({}, U, V), head.apply({}, V, U))
    assert same == symmetric


def test_it_scores_vectors_that_were_kept_as_it_scores_fresh_ones():
    head = PairHead(inner=FeedForwardHead(dims=(5, 3)))
    variables = head.init(jax.random.key(0), U, V)
    kept_u, kept_v = np.asarray(U), np.asarray(V)
    together = jax.jit(head.apply)(variables, U, V)
    for i in range(4):
        one = head.apply(variables, jnp.asarray(kept_u[i : i + 1]), jnp.asarray(kept_v[i : i + 1]))
        np.testing.assert_allclose(one[0], together[i], rtol=1e-5, atol=1e-6)


def test_without_features_it_is_refused_and_json_keeps_them():
    with pytest.raises(UsageError, match="needs features"):
        PairHead(features=()).apply({}, U, V)
    head = PairHead(features=(Product(), AbsoluteDifference()))
    assert from_json(to_json(head)) == head
