"""Relative positions that are added to attention's scores."""

import dataclasses
import math
from typing import Annotated, ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxemb.config import AtLeast
from jaxemb.nn.positions import NoPosition, PositionEncoding
from jaxemb.runtime.shapes import Length, States, TokenIds


class _Biased(PositionEncoding, kw_only=True):
    """Base of those that add to the scores what their distance says."""

    inner: PositionEncoding = dataclasses.field(default_factory=NoPosition)

    def embed(
        self,
        x: States,
        positions: TokenIds | None = None,
    ) -> States:
        return self.inner.embed(x, positions)

    def rotate(
        self, x: Float[Array, "batch heads tokens head_width"]
    ) -> Float[Array, "batch heads tokens head_width"]:
        return self.inner.rotate(x)


class RelativeBuckets(_Biased, kw_only=True):
    """A trained number for each head and bucket of distances, shared by all layers.

    `score[h, q, k] += table[bucket(k - q), h]`: half of the buckets are for keys behind the query,
    half for those before it; in each half the first half is one distance each, and the others
    widen by the logarithm up to `farthest`. Parameter `embedding [buckets, heads]`.

    Attributes:
        inner: positions that are told besides.
        buckets: rows of the table.
        farthest: the distance from which on all are in the last bucket.

    Reference: Raffel et al., Exploring the Limits of Transfer Learning, arXiv:1910.10683.
    """

    buckets: Annotated[int, AtLeast(1)] = 32
    farthest: Annotated[int, AtLeast(1)] = 128

    @nn.compact
    def bias(self, tokens: Length, heads: int) -> Float[Array, "1 heads tokens tokens"]:
        table = self.param("embedding", nn.initializers.normal(0.02), (self.buckets, heads))
        place = np.arange(tokens)
        bucket = _bucket(place[None, :] - place[:, None], self.buckets, self.farthest)
        return jnp.moveaxis(table[bucket], -1, 0)[None]


class LinearBias(_Biased, kw_only=True):
    """The farther a key, the lower its score: `score[h, q, k] -= slope_h |q - k|`.

    With `n = 2^j` heads the slopes are `2^(-8h/n)` for `h = 1 .. n`; with another number of heads,
    those of the power of two below it, and then every other one of the power above.

    Attributes:
        inner: positions that are told besides.

    Reference: Press et al., Train Short, Test Long, arXiv:2108.12409; of both sides, Günther et
    al., Jina Embeddings 2, arXiv:2310.19923.
    """

    aliases: ClassVar[tuple[str, ...]] = ("alibi",)

    def bias(self, tokens: Length, heads: int) -> Float[Array, "1 heads tokens tokens"]:
        return _sloped(np.abs(_behind(tokens)), heads)


class BackwardLinearBias(_Biased, kw_only=True):
    """The farther behind the query a key, the lower its score; keys before it are as near as itself.

    `score[h, q, k] -= slope_h max(q - k, 0)`, with the slopes of `LinearBias`. Under a causal mask
    the two are one.

    Attributes:
        inner: positions that are told besides.

    Reference: Press et al., Train Short, Test Long, arXiv:2108.12409.
    """

    def bias(self, tokens: Length, heads: int) -> Float[Array, "1 heads tokens tokens"]:
        return _sloped(np.maximum(_behind(tokens), 0), heads)


def _behind(tokens: int) -> Int[np.ndarray, "tokens tokens"]:
    place = np.arange(tokens)
    return place[:, None] - place[None, :]


def _sloped(distance: np.ndarray, heads: int) -> Float[Array, "1 heads tokens tokens"]:
    return jnp.asarray(-slopes(heads)[:, None, None] * distance, jnp.float32)[None]


def slopes(heads: int) -> Float[np.ndarray, " heads"]:
    """One for each head.

    Example:
        >>> slopes(4).tolist(), slopes(3).tolist()
        ([0.25, 0.0625, 0.015625, 0.00390625], [0.0625, 0.00390625, 0.25])
    """
    below = 2 ** math.floor(math.log2(heads))
    own = 2.0 ** (-8 * np.arange(1, below + 1) / below)
    above = 2.0 ** (-8 * np.arange(1, 2 * below + 1) / (2 * below))
    return np.concatenate([own, above[::2][: heads - below]])


def _bucket(ahead: np.ndarray, buckets: int, farthest: int) -> Int[np.ndarray, "tokens tokens"]:
    half, distance = buckets // 2, np.abs(ahead)
    exact = half // 2
    # In float32, as the networks that were trained with it did: a rounding decides at the edges.
    ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact))
    wide = exact + (
        ratio / np.float32(math.log(farthest / exact)) * np.float32(half - exact)
    ).astype(int)
    bucket = np.where(distance < exact, distance, np.minimum(wide, half - 1))
    return bucket + half * (ahead > 0)
