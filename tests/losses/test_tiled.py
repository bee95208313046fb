"""InfoNCE in tiles: the values, gradients and memories of InfoNCE, and less memory."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.losses import InfoNCE, LossState, TiledInfoNCE, reduce
from tests.losses.samples import SAMPLES, as_jax

KEY = jax.random.key(4)
PLAIN = (
    "queue", "joint", "own_documents", "mixed_pairs", "mixed_list", "late_interaction", "guided",
    "hardness_in_batch", "debiased", "focal",
)  # fmt: skip


def tiled(loss: InfoNCE, tile: int) -> TiledInfoNCE:
    fields = {field.name: getattr(loss, field.name) for field in dataclasses.fields(InfoNCE)}
    return TiledInfoNCE(**fields, tile=tile)


def outcome(loss, columns):
    """Value, gradients by parameters and vectors, and memory."""
    state = loss.init(KEY, columns)
    learned = {n: x for n, x in columns.items() if n in loss.reads}
    others = {n: x for n, x in columns.items() if n not in learned}

    def value(params, learned):
        own = LossState(params, state.memory)
        terms, memory = loss.apply(own, {**others, **learned}, key=KEY)
        return reduce(terms)[0], memory

    by_both = jax.value_and_grad(value, argnums=(0, 1), has_aux=True, allow_int=True)
    (found, memory), grads = jax.jit(by_both)(state.params, learned)
    floats = [x for x in jax.tree.leaves(grads) if x.dtype == jnp.float32]
    return found, floats, memory


@pytest.mark.in_turn(3)
@pytest.mark.parametrize(
    ("name", "tiles"), [("all_blocks", (1, 7, 9)), *((n, (3,)) for n in PLAIN)]
)
def test_tiles_change_nothing_but_memory(name, tiles):
    """Tiles that divide the rows and that do not, of one row, and larger than the batch."""
    loss, draw = SAMPLES[name]
    columns = as_jax(draw(np.random.default_rng(), 7))
    wanted = outcome(loss, columns)
    for found in (outcome(tiled(loss, tile), columns) for tile in tiles):
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5)
        for one, other in zip(found[1], wanted[1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        for one, other in zip(*map(jax.tree.leaves, (found[2], wanted[2])), strict=True):
            np.testing.assert_array_equal(one, other)


def temporary_bytes(loss: InfoNCE, rows: int) -> int:
    """What a gradient takes beside its inputs and outputs."""
    vectors = jax.ShapeDtypeStruct((rows, 16), jnp.float32)
    ids = jax.ShapeDtypeStruct((rows,), jnp.int32)
    shapes = {"query": vectors, "positive": vectors, "query_id": ids, "positive_id": ids}

    def value(columns):
        return reduce(loss(columns, key=KEY))[0]

    gradient = jax.jit(jax.grad(value, allow_int=True))
    return gradient.lower(shapes).compile().memory_analysis().temp_size_in_bytes


def test_memory_grows_with_the_batch_and_not_with_its_square():
    plain, in_tiles = InfoNCE(), TiledInfoNCE(tile=32)
    assert temporary_bytes(plain, 4096) > 3.5 * temporary_bytes(plain, 2048)
    assert temporary_bytes(in_tiles, 4096) < 2.2 * temporary_bytes(in_tiles, 2048)
    assert temporary_bytes(in_tiles, 4096) < 0.05 * temporary_bytes(plain, 4096)


def test_a_tile_has_a_row():
    with pytest.raises(UsageError, match="at least 1, not 0"):
        TiledInfoNCE(tile=0)
