"""Whitened and centred vectors of a fitted head."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.fitting import Slice, Whitening, whitening
from jaxemb.heads import Chain, Identity, Linear
from jaxemb.model import Model
from tests.contracts import base

TEXTS = [
    " ".join(pair)
    for pair in zip(
        ["the", "cat", "saw", "a", "big", "red", "dog", "on", "it"] * 9,
        ["one", "two", "three", "four", "five", "six", "seven"] * 12,
        strict=False,
    )
]


def fitted(whitening, dim):
    embedder = dataclasses.replace(base(), head=Chain(heads=(Linear(dim=dim),)))
    model = Model.create(embedder, jax.random.key(0))
    model = dataclasses.replace(model, tokenizer=embedder.text.train(TEXTS))
    plain = dataclasses.replace(
        model,
        embedder=dataclasses.replace(embedder, head=Identity()),
        params={**model.params, "head": {}},
    )
    after = whitening.fit(model, TEXTS, jax.random.key(1))
    different = list(dict.fromkeys(TEXTS))
    return (m.encode(different, normalize=False).astype(np.float64) for m in (plain, after))


def test_whitened_vectors_have_mean_zero_and_the_identity_as_covariance():
    before, after = fitted(Whitening(), 6)
    np.testing.assert_allclose(after.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(after.T), np.eye(6), atol=1e-2)
    assert before.shape[1] == 16


def test_centred_vectors_keep_their_distances():
    before, after = fitted(Whitening(scale=False), 16)
    np.testing.assert_allclose(after.mean(0), 0, atol=1e-4)
    apart = [np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (before, after)]
    np.testing.assert_allclose(apart[0], apart[1], atol=1e-4)


def test_a_head_that_cannot_hold_it_is_refused():
    model = Model.create(base(), jax.random.key(0))
    with pytest.raises(UsageError, match="Chain"):
        Whitening().fit(model, TEXTS, jax.random.key(1))
    with pytest.raises(UsageError, match="exceeds the width"):
        next(fitted(Whitening(), 40))


def test_it_is_fitted_to_vectors_before_what_is_applied_to_them():
    embedder = dataclasses.replace(base(), head=Chain(heads=(Linear(dim=6),)))
    model = Model.create(embedder, jax.random.key(0))
    model = dataclasses.replace(model, tokenizer=embedder.text.train(TEXTS))
    sliced = dataclasses.replace(model, transforms=(Slice(dim=3),))
    heads = (Whitening().fit(m, TEXTS, jax.random.key(1)).params["head"] for m in (model, sliced))
    for one, other in zip(*map(jax.tree.leaves, heads), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dim", [0, -1])
def test_a_slice_keeps_something(dim):
    with pytest.raises(UsageError, match="at least 1"):
        Slice(dim=dim)


@pytest.mark.parametrize("texts", [1, 33])
def test_too_few_texts_are_refused(texts):
    vectors = np.random.default_rng(0).normal(size=(texts, 32))
    with pytest.raises(UsageError, match=f"{texts} texts are too few to whiten 32 numbers; 64"):
        whitening._whitener(vectors, 32, scale=True)
