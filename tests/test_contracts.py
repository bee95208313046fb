"""What every part must do, over one table of all parts.

Each part has a third of these tests, and each test a third of the parts; which one goes round as the
sources change. All of them: python -m pytest tests/test_contracts.py -m "slow or not slow".
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import from_json, to_json
from jaxemb.text import TextBatch
from tests.contracts import TOKENS, VOCABULARY, rows

ROWS = rows()
LENGTHS = np.array([8, 5, 3, 2])
MASK = jnp.asarray(np.arange(TOKENS) < LENGTHS[:, None])
IDS = jnp.where(MASK, jax.random.randint(jax.random.key(0), MASK.shape, 5, VOCABULARY), 0)
BATCH = TextBatch(IDS, MASK)
KEYS = jax.random.split(jax.random.key(1), len(LENGTHS))

# Parameters that cannot matter. A bias on every key adds one number to all of a query's scores, which
# softmax ignores; and at a decoder's first step there is but one token for itself to read.
IDLE = (
    "['key']['bias']",
    *(f"['pooling']['decoder']['block_0']['attention']['{n}']" for n in ("key", "query")),
)


pytestmark = pytest.mark.in_turn(16)


def pytest_generate_tests(metafunc):
    if "embedder" in metafunc.fixturenames:
        metafunc.parametrize("embedder", ROWS, indirect=True)


@pytest.fixture
def embedder(request):
    return ROWS[request.param]


@functools.lru_cache
def fitted(embedder):
    """Parameters away from their initial zeros and ones, so that every path counts."""
    rng = np.random.default_rng(3)
    return jax.tree.map(
        lambda x: jnp.asarray(x + 0.2 * rng.normal(size=x.shape), jnp.float32), initial(embedder)
    )


@functools.lru_cache
def initial(embedder):
    return jax.jit(embedder.init)(jax.random.key(2))


@functools.partial(jax.jit, static_argnums=0)
def embed(embedder, params, batch, keys=None):
    return embedder.apply(params, batch, keys=keys)


def test_the_result_is_one_finite_float32_vector_a_text(embedder):
    vectors = embed(embedder, initial(embedder), BATCH)
    assert vectors.shape == (len(LENGTHS), embedder.dim) and vectors.dtype == jnp.float32
    assert np.isfinite(vectors).all()


def test_a_shape_is_compiled_once(embedder):
    params = fitted(embedder)
    once = embed(embedder, params, BATCH)
    programs = embed._cache_size()
    again = embed(embedder, params, TextBatch(jnp.flip(IDS, 0), jnp.flip(MASK, 0)))
    assert embed._cache_size() == programs
    np.testing.assert_allclose(once, jnp.flip(again, 0), atol=1e-5)


def test_gradients_are_finite_and_reach_every_parameter(embedder):
    params = fitted(embedder)
    weight = jax.random.normal(jax.random.key(4), (len(LENGTHS), embedder.dim))

    def loss(params):
        return jnp.sum(weight * embedder.apply(params, BATCH, keys=KEYS))

    for path, slope in jax.tree_util.tree_flatten_with_path(jax.jit(jax.grad(loss))(params))[0]:
        name = jax.tree_util.keystr(path)
        assert np.isfinite(slope).all(), name
        if not any(idle in name for idle in IDLE):
            assert np.abs(slope).max() > 0, name


def test_what_padding_holds_does_not_matter(embedder):
    params = fitted(embedder)
    dirty = TextBatch(jnp.where(MASK, IDS, 7), MASK)
    for keys in (None, KEYS):
        clean, other = (embed(embedder, params, b, keys) for b in (BATCH, dirty))
        np.testing.assert_array_equal(clean, other)


def test_how_far_a_batch_is_padded_does_not_matter(embedder):
    params = fitted(embedder)
    wide = TextBatch(jnp.pad(IDS, ((0, 0), (0, 5))), jnp.pad(MASK, ((0, 0), (0, 5))))
    narrow, other = (embed(embedder, params, b, KEYS) for b in (BATCH, wide))
    np.testing.assert_allclose(narrow, other, atol=2e-5)


def test_rows_do_not_touch_each_other(embedder):
    """Permuting texts permutes vectors, with dropout on, and a lone text gives the same vector."""
    params, order = fitted(embedder), jnp.array([2, 0, 3, 1])
    vectors = embed(embedder, params, BATCH, KEYS)
    moved = embed(embedder, params, TextBatch(IDS[order], MASK[order]), KEYS[order])
    np.testing.assert_allclose(moved, vectors[order], atol=2e-5)
    alone = embed(embedder, params, TextBatch(IDS[1:2], MASK[1:2]), KEYS[1:2])
    np.testing.assert_allclose(alone, vectors[1:2], atol=2e-5)


def test_json_keeps_the_part_and_its_parameters(embedder):
    again = from_json(to_json(embedder))
    assert again == embedder and to_json(again) == to_json(embedder)
    shapes = jax.eval_shape(again.init, jax.random.key(2))
    assert jax.tree.structure(shapes) == jax.tree.structure(initial(embedder))
    assert [x.shape for x in jax.tree.leaves(shapes)] == [
        x.shape for x in jax.tree.leaves(initial(embedder))
    ]


def test_equal_parts_in_two_places_have_their_own_parameters():
    embedder = ROWS["head=chain"]
    heads = initial(embedder)["head"]
    assert list(heads) == ["heads_0"]


def test_a_cut_embedder_reads_the_same_parameters(embedder):
    params = fitted(embedder)
    depths = jax.jit(embedder.depths)(params, BATCH, keys=KEYS)
    for layers in range(1, embedder.layers + 1):
        cut = embed(embedder.truncated(layers), params, BATCH, KEYS)
        np.testing.assert_allclose(depths[:, layers - 1], cut, atol=1e-5)
