"""Wrappers: prefixes, sampled prefixes and layers compose with each other and with any loss."""

import dataclasses
import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.losses import (
    Cosine,
    Depths,
    InfoNCE,
    LayerWise,
    Loss,
    Matryoshka,
    SampledDimension,
    Term,
    check_columns,
    column,
    reduce,
)

KEY = jax.random.key(3)


def vectors(*middle: int, rows: int = 6, dim: int = 8, negatives: int = 2) -> dict:
    """Columns of `[rows, *middle, dim]`."""
    keys = jax.random.split(KEY, 3)
    return {
        "query": jax.random.normal(keys[0], (rows, *middle, dim)),
        "positive": jax.random.normal(keys[1], (rows, *middle, dim)),
        "negatives": jax.random.normal(keys[2], (rows, negatives, *middle, dim)),
        "query_id": jnp.arange(rows),
    }


@functools.partial(jax.jit, static_argnums=0)
def terms(loss: Loss, columns: dict, key=KEY) -> tuple:
    return reduce(loss(columns, key=key))


def total(loss: Loss, columns: dict, key=KEY) -> float:
    return float(terms(loss, columns, key)[0])


def cut(columns: dict, dim: int) -> dict:
    return {n: x[..., :dim] if n in InfoNCE.vectors else x for n, x in columns.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread(Loss):
    """A loss over one column, unlike InfoNCE: the squared length of each vector."""

    needs: ClassVar[tuple[str, ...]] = ("query",)
    vectors: ClassVar[tuple[str, ...]] = ("query",)

    def __call__(self, columns, *, key, axis=None):
        value = jnp.sum(column(columns, "query", "rows dim") ** 2, axis=-1)
        return {"spread": Term(value, jnp.ones_like(value))}


def test_matryoshka_is_the_weighted_sum_over_prefixes():
    columns = vectors()
    loss = Matryoshka(inner=InfoNCE(), dims=(2, 4, 8), weights=(1.0, 0.5, 2.0))
    parts = [total(InfoNCE(), cut(columns, d)) for d in (2, 4, 8)]
    np.testing.assert_allclose(
        total(loss, columns), parts[0] + 0.5 * parts[1] + 2 * parts[2], rtol=1e-6
    )
    assert set(loss(columns, key=KEY)) == {"dim2/query", "dim4/query", "dim8/query"}


def test_a_masked_prefix_has_the_cosine_of_a_cut_one():
    columns = vectors()
    masked = jnp.where(jnp.arange(8) < 3, columns["query"], 0)
    np.testing.assert_allclose(
        Cosine()(masked, masked),
        Cosine()(columns["query"][:, :3], columns["query"][:, :3]),
        atol=1e-7,
    )


def test_a_sampled_dimension_is_full_width_plus_one_drawn_prefix():
    columns, dims = vectors(), (2, 5)
    loss = SampledDimension(inner=InfoNCE(), dims=dims)
    full = total(InfoNCE(), columns)
    allowed = [full + total(InfoNCE(), cut(columns, d)) for d in dims]
    drawn = {round(total(loss, columns, jax.random.key(i)), 3) for i in range(12)}
    assert drawn == {round(value, 3) for value in allowed}


def test_every_draw_is_one_program():
    columns = vectors(3)
    loss = LayerWise(inner=SampledDimension(inner=InfoNCE(), dims=(2, 5)))
    traces = []

    @jax.jit
    def value(key):
        traces.append(1)
        return reduce(loss(columns, key=key))[0]

    values = {round(float(value(jax.random.key(i))), 3) for i in range(24)}
    assert len(traces) == 1 and len(values) == 4  # two layers times two prefixes


def test_with_equal_layers_full_width_and_no_alignment_it_is_four_times_the_loss():
    columns = vectors()
    repeated = {
        n: jnp.stack([x, x, x], axis=-2) if n in InfoNCE.vectors else x for n, x in columns.items()
    }
    inner = SampledDimension(inner=InfoNCE(), dims=(8,))
    loss = LayerWise(inner=inner, alignment=0.0)
    np.testing.assert_allclose(total(loss, repeated), 4 * total(InfoNCE(), columns), rtol=1e-6)
    _, parts = terms(LayerWise(inner=inner, alignment=1.0), repeated)
    assert abs(float(parts["alignment"])) < 1e-6


def test_the_alignment_is_the_divergence_from_teacher_to_student():
    columns = vectors(2)
    _, parts = terms(LayerWise(inner=InfoNCE(), alignment=2.0, temperature=0.3), columns)

    def softmax(x):
        x = np.exp(x.astype(np.float64) / 0.3)
        return x / x.sum(-1, keepdims=True)

    texts = []
    for name in InfoNCE.vectors:
        x = np.asarray(columns[name])
        teacher, student = softmax(x[..., -1, :]), softmax(x[..., 0, :])
        texts.append((teacher * np.log(teacher / student)).sum(-1).reshape(6, -1))
    np.testing.assert_allclose(parts["alignment"], 2 * np.concatenate(texts, 1).mean(), rtol=1e-5)


def test_no_gradient_of_the_alignment_reaches_the_last_layer():
    def alignment(columns):
        _, parts = terms(LayerWise(inner=InfoNCE()), {**columns, "query_id": jnp.arange(6)})
        return parts["alignment"]

    columns = {n: x for n, x in vectors(2).items() if n != "query_id"}
    for gradient in jax.grad(alignment)(columns).values():
        assert (gradient[..., -1, :] == 0).all() and (gradient[..., 0, :] != 0).any()


def test_the_last_layer_is_never_drawn_as_the_shallow_one():
    columns = vectors(2)
    shallow = total(InfoNCE(), {n: x[..., 0, :] if x.ndim > 1 else x for n, x in columns.items()})
    for i in range(8):
        _, parts = terms(LayerWise(inner=InfoNCE()), columns, jax.random.key(i))
        np.testing.assert_allclose(parts["shallow/query"], shallow, rtol=1e-6)


@pytest.mark.parametrize("inner", [InfoNCE(), Spread()])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: Matryoshka(inner=LayerWise(inner=x), dims=(4, 8)),
        lambda x: LayerWise(inner=Matryoshka(inner=x, dims=(4, 8))),
        lambda x: SampledDimension(
            inner=Matryoshka(inner=LayerWise(inner=x), dims=(4,)), dims=(6,)
        ),
        lambda x: LayerWise(
            inner=SampledDimension(inner=Matryoshka(inner=x, dims=(4, 8)), dims=(6,))
        ),
    ],
)
def test_wrappers_compose(wrap, inner):
    loss = wrap(inner)
    assert (
        set(loss.reads.values()) == {Depths()}
        and loss.needs == inner.needs
        and loss.vectors == inner.vectors
    )
    columns = {n: x for n, x in vectors(3).items() if n in inner.vectors}
    value, gradient = jax.value_and_grad(lambda c: terms(loss, c)[0])(columns)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() and (g != 0).any() for g in gradient.values())


def test_filler_rows_do_not_count_in_the_alignment():
    columns = vectors(2)
    loss = LayerWise(inner=InfoNCE())
    short = {n: x[:4] for n, x in columns.items()}
    weight = jnp.array([1.0, 1, 1, 1, 0, 0])
    np.testing.assert_allclose(
        total(loss, short), total(loss, columns | {"weight": weight}), rtol=1e-6
    )


def test_what_cannot_work_is_refused_in_a_sentence():
    with pytest.raises(UsageError, match="only 8 numbers"):
        Matryoshka(inner=InfoNCE(), dims=(4, 16))(vectors(), key=KEY)
    with pytest.raises(UsageError, match="only 8 numbers"):
        SampledDimension(inner=InfoNCE(), dims=(16,))(vectors(), key=KEY)
    with pytest.raises(UsageError, match="a length stands there twice"):
        Matryoshka(inner=InfoNCE(), dims=(8, 8), weights=(1.0, 3.0))
    with pytest.raises(UsageError, match="2 weights for 1 dims"):
        Matryoshka(inner=InfoNCE(), dims=(4,), weights=(1.0, 2.0))
    with pytest.raises(UsageError, match="positive length"):
        SampledDimension(inner=InfoNCE(), dims=())
    with pytest.raises(UsageError, match="at least 2 layers"):
        LayerWise(inner=InfoNCE())(vectors(1), key=KEY)
    with pytest.raises(UsageError, match=r"reads \[rows layers dim\]"):
        LayerWise(inner=InfoNCE())(vectors(), key=KEY)
    with pytest.raises(UsageError, match="reads one vector of each text"):
        LayerWise(inner=Matryoshka(inner=LayerWise(inner=InfoNCE()), dims=(4,)))


def test_a_wrapper_needs_what_its_inner_loss_needs():
    class Data:
        columns = ("query", "label")

    with pytest.raises(UsageError, match="needs the column 'positive'.*query, label"):
        check_columns(Matryoshka(inner=InfoNCE(), dims=(4,)), Data())
    check_columns(Spread(), Data())


def test_reduce_is_the_sum_of_weighted_means():
    named = {
        "a": Term(jnp.array([1.0, 3.0]), jnp.array([1.0, 3.0])),
        "b": Term(jnp.array([5.0]), jnp.array([0.0])),
    }
    value, parts = reduce(named)
    assert float(value) == 2.5 and float(parts["a"]) == 2.5 and float(parts["b"]) == 0.0
