"""FLOPs and parameters from shapes, against counts by hand."""

import jax
import jax.numpy as jnp
import pytest

from jaxemb import recipes
from jaxemb.analysis import costs
from jaxemb.config import override_all
from jaxemb.losses import Vector
from jaxemb.study.planning import need
from jaxemb.training import Full, GradCache, Microbatch, Rematerialize


def shape(*sizes: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sizes, jnp.float32)


def scanned(x):
    return jax.lax.scan(lambda carry, _: (carry @ carry, None), x, None, length=5)[0]


def batched(a, b):
    return jnp.einsum("bij,bkj->bik", a, b)


def grouped(a, b):
    return jax.lax.ragged_dot(a, b, jnp.array([1, 0, 3, 2], jnp.int32))


def branching(x):
    return jax.lax.cond(x.sum() > 0, scanned, lambda y: y @ y, x)


def convolved(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
    )


@pytest.mark.parametrize(
    ("function", "shapes", "flops"),
    [
        (lambda a, b: a @ b, (shape(2, 3), shape(3, 5)), 2 * 2 * 3 * 5),
        (batched, (shape(4, 2, 3), shape(4, 5, 3)), 2 * 4 * 2 * 3 * 5),
        (jax.jit(lambda a: (a @ a).sum()), (shape(3, 3),), 2 * 27),
        (scanned, (shape(3, 3),), 5 * 2 * 27),
        (branching, (shape(3, 3),), 5 * 2 * 27),
        (jax.checkpoint(lambda a: a @ a), (shape(3, 3),), 2 * 27),
        (convolved, (shape(1, 7, 3), shape(5, 3, 4)), 2 * 7 * 4 * 5 * 3),
        (grouped, (shape(6, 3), shape(4, 3, 5)), 2 * 6 * 3 * 5),
        (jax.value_and_grad(lambda a, b: grouped(a, b).sum(), (0, 1)), (shape(6, 3), shape(4, 3, 5)),
         3 * 2 * 6 * 3 * 5),
        (lambda a: a + a, (shape(3, 3),), 0),
    ],
)  # fmt: skip
def test_products_are_counted(function, shapes, flops):
    assert costs.product_flops(function, *shapes) == flops


def test_a_transformer_by_hand():
    recipe = recipes.pair_retriever()
    encoder, tokens = recipe.embedder.encoder, recipe.embedder.text.max_tokens
    width, hidden = encoder.width, encoder.hidden or 4 * encoder.width
    dense = 2 * tokens * (4 * width * width + 2 * width * hidden)
    attention = 2 * 2 * tokens * tokens * width
    counted = costs.column_flops(recipe.embedder, "positive", Vector())
    assert encoder.layers * (dense + attention) == pytest.approx(counted, rel=0.01)
    train = recipe.stages[-1]
    both = counted + costs.column_flops(recipe.embedder, "query", Vector())
    expected = 3 * train.budget.steps * train.data.batch_size * both
    assert costs.of_recipe(recipe)["flops"] == expected


def test_a_static_bag_trains_nothing():
    recipe = recipes.static_bag()
    assert costs.of_recipe(recipe) == {
        "parameters": recipe.embedder.text.vocabulary * recipe.embedder.encoder.width, "flops": 0,
    }  # fmt: skip


def test_bytes_a_device():
    recipe = recipes.pair_retriever()
    count = costs.of_recipe(recipe)["parameters"]
    one, eight = need(recipe), need(recipe, 8, "fsdp")
    assert one.parameters == one.gradients == 4 * count
    assert one.optimizer == pytest.approx(2 * one.parameters, rel=0.01)
    assert eight.parameters == pytest.approx(one.parameters / 8, rel=0.1)
    assert eight.activations == pytest.approx(one.activations / 8, rel=0.1)
    assert one.total == sum((one.parameters, one.gradients, one.optimizer, one.activations))
    assert (
        need(recipes.static_bag()).total == 4 * costs.of_recipe(recipes.static_bag())["parameters"]
    )


@pytest.mark.slow
def test_bytes_of_a_chunk_are_those_of_all_its_texts_on_a_device():
    recipe = recipes.pair_retriever()
    rows = recipe.stages[-1].data.batch_size

    def activations(gradients, devices=1, dtype="float32"):
        changes = {"train.gradients": gradients, "runtime.dtype": dtype}
        return need(override_all(recipe, changes), devices).activations

    whole = activations(Full())
    quarter = GradCache(chunk=rows // 4)
    assert activations(GradCache(chunk=rows)) == whole
    assert activations(quarter) == pytest.approx(whole / 4, rel=0.1)
    assert activations(Microbatch(pieces=4)) == activations(quarter)
    assert activations(Rematerialize(inner=quarter)) == activations(quarter)
    assert activations(quarter, devices=8) == pytest.approx(whole / 32, rel=0.3)
    assert activations(Full(), dtype="bfloat16") < 0.8 * whole
