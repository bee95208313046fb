"""What every layer and loss must do by itself, and that no public part lacks its row."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb import encoders, fitting, heads, losses, nn
from jaxemb.config import choices, from_json, to_json
from jaxemb.fitting import Vocabulary
from jaxemb.model import Transform
from jaxemb.text import TextBatch
from jaxemb.training import Stage
from tests import contracts, toy
from tests.calls import ESTIMATORS, INSIDE_ROWS, ROWS, B, Inputs, Row, public_parts
from tests.losses import samples


def over(rows) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=lambda row: type(row.part).__name__)


def shapes(row: Row, part):
    return jax.eval_shape(lambda x: row.kind.init(part, jax.random.key(0), x), row.draw())


@functools.cache
def params(row: Row):
    """Drawn anew, away from the zeros and identities that layers start with."""
    rng = np.random.default_rng(3)
    return jax.tree.map(
        lambda x: rng.normal(size=x.shape).astype(x.dtype) / 2, shapes(row, row.part)
    )


@functools.cache
def compiled(row: Row):
    """The part's call, and a list that grows by one whenever it is traced."""
    traces = []

    def call(params, inputs):
        traces.append(None)
        return row.kind.call(row.part, params, inputs)

    return jax.jit(call), traces


@functools.cache
def slope(row: Row):
    """The gradient of a random combination of the outputs, to parameters and real inputs."""
    weights = np.random.default_rng(5).normal(size=row.shape).astype(np.float32)

    def combined(params, floats, others):
        return jnp.sum(weights * row.kind.call(row.part, params, floats | others))

    return jax.jit(jax.grad(combined, argnums=(0, 1)))


def gradients(row: Row, inputs: Inputs):
    floats = {name: x for name, x in inputs.items() if x.dtype == np.float32}
    others = {name: x for name, x in inputs.items() if name not in floats}
    return slope(row)(params(row), floats, others)


def output(row: Row, inputs: Inputs):
    return compiled(row)[0](params(row), inputs)


def finite(tree) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))


def moves(tree) -> bool:
    return any(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(tree))


def with_other_padding(inputs: Inputs, seed: int) -> Inputs:
    """The same real content, other content in the place of padding."""
    rng, mask = np.random.default_rng(seed), inputs["mask"]

    def other(x: np.ndarray) -> np.ndarray:
        if x is mask or x.shape[: mask.ndim] != mask.shape:
            return x
        real = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))
        is_id = x.dtype.kind == "i"
        junk = rng.integers(0, B, x.shape) if is_id else 100 * rng.normal(size=x.shape)
        return np.where(real, x, junk.astype(x.dtype))

    return {name: other(x) for name, x in inputs.items()}


def with_blank_row(inputs: Inputs) -> Inputs:
    """The first row has no real token, and zeros throughout."""
    rows = {name: x.copy() for name, x in inputs.items()}
    for name in rows.keys() - {"key"}:
        rows[name][0] = 0
    return rows


def test_every_public_part_has_a_row():
    covered = {type(row.part) for row in ROWS} | {type(part) for part in ESTIMATORS}
    for base in (*contracts.SLOTS.values(), *INSIDE_ROWS, Stage, Transform):
        covered |= set(choices(base).values())
    covered |= {losses.States}  # its test is in model/
    # Those of these forms and of language models' heads are in nn/, encoders/ and heads/.
    covered |= {encoders.Layer, nn.MultiHead}
    for base in (nn.RotaryScaling, heads.Output, heads.StateTransform, encoders.LayerLoop):
        covered |= set(choices(base).values())
    # Their tests are in fitting/.
    covered |= {fitting.Whitening, fitting.ParagraphTable, fitting.MeanRows}
    covered |= {type(part) for part in samples.parts()}  # tested in losses/test_every_loss.py
    missing = [name for name, cls in public_parts().items() if cls not in covered]
    assert not missing, f"add rows to tests/calls.py for {', '.join(missing)}"


def test_the_search_for_public_parts_finds_them():
    found = public_parts()
    assert {"pooling.Mean", "nn.SelfAttention", "losses.LayerWise", "fitting.PPMISVD"} <= set(found)
    assert not {"pooling.Pooling", "nn.PositionEncoding", "losses.Wrapper"} & set(found)


@over(ROWS)
def test_shape_and_dtype(row):
    result = output(row, row.draw())
    assert result.shape == row.shape
    assert result.dtype == jnp.float32
    assert finite(result)


@over(ROWS)
def test_one_shape_is_compiled_once(row):
    first, second = (np.asarray(output(row, row.draw(seed))) for seed in (0, 1))
    assert len(compiled(row)[1]) == 1
    assert np.any(first != second), "the output ignores the input"


@over(ROWS)
def test_gradients_are_finite_and_reach_parameters_and_inputs(row):
    of_params, of_inputs = gradients(row, row.draw())
    assert finite((of_params, of_inputs))
    assert moves(of_inputs)
    assert moves(of_params) or not jax.tree.leaves(of_params)


@over([row for row in ROWS if "mask" in row.draw()])
def test_what_padding_holds_does_not_matter(row):
    inputs = row.draw()
    clean, other = output(row, inputs), output(row, with_other_padding(inputs, seed=9))
    np.testing.assert_allclose(
        row.visible(other, inputs), row.visible(clean, inputs), rtol=1e-5, atol=1e-6
    )


@over(ROWS)
def test_permuting_rows_permutes_results(row):
    inputs, order = row.draw(), np.array([2, 0, 3, 1])
    moved = {name: x[order] for name, x in inputs.items()}
    np.testing.assert_allclose(
        row.visible(output(row, moved), moved),
        row.visible(output(row, inputs), inputs)[order],
        rtol=1e-5,
        atol=1e-6,
    )


@over(ROWS)
def test_a_blank_row_stays_finite_with_its_gradient(row):
    inputs = with_blank_row(row.draw())
    assert finite(output(row, inputs))
    assert finite(gradients(row, inputs))


READERS = ("encoder.mask=", "encoder=", "pooling=", "head=")


@pytest.mark.in_turn
@pytest.mark.parametrize("name", [n for n in contracts.rows() if n.startswith(READERS)])
def test_a_text_without_tokens_stays_finite_with_its_gradient(name):
    embedder = contracts.rows()[name]
    mask = np.arange(contracts.TOKENS) < np.array([[0], [3]])
    batch = TextBatch(jnp.where(mask, 7, 0), jnp.asarray(mask))

    @jax.jit
    @jax.value_and_grad
    def value_and_slope(params):
        return jnp.sum(embedder.apply(params, batch) ** 3)

    assert finite(value_and_slope(jax.jit(embedder.init)(jax.random.key(0))))


@over([row for row in ROWS if row.configurable])
def test_json_gives_the_part_back(row):
    again = from_json(json.loads(json.dumps(to_json(row.part))))
    assert again == row.part
    assert shapes(row, again) == shapes(row, row.part)


@pytest.mark.parametrize("part", ESTIMATORS, ids=lambda part: type(part).__name__)
def test_estimators_are_deterministic_and_keep_the_parameters_shapes(part):
    assert from_json(to_json(part)) == part
    assert not part.stochastic
    texts = ["join a list of strings", "a list of numbers", "strings and numbers join"] * 3
    model = Vocabulary().fit(toy.model(), texts, jax.random.key(0))
    before = jax.tree.map(np.asarray, model.params)
    first, second = (part.fit(model, iter(texts), jax.random.key(n)) for n in (0, 1))
    assert first.tokenizer.to_json() == second.tokenizer.to_json()
    jax.tree.map(np.testing.assert_array_equal, first.params, second.params)
    jax.tree.map(np.testing.assert_array_equal, model.params, before)
    assert jax.tree.map(jnp.shape, first.params) == jax.tree.map(jnp.shape, before)
