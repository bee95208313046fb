"""Every encoder with every pooling and every mask: a cover of all pairs, and the whole table.

A part of the cover runs, which goes round as the sources change. The whole cover, and every
combination there is: python -m pytest tests/test_combinations.py -m "slow or not slow".
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError, override
from jaxemb.text import TextBatch
from tests import contracts
from tests.covers import pairs, pairwise

OTHER_WIDTH = ("recurrent", "convolution_windows")  # their states are as wide as they say
SLOTS = ("encoder", "pooling", "encoder.mask")
LENGTHS = np.array([8, 5, 3, 2])
MASK = jnp.asarray(np.arange(contracts.TOKENS) < LENGTHS[:, None])
IDS = jax.random.randint(jax.random.key(0), MASK.shape, 5, contracts.VOCABULARY)
KEYS = jax.random.split(jax.random.key(1), len(LENGTHS))
ORDER = np.array([2, 0, 3, 1])


@functools.cache
def parts() -> dict[str, dict]:
    """The parts of each slot by name, in the form in which the table of parts has them."""
    found = {slot: {} for slot in SLOTS}
    for row, embedder in contracts.rows().items():
        slot, name = row.split("=")
        if slot in found:
            part = embedder
            for field in slot.split("."):
                part = getattr(part, field)
            found[slot][name] = part
    return found


def embedder_of(encoder: str, pooling: str, mask: str):
    made = override(contracts.base(), "encoder", parts()["encoder"][encoder])
    made = override(made, "pooling", parts()["pooling"][pooling])
    return override(made, "encoder.mask", parts()["encoder.mask"][mask]) if mask else made


def combinations() -> list[tuple[str, str, str]]:
    """Encoder, pooling and mask, "" for an encoder that has none."""
    encoders, poolings, masks = (parts()[slot] for slot in SLOTS)
    masked = {
        name: masks if hasattr(encoder, "mask") else ("",) for name, encoder in encoders.items()
    }
    return [
        (encoder, pooling, mask)
        for encoder in encoders
        for pooling, mask in itertools.product(poolings, masked[encoder])
    ]


@functools.cache
def cover() -> tuple[tuple[str, str, str], ...]:
    """Combinations in which each pair of parts stands together at least once."""
    return tuple(pairwise(combinations()))


def _parameters() -> list:
    chosen = set(cover())
    marks = {row: () if row in chosen else (pytest.mark.slow,) for row in combinations()}
    return [
        pytest.param(row, marks=own, id="-".join(filter(None, row))) for row, own in marks.items()
    ]


def test_the_cover_has_every_pair_and_is_no_larger_than_it_must_be():
    rows = combinations()
    assert set().union(*map(pairs, cover())) == set().union(*map(pairs, rows))
    poolings, masks = (len(parts()[slot]) for slot in SLOTS[1:])
    assert len(cover()) < len({row[0] for row in rows}) * poolings + masks * poolings


@pytest.mark.in_turn(12)
@pytest.mark.parametrize("row", _parameters())
def test_parts_fit_together(row):
    """Finite, one program per shape, blind to padding and to the other rows, the same in `pmap`."""
    embedder = embedder_of(*row)
    try:
        params = jax.jit(embedder.init)(jax.random.key(2))
    except UsageError as refused:  # a pooling that needs the width of the tokens, or an even one
        assert row[0] in OTHER_WIDTH, refused
        return
    weight = jax.random.normal(jax.random.key(4), (len(LENGTHS), embedder.dim))

    @functools.partial(jax.jit)
    @functools.partial(jax.value_and_grad, has_aux=True)
    def measured(params, weight, ids, mask, keys):
        vectors = embedder.apply(params, TextBatch(ids, mask), keys=keys)
        return jnp.sum(weight * vectors), vectors

    (_, vectors), slopes = measured(params, weight, IDS, MASK, KEYS)
    assert vectors.shape == (len(LENGTHS), embedder.dim) and np.isfinite(vectors).all()
    assert all(np.isfinite(slope).all() for slope in jax.tree.leaves(slopes))
    other = jnp.where(MASK, IDS, (IDS + 3) % contracts.VOCABULARY)
    (_, clean), _ = measured(params, weight, other, MASK, KEYS)
    np.testing.assert_array_equal(clean, vectors)
    (_, moved), _ = measured(params, weight, IDS[ORDER], MASK[ORDER], KEYS[ORDER])
    np.testing.assert_allclose(moved, vectors[ORDER], atol=2e-5)
    assert measured._cache_size() == 1

    @functools.partial(jax.pmap, in_axes=(None, 0, 0, 0))
    def mapped(params, ids, mask, keys):
        return embedder.apply(params, TextBatch(ids, mask), keys=keys)

    (there,) = mapped(params, IDS[None], MASK[None], KEYS[None])
    np.testing.assert_allclose(there, vectors, atol=2e-5)
