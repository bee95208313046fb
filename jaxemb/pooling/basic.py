"""Poolings without parameters; all read the last layer."""

from typing import ClassVar

import jax.numpy as jnp

from jaxemb.pooling.base import Pooling, last_layer, weighted_mean
from jaxemb.runtime.shapes import Depths, Pooled, TokenMask


class FirstToken(Pooling, kw_only=True):
    """The state of the first real token, `[CLS]` in BERT's convention: `v = h[min {t : mask[t]}]`.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> FirstToken().apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[0.0, 1.0]]

    Reference: Devlin et al., BERT, arXiv:1810.04805.
    """

    aliases: ClassVar[tuple[str, ...]] = ("cls", "first")

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        here = mask & (jnp.cumsum(mask, axis=1) == 1)
        return jnp.sum(jnp.where(here[..., None], last_layer(states), 0.0), axis=1)


class LastToken(Pooling, kw_only=True):
    """The state of the last real token, the only one that has read the whole text when causal.

    `v = h[max {t : mask[t]}]`.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> LastToken().apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[2.0, 3.0]]

    Reference: Neelakantan et al., Text and Code Embeddings by Contrastive Pre-Training,
    arXiv:2201.10005.
    """

    aliases: ClassVar[tuple[str, ...]] = ("last", "eos")

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        tokens = jnp.arange(mask.shape[1])
        last = jnp.max(jnp.where(mask, tokens, 0), axis=1, keepdims=True)
        here = (tokens == last) & mask
        return jnp.sum(jnp.where(here[..., None], last_layer(states), 0.0), axis=1)


class Mean(Pooling, kw_only=True):
    """The mean over real tokens: `v = Σ_t mask[t] h[t] / Σ_t mask[t]`.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> Mean().apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[1.0, 2.0]]

    Reference: Reimers and Gurevych, Sentence-BERT, arXiv:1908.10084.
    """

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        return weighted_mean(last_layer(states), mask.astype(jnp.float32), mask)


class Max(Pooling, kw_only=True):
    """The largest value of each feature over real tokens: `v[i] = max_t h[t, i]`.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> Max().apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[2.0, 3.0]]

    Reference: Reimers and Gurevych, Sentence-BERT, arXiv:1908.10084.
    """

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        real = jnp.where(mask[..., None], last_layer(states), jnp.finfo(jnp.float32).min)
        return jnp.where(mask.any(1, keepdims=True), real.max(1), 0.0)


class PositionWeightedMean(Pooling, kw_only=True):
    """A mean that trusts later tokens more: `v = Σ_t (t+1) h[t] / Σ_t (t+1)` over real tokens.

    Under a causal mask later tokens have read more of the text.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> v = PositionWeightedMean().apply({}, states, jnp.array([[True, True, False]]))
        >>> [round(x, 3) for x in v[0].tolist()]
        [1.333, 2.333]

    Reference: Muennighoff, SGPT, arXiv:2202.08904.
    """

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        rank = jnp.cumsum(mask, axis=1).astype(jnp.float32)
        return weighted_mean(last_layer(states), rank, mask)


class RootLengthSum(Pooling, kw_only=True):
    """The sum over real tokens by the root of their number: `v = Σ_t h[t] / √(Σ_t mask[t])`.

    Between a mean and a sum: a longer text has a longer vector. By angle it is the mean.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> v = RootLengthSum().apply({}, states, jnp.array([[True, True, False]]))
        >>> [round(x, 3) for x in v[0].tolist()]
        [1.414, 2.828]

    Reference: Reimers and Gurevych, Sentence-BERT, arXiv:1908.10084.
    """

    aliases: ClassVar[tuple[str, ...]] = ("mean_sqrt_len",)

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        real = mask.astype(jnp.float32)
        return weighted_mean(last_layer(states), real, mask) * jnp.sqrt(real.sum(1, keepdims=True))


class Sum(Pooling, kw_only=True):
    """The sum over real tokens: `v = Σ_t mask[t] h[t]`.

    Over rows of a diagonal table it counts words: with `jaxemb.fitting.TFIDF` it is TF-IDF.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> Sum().apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[2.0, 4.0]]
    """

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        return jnp.sum(jnp.where(mask[..., None], last_layer(states), 0.0), axis=1)
