"""Hashed n-grams beside a loop, and what they tell of order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.heads import FeedForwardHead
from jaxemb.pooling import Mean
from jaxemb.text import Bytes, Words, pad
from jaxemb.tokens import HashedNgrams, TokenTable
from jaxemb.tokens.ngrams import ngram_hashes

RNG = np.random.default_rng()


def fnv(ids):
    h = 2166136261 ^ len(ids)
    for one in ids:
        h = (h ^ int(one)) * 16777619 % 2**32
    return h ^ (h >> 15)


@pytest.mark.parametrize("sizes", [(2,), (2, 3, 5)])
def test_a_token_s_vector_is_its_own_and_those_of_the_n_grams_that_end_with_it(sizes):
    ids = RNG.integers(1, 30, (3, 6))
    ids[1, 4:] = ids[2, 1:] = 0
    embedding = HashedNgrams(sizes=sizes, buckets=17)
    options = {"vocabulary": 30, "width": 4}
    params = embedding.init(jax.random.key(0), jnp.asarray(ids), **options)["params"]
    found = embedding.apply({"params": params}, jnp.asarray(ids), **options)
    for b, t in np.argwhere(ids > 0):
        expected = np.array(params["inner"]["embedding"][ids[b, t]])
        for n in sizes:
            if t + 1 >= n:
                expected += params["table"][fnv(ids[b, t + 1 - n : t + 1]) % 17]
        np.testing.assert_allclose(found[b, t], expected, atol=1e-5)


def test_padding_on_the_left_is_no_part_of_an_n_gram():
    ids = RNG.integers(1, 30, (1, 4))
    embedding, options = HashedNgrams(sizes=(2, 3), buckets=50), {"vocabulary": 30, "width": 4}
    variables = embedding.init(jax.random.key(0), jnp.asarray(ids), **options)
    shifted = np.pad(ids, ((0, 0), (3, 0)))
    np.testing.assert_array_equal(
        embedding.apply(variables, jnp.asarray(shifted), **options)[:, 3:],
        embedding.apply(variables, jnp.asarray(ids), **options),
    )


def test_hashes_spread_over_the_buckets():
    pairs = jnp.asarray(
        np.stack(np.meshgrid(np.arange(1, 201), np.arange(1, 201)), -1).reshape(-1, 2)
    )
    hashes = np.asarray(ngram_hashes(pairs, 2)[0])[:, 1]
    assert len(set(hashes)) == len(hashes)
    counts = np.bincount(hashes % 256, minlength=256)
    expected = len(hashes) / 256
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < 255 + 6 * np.sqrt(2 * 255)


def test_it_reads_words_and_characters():
    texts = ["sort a list", "a list sorts"]
    for text, sizes in (
        (Words(vocabulary=20, max_tokens=16), (2,)),
        (Bytes(max_tokens=16), (3, 4)),
    ):
        ids = pad(text.train(texts).encode(texts), 16).ids
        embedding = HashedNgrams(sizes=sizes, buckets=64)
        x, _ = embedding.init_with_output(
            jax.random.key(0), jnp.asarray(ids), vocabulary=text.vocabulary, width=4
        )
        assert x.shape == (2, 16, 4)
    with pytest.raises(UsageError, match="at least 2"):
        HashedNgrams(sizes=(1,)).init(jax.random.key(0), jnp.asarray(ids), vocabulary=300, width=4)


@pytest.mark.parametrize(("tokens", "minds"), [(TokenTable(), False), (HashedNgrams(), True)])
def test_an_averaging_network_minds_the_order_of_words_by_its_bigrams_alone(tokens, minds):
    ids = jnp.asarray(RNG.permutation(np.arange(1, 9)))[None]
    options = {"vocabulary": 30, "width": 4}
    params = tokens.init(jax.random.key(0), ids, **options)
    head = FeedForwardHead(dims=(6,))
    mask = jnp.ones(ids.shape, bool)

    def network(ids):
        mean = Mean().apply({}, tokens.apply(params, ids, **options)[None], mask)
        return head.apply(head.init(jax.random.key(1), mean), mean)

    moved = jnp.abs(network(ids) - network(ids[:, ::-1])).max()
    assert (moved > 1e-3) == minds and minds or moved < 1e-5
