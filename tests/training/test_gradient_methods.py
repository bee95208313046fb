"""Gradients in pieces: microbatches, recomputed blocks, and what both stand on."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.losses import InfoNCE, LayerWise, Loss, Term, column, row_weights
from jaxemb.training import Full, GradCache, Microbatch, Moving, Objective, Rematerialize
from jaxemb.training.gradients import joined, strided
from jaxemb.training.objective import examples
from tests import toy


def by_kind(batch, loss, key):
    """The rows of a batch on one device."""
    return jax.jit(examples, static_argnums=(1, 3))(batch, loss, key, None)


def norm(leaves) -> float:
    return float(np.sqrt(sum(np.vdot(x, x) for x in leaves)))


def test_microbatches_are_the_mean_of_their_own_gradients():
    model, loss, key = toy.model(), InfoNCE(), jax.random.key(5)
    objective = Objective(model.embedder, loss)
    rows = by_kind(next(toy.RandomBatches(32, 0)), loss, key)
    moving = Moving(model.params, {})
    microbatch = jax.jit(lambda p, rows: Microbatch(pieces=4)(objective, p, rows, key))
    full = jax.jit(lambda p, piece: Full()(objective, p, piece, key))
    cut = jax.jit(lambda rows: [jax.tree.map(lambda x, m=m: x[m::4], rows) for m in range(4)])
    pieces = cut(rows)
    (value, _), whole = jax.device_get(microbatch(moving, rows))
    parts = jax.device_get([full(moving, piece) for piece in pieces])
    # Rows have uneven weights: each piece counts by the weight of its rows.
    share = np.array([np.sum(jax.device_get(piece.labels["weight"])) for piece in pieces])
    share = share / share.sum()
    np.testing.assert_allclose(value, share @ [part[0][0] for part in parts], rtol=1e-6)
    for name in ("tokens", "encoder"):
        trees = (whole.network[name], *(part[1].network[name] for part in parts))
        leaves = [jax.tree.leaves(tree) for tree in trees]
        whole_norm = norm(leaves[0])
        for mean, *each in zip(*leaves, strict=True):
            expected = np.tensordot(share, np.array(each), axes=1)
            # A bias whose true gradient is 0 has rounding alone: it is measured by the whole.
            size = max(np.linalg.norm(expected), 1e-2 * whole_norm)
            assert np.linalg.norm(mean - expected) <= 1e-5 * size


def test_microbatches_of_a_loss_by_rows_are_the_whole_batch():
    """Weights of 1, 0, 1, 0, ... fall on one of two pieces alone."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class ByRow(Loss):
        vectors = ("query",)

        def __call__(self, columns, *, key, axis=None):
            value = column(columns, "query", "rows dim")[:, 0]
            return {"value": Term(value, row_weights(columns, len(value)))}

    model, key = toy.model(layers=1, dropout=0.0), jax.random.key(5)
    batch = next(toy.RandomBatches(32, 0))
    batch["weight"] = (np.arange(32) % 2).astype(np.float32)
    loss = ByRow()
    rows = by_kind(batch, loss, key)
    moving = Moving(model.params, {})
    objective = Objective(model.embedder, loss)
    found = [
        jax.jit(lambda p, method=method: method(objective, p, rows, key))(moving)
        for method in (Full(), Microbatch(pieces=2), GradCache(chunk=8))
    ]
    for other in found[1:]:
        for a, b in zip(*map(jax.tree.leaves, (found[0], other)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_rematerialisation_keeps_blocks_only_and_changes_no_gradient():
    model, loss, key = toy.model(), InfoNCE(), jax.random.key(5)
    objective = Objective(model.embedder, loss)
    rows = by_kind(next(toy.RandomBatches(32, 0)), loss, key)
    moving = Moving(model.params, {})
    programs = {
        name: jax.jit(lambda p, method=method: method(objective, p, rows, key)).lower(moving)
        for name, method in {"full": Full(), "less": Rematerialize()}.items()
    }
    results = {name: program.compile()(moving) for name, program in programs.items()}
    for a, b in zip(*map(jax.tree.leaves, results.values()), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    products = {name: p.as_text().count("dot_general") for name, p in programs.items()}
    assert products["less"] > products["full"]


def test_strided_pieces_hold_every_nth_row_and_join_again():
    x = np.arange(24).reshape(12, 2)
    pieces = jax.jit(strided, static_argnums=1)({"x": x}, 3)
    assert pieces["x"].shape == (3, 4, 2)
    np.testing.assert_array_equal(np.asarray(pieces["x"])[1], x[1::3])
    np.testing.assert_array_equal(jax.jit(joined)(pieces)["x"], x)


def test_dropout_keys_belong_to_rows_and_columns():
    batch = next(toy.RandomBatches(8, 0))
    keys = by_kind(batch, InfoNCE(), jax.random.key(0)).keys
    words = [np.asarray(jax.random.key_data(k)).reshape(-1, 2) for k in keys.values()]
    everything = np.concatenate(words)
    assert keys["negatives"].shape == (8, 2)
    assert len(np.unique(everything, axis=0)) == len(everything) == 32


@pytest.mark.parametrize("length", [toy.TOKENS, 4])
def test_columns_embedded_together_or_apart_are_as_each_by_itself(length):
    model, key = toy.model(dropout=0.0), jax.random.key(0)
    batch = next(toy.RandomBatches(8, 0))
    batch["positive"] = jax.tree.map(lambda x: x[:, :length], batch["positive"])
    loss = LayerWise(inner=InfoNCE())
    rows = by_kind(batch, loss, key)
    found = jax.device_get(jax.jit(Objective(model.embedder, loss).embed)(model.params, rows))
    depths = jax.jit(model.embedder.depths)
    for name in ("query", "positive"):
        np.testing.assert_allclose(
            found[name].vectors, depths(model.params, batch[name]), atol=1e-5
        )
    first = jax.tree.map(lambda x: x[:, 1], batch["negatives"])
    assert found["negatives"].vectors.shape == (8, 2, 2, 32)
    np.testing.assert_allclose(
        found["negatives"].vectors[:, 1], depths(model.params, first), atol=1e-5
    )
