"""Bounds hold on random pairs of texts, and are the written ones."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from jaxemb.analysis import HammingBound
from jaxemb.analysis.hamming import diameter
from jaxemb.encoders import Bag, Transformer
from jaxemb.fitting import TFIDF, Vocabulary
from jaxemb.heads import Identity, Linear, Normalize
from jaxemb.losses import Euclidean
from jaxemb.model import Embedder, Model
from jaxemb.pooling import (
    FirstTokens,
    Max,
    Mean,
    ParagraphBag,
    ParagraphMemory,
    RootLengthSum,
    Sum,
)
from jaxemb.text import Words
from jaxemb.tokens import TokenTable

KEY = jax.random.key(0)
WORDS = [f"w{n:02d}" for n in range(40)]
VOCABULARY, TOKENS, PAIRS = 45, 24, 200
DRAW = np.random.default_rng(0)


def texts(ids):
    return [" ".join(WORDS[i] for i in row) for row in ids]


def pairs():
    """Texts, and each with 1 to all of its tokens drawn anew; words repeat as they do."""
    first = np.minimum(DRAW.geometric(0.08, (PAIRS, TOKENS)), 40) - 1
    changed = DRAW.random(first.shape) < DRAW.random((PAIRS, 1))
    second = np.where(changed, np.minimum(DRAW.geometric(0.08, first.shape), 40) - 1, first)
    return first, second


FIRST, SECOND = pairs()
REPLACED = np.sum(FIRST != SECOND, axis=1)


def model(pooling, head=None, width=6, encoder=None):
    """A random token table under the pooling."""
    embedder = Embedder(
        text=Words(vocabulary=VOCABULARY, max_tokens=32),
        tokens=TokenTable(),
        encoder=encoder or Bag(width=width),
        pooling=pooling,
        head=head or Identity(),
        similarity=Euclidean(),
    )
    return Vocabulary().fit(Model.create(embedder, KEY), [" ".join(WORDS)], KEY)


def tfidf(head):
    start = model(Sum(), head, width=VOCABULARY)
    return TFIDF().fit(start, texts(FIRST[:50]), KEY)


def table(model):
    return np.asarray(model.params["tokens"]["embedding"], np.float64)


POOLINGS = {
    "sum": Sum(),
    "mean": Mean(),
    "root_length": RootLengthSum(),
    "first": FirstTokens(tokens=20),
    "bag": ParagraphBag(alpha=0.05),
    "memory": ParagraphMemory(alpha=0.05, window=2),
}
HEADS = {"tfidf": Identity(), "unit_tfidf": Normalize()}


@functools.cache
def named(name):
    return tfidf(HEADS[name]) if name in HEADS else model(POOLINGS[name])


@pytest.mark.parametrize("name", [*POOLINGS, *HEADS])
def test_no_pair_is_beyond_its_bound(name):
    one = named(name)
    encode = [one.encode(texts(side), normalize=False) for side in (FIRST, SECOND)]
    apart = np.linalg.norm(encode[0] - encode[1], axis=1)
    bound = HammingBound(one)(texts(FIRST), texts(SECOND))
    assert np.all(apart <= bound * (1 + 1e-5) + 1e-5) and np.max(apart) > 0
    assert np.all(bound[REPLACED == 0] == 0)
    # A bound that nothing comes near would hold for wrong reasons.
    moved = bound > 0
    assert np.max(apart[moved] / bound[moved]) > 0.01


def test_bounds_are_the_written_ones():
    d = REPLACED
    wanted = {
        "sum": d, "mean": d / TOKENS, "root_length": d / TOKENS**0.5,
        "first": np.sqrt(np.minimum(d, 20)), "bag": d / (0.05 * TOKENS), "tfidf": d,
    }  # fmt: skip
    for name, factor in wanted.items():
        widest = pdist(table(named(name))).max()
        bound = HammingBound(named(name))(texts(FIRST), texts(SECOND))
        np.testing.assert_allclose(bound, widest * factor, rtol=1e-6)
    foreseen = table(named("memory"))[:, :3]
    bound = HammingBound(named("memory"))(texts(FIRST), texts(SECOND))
    np.testing.assert_allclose(bound, pdist(foreseen).max() * 5 * d / (0.05 * TOKENS), rtol=1e-6)
    assert diameter(foreseen) == pytest.approx(pdist(foreseen).max())


def test_the_bound_of_unit_tfidf_is_within_the_closed_form():
    """√2 (max idf / min idf) √n d_H / T with n the larger number of distinct terms."""
    one = named("unit_tfidf")
    idf = np.diag(table(one))
    distinct = np.array([max(len(set(a)), len(set(b))) for a, b in zip(FIRST, SECOND, strict=True)])
    closed = np.sqrt(2) * idf.max() / idf.min() * np.sqrt(distinct) * REPLACED / TOKENS
    bound = HammingBound(one)(texts(FIRST), texts(SECOND))
    assert np.all(bound <= closed * (1 + 1e-6)) and np.all(bound <= 2) and np.any(bound < 2)


def test_what_is_not_known_is_not_bounded_but_by_length():
    some, other = texts(FIRST[:3]), texts(SECOND[:3])
    attention = Transformer(layers=1, width=8, heads=2)
    for unknown in (model(Max()), model(Mean(), encoder=attention), model(Mean(), Linear(dim=2))):
        assert np.all(np.isinf(HammingBound(unknown)(some, other)))
        assert not HammingBound(unknown)(some, some).any()
    unit = HammingBound(model(Max(), Normalize()))
    assert unit(some, other).tolist() == [2.0] * 3
    # Texts of unequal numbers of tokens, and lengths that nothing vouches for.
    assert np.isinf(HammingBound(named("mean"))(some, [text + " w00" for text in some])).all()
    assert HammingBound(model(Mean(), Normalize()))(some, other).tolist() == [2.0] * 3


def test_tfidf_is_that_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfTransformer

    seen, asked = (
        np.stack([np.bincount(row, minlength=40) for row in rows]) for rows in (FIRST[:50], SECOND)
    )
    places = [named("tfidf").tokenizer.pieces().index(word) for word in WORDS]
    for norm, name in ((None, "tfidf"), ("l2", "unit_tfidf")):
        wanted = TfidfTransformer(norm=norm).fit(seen).transform(asked).toarray()
        found = named(name).encode(texts(SECOND), normalize=False)
        np.testing.assert_allclose(found[:, places], wanted, rtol=1e-5, atol=1e-6)
        assert not np.delete(found, places, axis=1).any()


def test_words_share_the_columns_of_a_narrow_table():
    narrow = TFIDF().fit(model(Sum(), width=7), texts(FIRST[:50]), KEY)
    wide = named("tfidf").encode(texts(SECOND), normalize=False)
    hashed = np.stack([wide[:, n::7].sum(axis=1) for n in range(7)], axis=1)
    np.testing.assert_allclose(narrow.encode(texts(SECOND), normalize=False), hashed, rtol=1e-4)
    unit = dataclasses.replace(
        narrow, embedder=dataclasses.replace(narrow.embedder, head=Normalize())
    )
    assert HammingBound(unit)(texts(FIRST[:1]), texts(SECOND[:1])) == 2.0
    assert jnp.count_nonzero(narrow.params["tokens"]["embedding"]) == VOCABULARY
