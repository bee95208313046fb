"""Functions of ids beside numpy's polynomials, and what a table-free embedding is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import chebyshev, legendre
from scipy.special import eval_hermite, eval_laguerre, gammaln

from jaxemb.tokens import (
    BasisEmbedding,
    BasisFeatures,
    Chebyshev,
    Fourier,
    Hermite,
    Laguerre,
    Legendre,
    PermutedIds,
    RandomFeatures,
)

VOCABULARY, WIDTH = 301, 24
IDS = np.arange(VOCABULARY)
PLACES = 2 * IDS / (VOCABULARY - 1) - 1


def fourier(x):
    f = np.arange(WIDTH) // 2 + 1
    angle = np.pi * x[:, None] * f
    return np.where(np.arange(WIDTH) % 2 == 0, np.sin(angle), np.cos(angle))


def hermite(x):
    n, z = np.arange(WIDTH), 8 * x[:, None]
    size = np.exp(-(n * np.log(2) + gammaln(n + 1) + np.log(np.pi) / 2 + z * z) / 2)
    return size * eval_hermite(n, z)


def laguerre(x):
    z = 32 * (x[:, None] + 1) / 2
    return np.exp(-z / 2) * eval_laguerre(np.arange(WIDTH), z)


REFERENCES = {
    Fourier(): fourier,
    Chebyshev(): lambda x: chebyshev.chebvander(x, WIDTH)[:, 1:],
    Legendre(): lambda x: (legendre.legvander(x, WIDTH) * np.sqrt(np.arange(WIDTH + 1) + 0.5))[:, 1:],
    Hermite(): hermite,
    Laguerre(): laguerre,
}  # fmt: skip


@pytest.mark.parametrize("basis", REFERENCES, ids=lambda basis: type(basis).__name__)
def test_a_basis_is_its_formula(basis):
    found = basis(jnp.asarray(IDS), vocabulary=VOCABULARY, width=WIDTH)
    np.testing.assert_allclose(found, REFERENCES[basis](PLACES), atol=2e-4)


@pytest.mark.parametrize("basis", [*REFERENCES, RandomFeatures()])
def test_wide_bases_of_many_ids_stay_finite_and_tell_ids_apart(basis):
    ids = jnp.asarray(np.random.default_rng().choice(np.arange(1, 30521), 200, replace=False))
    found = np.asarray(basis(ids, vocabulary=30522, width=512))
    assert np.isfinite(found).all()
    assert len({row.tobytes() for row in found}) == 200


def test_fourier_features_are_orthogonal_over_ids_and_of_one_length():
    found = np.asarray(Fourier()(jnp.asarray(IDS), vocabulary=VOCABULARY, width=256), np.float64)
    np.testing.assert_allclose((found**2).sum(1), 256 / 2, rtol=1e-5)
    gram = found[:-1].T @ found[:-1]
    np.testing.assert_allclose(gram, (VOCABULARY - 1) / 2 * np.eye(256), atol=1e-3)


def test_the_first_and_the_last_id_have_one_vector_and_no_others_have():
    found = np.asarray(Fourier()(jnp.asarray(IDS), vocabulary=VOCABULARY, width=256), np.float64)
    distance = np.linalg.norm(found[:, None] - found[None], axis=-1)
    assert distance[0, -1] < 1e-4
    inside = distance[1:-1, 1:-1] + np.eye(VOCABULARY - 2) * 9
    assert inside.min() > 1


def test_high_frequencies_keep_their_phase():
    """In float32 the product of frequency and place alone would be off by more than this."""
    ids = np.random.default_rng().integers(0, 250_002, 50)
    found = Fourier()(jnp.asarray(ids), vocabulary=250_002, width=4096)
    f = np.arange(4096) // 2 + 1
    angle = np.pi * f * (2 * ids[:, None] / 250_001 - 1)
    expected = np.where(np.arange(4096) % 2 == 0, np.sin(angle), np.cos(angle))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_parameters_do_not_depend_on_the_vocabulary_and_a_silent_network_leaves_the_basis():
    embedding, ids = BasisEmbedding(hidden=5), jnp.asarray([[3, 7, 11]])
    drawn = [
        embedding.init(jax.random.key(0), ids, vocabulary=v, width=WIDTH) for v in (50, 50_000)
    ]
    assert jax.tree.map(jnp.shape, drawn[0]) == jax.tree.map(jnp.shape, drawn[1])
    params = drawn[0]["params"]
    silent = {"network": params["network"] | {
        "output": jax.tree.map(jnp.zeros_like, params["network"]["output"])
    }}  # fmt: skip
    options = {"vocabulary": 50, "width": WIDTH}
    found = embedding.apply({"params": silent}, ids, **options)
    np.testing.assert_array_equal(found, BasisFeatures().apply({}, ids, **options))
    assert np.abs(embedding.apply(drawn[0], ids, **options) - found).max() > 0


def test_random_features_belong_to_the_id():
    once = RandomFeatures()(jnp.asarray([[4, 9], [9, 4]]), vocabulary=10, width=8)
    np.testing.assert_array_equal(once[0], once[1, ::-1])
    assert np.any(RandomFeatures(seed=1)(jnp.asarray([4]), vocabulary=10, width=8) != once[0, 0])


def test_permuted_ids_have_the_features_of_one_another_in_an_order_of_the_seed_s():
    plain = np.asarray(Chebyshev()(jnp.asarray(IDS), vocabulary=VOCABULARY, width=4))
    basis = PermutedIds(inner=Chebyshev(), seed=3)
    moved = np.asarray(basis(jnp.asarray([IDS, IDS]), vocabulary=VOCABULARY, width=4))
    order = np.random.default_rng(3).permutation(VOCABULARY)
    np.testing.assert_array_equal(moved, [plain[order]] * 2)
    assert sorted(order.tolist()) == IDS.tolist() and (order != IDS).mean() > 0.9
    assert np.any(PermutedIds(seed=4)(jnp.asarray(IDS), vocabulary=VOCABULARY, width=4)
                  != PermutedIds(seed=3)(jnp.asarray(IDS), vocabulary=VOCABULARY, width=4))  # fmt: skip


def test_how_near_the_nearest_ids_are_is_bounded_by_the_highest_frequency():
    """Few frequencies cannot tell the neighbours of a large vocabulary apart."""
    for vocabulary, width in ((301, 128), (8192, 128)):
        found = Fourier()(jnp.arange(vocabulary), vocabulary=vocabulary, width=width)
        step = np.linalg.norm(np.diff(np.asarray(found, np.float64), axis=0), axis=1)
        f = np.arange(1, width // 2 + 1)
        expected = np.sqrt(np.sum(4 * np.sin(np.pi * f / (vocabulary - 1)) ** 2))
        np.testing.assert_allclose(step, expected, rtol=1e-3)
