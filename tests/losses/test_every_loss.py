"""Every loss against its definition; filler, zeros, ties and the order of rows do no harm."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import choices, from_json, to_json
from jaxemb.losses import Loss, check_columns, reduce
from tests.losses.references import REFERENCES
from tests.losses.samples import SAMPLES, Sample, as_jax

KEY = jax.random.key(1)
ROWS = 8
DRAWS_BY_PLACE = ("mixed_pairs", "masked_reconstruction", "masked_auto_encoding")
TWO_STEPS = ("queue", "progressive", "composed", "tiled_blocks")


pytestmark = pytest.mark.in_turn(50)


def over_samples() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", SAMPLES)


def drawn(sample: Sample, seed: int = 2, rows: int = ROWS) -> dict[str, Any]:
    return as_jax(sample.columns(np.random.default_rng(seed), rows))


def split(loss: Loss, columns: dict) -> tuple[dict, dict]:
    """What the network made, which is trained, and the rest."""
    learned = {n: x for n, x in columns.items() if n in loss.reads}
    return learned, {n: x for n, x in columns.items() if n not in learned}


def objective(loss: Loss):
    """`state, learned, others -> loss, gradients, memory`, floats of the columns alone."""

    def total(params, floats, rest, memory):
        leaves, structure = jax.tree.flatten(rest)
        leaves = [f if f is not None else x for f, x in zip(floats, leaves, strict=True)]
        columns = jax.tree.unflatten(structure, leaves)
        terms, memory = loss.apply(type(loss.init(KEY, columns))(params, memory), columns, key=KEY)
        return reduce(terms)[0], memory

    def step(params, memory, learned, others):
        rest = {**learned, **others}
        names = {id(x) for x in jax.tree.leaves(learned)}
        floats = [
            x if id(x) in names and x.dtype == jnp.float32 else None for x in jax.tree.leaves(rest)
        ]
        (value, memory), grads = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(
            params, floats, rest, memory
        )
        return value, grads, memory

    return step


@functools.cache
def compiled(name: str):
    return jax.jit(objective(SAMPLES[name].loss))


def outcome(name: str, columns: dict):
    """Loss and gradients of the last of two steps, where the first leaves something behind."""
    loss = SAMPLES[name].loss
    learned, others = split(loss, columns)
    state = loss.init(KEY, columns)
    memory = state.memory
    for _ in range(2 if name in TWO_STEPS else 1):
        value, grads, memory = compiled(name)(state.params, memory, learned, others)
    return value, grads


def finite(tree: Any) -> bool:
    return all(np.isfinite(x).all() for x in jax.tree.leaves(tree))


def test_every_loss_has_a_sample():
    public = {cls for cls in choices(Loss).values() if cls.__module__.startswith("jaxemb.")}
    assert public <= {type(sample.loss) for sample in SAMPLES.values()}


@over_samples()
def test_values_and_gradients_are_finite_and_not_all_zero(name):
    value, grads = outcome(name, drawn(SAMPLES[name]))
    assert np.isfinite(value) and finite(grads)
    assert value != 0 and any(np.any(np.asarray(x)) for x in jax.tree.leaves(grads))


@over_samples()
def test_equals_the_definition_written_out(name):
    if name not in REFERENCES:
        pytest.skip("its parts have tests of their own")
    for seed in (2, 3):
        columns = SAMPLES[name].columns(np.random.default_rng(seed), ROWS)
        value, _ = outcome(name, as_jax(columns))
        np.testing.assert_allclose(value, REFERENCES[name](columns), rtol=2e-5)


def test_few_losses_have_no_reference():
    """Those with drawn parameters or choices, or whose parts have their own tests."""
    elsewhere = {"all_blocks", "joint", "positive_to_positive", "mixed_pairs", "pair_classifier"}
    elsewhere |= {"composed", "late_distillation", "projected", "bag_of_words"}
    elsewhere |= {"reconstruction", "denoising", "tiled_blocks"}
    elsewhere |= {"masked_reconstruction", "masked_auto_encoding"}
    elsewhere |= {"multiple_positives", "deep_pair_classifier"}
    elsewhere |= {"sampled_dimension", "layer_wise"}
    elsewhere |= {"of_parts", "of_slices", "headed", "in_roles"}
    assert set(SAMPLES) - set(REFERENCES) == elsewhere


@over_samples()
def test_json_and_needs(name):
    loss = SAMPLES[name].loss
    assert from_json(to_json(loss)) == loss
    columns = SAMPLES[name].columns(np.random.default_rng(0), 4)
    check_columns(loss, type("Data", (), {"columns": tuple(columns)}))
    assert set(loss.reads) & set(columns)


@over_samples()
def test_filler_rows_change_nothing(name):
    sample = SAMPLES[name]
    columns = drawn(sample)
    before, grads = outcome(name, columns)
    real = columns["weight"] > 0

    def other(x):
        junk = 50 * jax.random.normal(KEY, x.shape) if x.dtype == jnp.float32 else x
        return jnp.where(real.reshape(-1, *[1] * (x.ndim - 1)), x, junk.astype(x.dtype))

    others = {n: jax.tree.map(other, x) for n, x in columns.items() if n != "weight"}
    after, other_grads = outcome(name, {**others, "weight": columns["weight"]})
    np.testing.assert_allclose(after, before, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(grads), jax.tree.leaves(other_grads), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@over_samples()
def test_zero_vectors_ties_and_a_batch_of_filler_stay_finite(name):
    columns = drawn(SAMPLES[name])
    zeros = {n: jax.tree.map(jnp.zeros_like, x) for n, x in columns.items()}
    zeros["weight"] = jnp.ones(ROWS)
    assert finite(outcome(name, zeros)), "all the same"
    value, grads = outcome(name, {**columns, "weight": jnp.zeros(ROWS)})
    assert finite((value, grads)), "nothing real"
    learned = split(SAMPLES[name].loss, columns)[0]
    first = {
        n: jax.tree.map(lambda x: x.at[0].set(jnp.zeros_like(x[0])), x) for n, x in learned.items()
    }
    assert finite(outcome(name, {**columns, **first})), "one row of zeros"


def without_numbers(value: Any) -> Any:
    return jax.tree.map(lambda x: x * jnp.nan if jnp.issubdtype(x.dtype, jnp.inexact) else x, value)


@over_samples()
def test_a_vector_that_is_no_number_is_never_hidden(name):
    columns = drawn(SAMPLES[name])
    learned, _ = split(SAMPLES[name].loss, columns)
    value, _ = outcome(name, columns | {n: without_numbers(x) for n, x in learned.items()})
    assert not np.isfinite(value)


@over_samples()
def test_another_order_of_the_rows_is_the_same_loss(name):
    if name in (*DRAWS_BY_PLACE, "queue", "composed"):
        pytest.skip("draws by place, or forgets by age")
    columns = drawn(SAMPLES[name])
    order = np.random.default_rng(5).permutation(ROWS)
    value, _ = outcome(name, columns)
    moved, _ = outcome(name, jax.tree.map(lambda x: x[order], columns))
    np.testing.assert_allclose(moved, value, rtol=2e-5)
