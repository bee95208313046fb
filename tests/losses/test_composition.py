"""Losses of composed vectors, behind a head of their own, and in other roles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.heads import Activated, Chain, Linear
from jaxemb.losses import (
    Composed,
    DocumentToDocument,
    DocumentToQuery,
    Embedded,
    Headed,
    InfoNCE,
    InRoles,
    ItemMax,
    ItemMean,
    ItemSlices,
    LossState,
    Matryoshka,
    QueryToDocument,
    QueryToQuery,
    Sum,
    Triplet,
    reduce,
)

KEY = jax.random.key(0)
NTXENT = InfoNCE(
    temperature=0.05,
    blocks=(QueryToDocument(), QueryToQuery(), DocumentToQuery(), DocumentToDocument()),
)


def drawn(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def total(loss, columns):
    return float(reduce(loss(columns, key=KEY))[0])


def ntxent(one: np.ndarray, two: np.ndarray, temperature: float) -> float:
    """A loop over the 2N views, each against the other 2N - 1."""
    views = np.concatenate([one, two]).astype(np.float64)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    n, values = len(one), []
    for i, view in enumerate(views):
        partner = (i + n) % (2 * n)
        others = [j for j in range(2 * n) if j != i]
        scores = np.array([view @ views[j] for j in others]) / temperature
        values.append(np.log(np.exp(scores - scores.max()).sum()) + scores.max()
                      - view @ views[partner] / temperature)  # fmt: skip
    return float(np.mean(values))


def test_averaged_positives_are_one_view_of_the_symmetric_softmax():
    query, positives = drawn(6, 8), drawn(6, 3, 8, seed=1)
    found = total(Composed(inner=NTXENT), {"query": query, "positive": positives})
    assert abs(found - ntxent(query, positives.mean(axis=1), 0.05)) < 1e-4


def test_one_positive_is_the_plain_loss_and_equal_parts_are_the_whole():
    query, whole = drawn(5, 8), drawn(5, 8, seed=1)
    plain = total(NTXENT, {"query": query, "positive": whole})
    for composer in (ItemMean(), ItemMax(), ItemSlices()):
        for parts in (whole[:, None], jnp.stack([whole, whole], axis=1)):
            loss = Composed(inner=NTXENT, composer=composer)
            assert abs(total(loss, {"query": query, "positive": parts}) - plain) < 1e-5


def test_composers_against_numpy_with_items_that_are_not_real():
    real = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0]], bool)
    items = np.asarray(drawn(4, 3, 7))
    given = jnp.asarray(items), jnp.asarray(real)
    mean, largest, slices = (c(*given) for c in (ItemMean(), ItemMax(), ItemSlices()))
    for row in range(4):
        own = items[row][real[row]].astype(np.float64)
        wanted = own.mean(axis=0) if len(own) else np.zeros(7)
        np.testing.assert_allclose(mean[row], wanted, atol=1e-6)
        np.testing.assert_allclose(largest[row], own.max(axis=0) if len(own) else 0 * wanted)
        for item, places in enumerate(np.array_split(np.arange(7), 3)):
            seen = items[row, item, places] if real[row, item] else 0
            np.testing.assert_allclose(slices[row, places], seen)


def test_the_order_of_parts_matters_to_slices_alone():
    parts, real = drawn(4, 2, 6), jnp.ones((4, 2), bool)
    for composer, same in ((ItemMean(), True), (ItemMax(), True), (ItemSlices(), False)):
        turned = composer(parts[:, ::-1], real)
        assert np.allclose(composer(parts, real), turned, atol=1e-6) == same


def test_a_column_of_single_vectors_is_refused():
    with pytest.raises(UsageError, match=r"\[rows, items, dim\]"):
        total(Composed(inner=InfoNCE()), {"query": drawn(3, 4), "positive": drawn(3, 4)})


def test_the_head_comes_after_the_composition_and_its_last_numbers_get_no_gradient():
    head = Chain(heads=(Linear(dim=6), Activated()))
    loss = Composed(inner=Headed(inner=Matryoshka(inner=InfoNCE(), dims=(4,)), head=head))
    columns = {"query": drawn(5, 8), "positive": drawn(5, 2, 8, seed=1)}
    state = jax.jit(loss.init)(KEY, columns)

    def value(params):
        return reduce(loss.apply(LossState(params, state.memory), columns, key=KEY)[0])[0]

    found, gradient = jax.value_and_grad(value)(state.params)
    kernel, bias = jax.tree.leaves(gradient, is_leaf=lambda x: hasattr(x, "shape"))[::-1]
    assert kernel.shape == (8, 6) and np.abs(kernel[:, :4]).min() > 0
    assert not np.any(kernel[:, 4:]) and not np.any(bias[4:])
    w, b = (np.asarray(x, np.float64) for x in jax.tree.leaves(state.params)[::-1])
    one = np.tanh(np.asarray(columns["query"]) @ w + b)[:, :4]
    two = np.tanh(np.asarray(columns["positive"]).mean(axis=1) @ w + b)[:, :4]
    scores = (
        (one / np.linalg.norm(one, axis=1, keepdims=True))
        @ (two / np.linalg.norm(two, axis=1, keepdims=True)).T
        / 0.05
    )
    wanted = np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores))
    assert abs(float(found) - wanted) < 1e-4


def test_roles_are_columns_and_what_is_left_out_is_not_seen():
    sentence, valid, wrong = drawn(6, 4), drawn(6, 4, seed=1), drawn(6, 1, 4, seed=2)
    columns = {"query": valid, "positive": sentence, "negatives": wrong}
    contrast = InRoles(inner=InfoNCE(temperature=0.1))
    order = InRoles(
        inner=Triplet(margin=1.0), query="positive", positive="query", negatives="negatives"
    )
    loss = Sum(losses=(contrast, order), weights=(1.0, 0.1))
    assert set(loss.needs) == {"query", "positive", "negatives"}
    valid, sentence, wrong = (np.asarray(x) for x in (valid, sentence, wrong))
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (valid, sentence)]
    scores = unit[0] @ unit[1].T / 0.1
    first = np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores))
    near = np.linalg.norm(sentence - valid, axis=1)
    far = np.linalg.norm(sentence - wrong[:, 0], axis=1)
    second = np.maximum(near - far + 1, 0).mean()
    assert abs(total(loss, columns) - (first + 0.1 * second)) < 1e-4


def test_ids_move_with_their_texts():
    columns = {"query": drawn(3, 4), "positive": drawn(3, 4, seed=1),
               "query_id": jnp.array([0, 0, 1]), "positive_id": jnp.array([2, 3, 4])}  # fmt: skip
    turned = InRoles(inner=InfoNCE(), query="positive", positive="query")
    swapped = {"query": columns["positive"], "positive": columns["query"],
               "query_id": columns["positive_id"], "positive_id": columns["query_id"]}  # fmt: skip
    assert total(turned, columns) == total(InfoNCE(), swapped)
    assert total(turned, columns) != total(InfoNCE(), columns)


def test_embedded_items_that_are_padding_do_not_count():
    query, parts = drawn(4, 8), drawn(4, 3, 8, seed=1)
    real = np.array([[1, 1, 0]] * 4, bool)
    seen = Embedded(parts, jnp.asarray(real))
    loss = Composed(inner=InfoNCE())
    wanted = total(loss, {"query": query, "positive": parts[:, :2]})
    assert abs(total(loss, {"query": query, "positive": seen}) - wanted) < 1e-6
