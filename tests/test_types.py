"""Arrays have the shapes and types that signatures say, wherever a part is traced."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.losses import reduce
from jaxemb.nn import attend
from jaxemb.text import TextBatch
from tests import calls, contracts, toy_runs
from tests.losses.samples import SAMPLES, as_jax

EMBEDDERS = contracts.rows()
KEY = jax.random.key(0)


@pytest.mark.parametrize("name", EMBEDDERS)
def test_an_embedder_is_traced_forward_and_backward(name):
    embedder, rows = EMBEDDERS[name], 3
    ids = jnp.ones((rows, contracts.TOKENS), jnp.int32)
    batch = TextBatch(ids, jnp.arange(contracts.TOKENS) < jnp.array([[8], [3], [1]]))
    params = jax.eval_shape(embedder.init, KEY)

    def total(params):
        return jnp.sum(embedder.apply(params, batch, keys=jax.random.split(KEY, rows)))

    slopes = jax.eval_shape(jax.grad(total), params)
    assert jax.tree.structure(slopes) == jax.tree.structure(params)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_loss_is_traced(name):
    loss = SAMPLES[name].loss
    columns = as_jax(SAMPLES[name].columns(np.random.default_rng(0), 8))
    state = jax.eval_shape(functools.partial(loss.init, KEY), columns)

    def value(state, columns):
        return reduce(loss.apply(state, columns, key=KEY)[0])[0]

    assert jax.eval_shape(value, state, columns).shape == ()


@pytest.mark.parametrize("row", calls.ROWS, ids=lambda row: type(row.part).__name__)
def test_a_part_is_traced(row):
    inputs = row.draw()
    params = jax.eval_shape(lambda x: row.kind.init(row.part, KEY, x), inputs)
    found = jax.eval_shape(lambda p, x: row.kind.call(row.part, p, x), params, inputs)
    assert found.shape == row.shape


def test_another_shape_is_refused():
    """Else nothing here is checked at all."""
    query, allowed = jnp.ones((2, 4, 3, 8)), jnp.ones((1, 1, 1, 3), bool)
    with pytest.raises(Exception, match="states|key"):
        attend(query, jnp.ones((2, 4, 5, 8)), query, allowed)


def test_a_run_from_data_to_scores(tmp_path):
    assert toy_runs.run(tmp_path, claims=())["failed"] == []
