"""Classifiers of pairs, losses of one family, and the angle as a similarity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.heads import Chain, FeedForwardHead, Linear, PairHead
from jaxemb.losses import (
    Angular,
    Classification,
    DeepPairClassifier,
    InfoNCE,
    LossState,
    OfFamily,
    Sum,
    reduce,
)

RNG = np.random.default_rng()
KEY = jax.random.key(0)


def drawn(rows=6, width=4):
    vectors = {n: RNG.normal(size=(rows, width)).astype(np.float32) for n in ("query", "positive")}
    ids = {f"{name}_id": jnp.arange(rows) + rows * n for n, name in enumerate(vectors)}
    label = jnp.asarray(RNG.integers(0, 3, rows))
    return {n: jnp.asarray(x) for n, x in vectors.items()} | ids | {"label": label}


def test_a_deep_classifier_is_its_layers_written_out():
    deep = Chain(heads=(FeedForwardHead(dims=(5,)), Linear(dim=3)))
    loss, columns = DeepPairClassifier(head=PairHead(inner=deep)), drawn()
    state = jax.jit(loss.init)(KEY, columns)
    terms, _ = jax.jit(loss.apply)(state, columns, key=KEY)
    u, v = (np.asarray(columns[n], np.float64) for n in ("query", "positive"))
    x = np.concatenate([u, v, np.abs(u - v), u * v], axis=1)
    leaves = jax.tree.map(lambda p: np.asarray(p, np.float64), state.params)
    (first,), last = leaves["inner"]["heads_0"].values(), leaves["inner"]["heads_1"]
    logits = np.maximum(x @ first["kernel"] + first["bias"], 0) @ last["kernel"] + last["bias"]
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    picked = -log[np.arange(len(x)), columns["label"]]
    np.testing.assert_allclose(terms["class"].value, picked, rtol=1e-4)


def test_two_tasks_in_one_batch_are_the_mean_of_each_by_itself():
    columns = drawn(8)
    family = jnp.asarray(RNG.permutation(8) % 2)
    both = Sum(
        losses=(
            OfFamily(inner=DeepPairClassifier(), family=0),
            OfFamily(inner=InfoNCE(temperature=0.3), family=1),
        )
    )
    state = jax.jit(both.init)(KEY, columns | {"family": family})
    terms, _ = jax.jit(both.apply)(state, columns | {"family": family}, key=KEY)
    _, parts = reduce(terms)
    own = state.params["of_family"]["family_0"]
    rows = np.flatnonzero(family == 0)
    few = {n: x[rows] for n, x in columns.items()}
    alone, _ = jax.jit(DeepPairClassifier().apply)(LossState(own, {}), few, key=KEY)
    np.testing.assert_allclose(parts["of_family/family_0/class"], reduce(alone)[0], rtol=1e-5)
    only = [n for n in parts if n.startswith("of_family_2/")]
    batch_of_one, _ = jax.jit(both.apply)(state, columns | {"family": jnp.zeros(8, int)}, key=KEY)
    _, parts = reduce(batch_of_one)
    assert only and all(float(parts[name]) == 0 for name in only)


def test_a_family_must_be_told():
    with pytest.raises(UsageError, match="family"):
        OfFamily(inner=Classification())(drawn(), key=KEY)


def test_the_angle_of_equal_orthogonal_and_opposite_vectors_has_a_finite_slope():
    x = jnp.asarray([[0.6, 0.8]])
    others = jnp.asarray([[1.2, 1.6], [-0.8, 0.6], [-3.0, -4.0]])
    np.testing.assert_allclose(Angular()(x, others), [[1.0, 0.5, 0.0]], atol=1e-3)
    slope = jax.grad(lambda x: Angular()(x, others).sum())(x)
    assert np.isfinite(slope).all()
    for a, b in RNG.normal(size=(5, 2, 3)):
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        found = Angular()(jnp.asarray([a], jnp.float32), jnp.asarray([b], jnp.float32))
        np.testing.assert_allclose(found, [[1 - np.arccos(cosine) / np.pi]], atol=1e-5)
