"""Token vectors that know the tokens before them: hashed n-grams."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, UInt32

from jaxemb.config import AtLeast, UsageError, smaller
from jaxemb.runtime.shapes import States, TokenIds
from jaxemb.text import PAD
from jaxemb.tokens.embedding import TokenEmbedding, TokenTable


class HashedNgrams(TokenEmbedding, kw_only=True):
    """A token's vector and those of the n-grams that end with it, `x[t] = inner(ids)[t] + Σₙ table[hₙ]`.

    `hₙ` is a hash of the n ids up to `t`, modulo `buckets`; n-grams with one hash share a row. An n-gram
    that would begin before the text is left out. In a mean over tokens this is, up to a factor, the
    mean over all tokens and n-grams of the text: of words with `Words`, where it is the input of a
    deep averaging network or of sent2vec, and of characters with `Bytes`, where it is that of
    fastText, over the whole text instead of each word.

    Parameter `table [buckets, width]`, drawn from N(0, spread²), and those of `inner`.

    Attributes:
        sizes: the n of the n-grams.
        buckets: rows of the table.
        spread: deviation that rows are drawn with; at 0 an untrained token is its own vector alone.
        inner: of the tokens by themselves.

    Raises:
        UsageError: if a size is below 2.

    Example:
        >>> import jax
        >>> ids = jnp.array([[2, 7, 3, 0]])
        >>> x, variables = HashedNgrams(buckets=50).init_with_output(
        ...     jax.random.key(0), ids, vocabulary=10, width=4)
        >>> x.shape, variables["params"]["table"].shape
        ((1, 4, 4), (50, 4))

    Reference: Bojanowski et al., Enriching Word Vectors with Subword Information, arXiv:1607.04606;
    Pagliardini, Gupta and Jaggi, Unsupervised Learning of Sentence Embeddings using Compositional
    n-Gram Features, arXiv:1703.02507; Cer et al., Universal Sentence Encoder, arXiv:1803.11175.
    """

    sizes: Annotated[tuple[int, ...], AtLeast(1)] = (2,)
    buckets: Annotated[int, AtLeast(1)] = 2**18
    spread: Annotated[float, AtLeast(0)] = 1.0
    inner: TokenEmbedding = dataclasses.field(default_factory=TokenTable)

    def small(self) -> "HashedNgrams":
        return smaller(self, buckets=64)

    @nn.compact
    def __call__(self, ids: TokenIds, *, vocabulary: int, width: int) -> States:
        if not self.sizes or min(self.sizes) < 2:
            raise UsageError(f"sizes={self.sizes} must be sizes of n-grams, each at least 2.")
        x = self.inner(ids, vocabulary=vocabulary, width=width)
        table = self.param("table", nn.initializers.normal(self.spread), (self.buckets, width))
        for size in self.sizes:
            hashes, whole = ngram_hashes(ids, size)
            x = x + jnp.where(whole[..., None], table[hashes % jnp.uint32(self.buckets)], 0)
        return x


def ngram_hashes(ids: TokenIds, size: int) -> tuple[UInt32[Array, "batch tokens"], Array]:
    """A hash of the `size` ids up to each token, and whether none of them is padding or beyond.

    Fowler, Noll and Vo's hash over ids, with its high bits mixed into the low ones.
    """
    hashes = jnp.full(ids.shape, 2166136261 ^ size, jnp.uint32)
    whole = jnp.ones(ids.shape, bool)
    padded = jnp.pad(ids, ((0, 0), (size - 1, 0)), constant_values=PAD)
    for n in range(size):
        one = padded[:, n : n + ids.shape[1]]
        hashes = (hashes ^ one.astype(jnp.uint32)) * jnp.uint32(16777619)
        whole &= one != PAD
    return hashes ^ (hashes >> 15), whole
