"""Poolings made of others: power means, several poolings or several layers one after the other."""

import dataclasses
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxemb.config import AtLeast, Between, UsageError
from jaxemb.pooling.base import Pooling, last_layer, weighted_mean
from jaxemb.pooling.basic import Max, Mean
from jaxemb.runtime.shapes import Depths, Pooled, TokenMask, Vectors


class Min(Pooling, kw_only=True):
    """The smallest value of each feature over real tokens: `v[i] = min_t h[t, i]`.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> Min().apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[0.0, 1.0]]
    """

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        real = jnp.where(mask[..., None], last_layer(states), jnp.finfo(jnp.float32).max)
        return jnp.where(mask.any(1, keepdims=True), real.min(1), 0.0)


class PowerMean(Pooling, kw_only=True):
    """The power mean over real tokens, `v[i] = (1/n Σ_t h[t, i]^p)^(1/p)`, for an odd whole p.

    Roots keep their sign. p = 1 is the mean; with growing p the largest sizes count more.

    Raises:
        UsageError: if `power` is even or below 1: signs would be lost.

    Example:
        >>> states = jnp.array([1.0, 3.0, 9.0]).reshape(1, 1, 3, 1)
        >>> v = PowerMean(power=3).apply({}, states, jnp.array([[True, True, False]]))
        >>> round(v.item(), 3)
        2.41

    Reference: Rücklé et al., Concatenated Power Mean Word Embeddings, arXiv:1803.01400.
    """

    power: Annotated[int, AtLeast(1)] = 3

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        if self.power < 1 or self.power % 2 == 0:
            raise UsageError(f"power={self.power} must be odd and at least 1.")
        raised = last_layer(states) ** self.power
        mean = weighted_mean(raised, mask.astype(jnp.float32), mask)
        # The root's slope at 0 is infinite: sizes below this are taken to be it.
        return jnp.sign(mean) * (jnp.abs(mean) + 1e-12) ** (1 / self.power)


class Concatenation(Pooling, kw_only=True):
    """Several poolings of the same states, one after the other, `v = [v₁, v₂, …]`.

    Raises:
        UsageError: if there are no poolings.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> both = Concatenation(poolings=(Mean(), Max()))
        >>> both.apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[1.0, 2.0, 2.0, 3.0]]

    Reference: Rücklé et al., Concatenated Power Mean Word Embeddings, arXiv:1803.01400.
    """

    poolings: tuple[Pooling, ...] = dataclasses.field(default_factory=lambda: (Mean(), Max()))

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        if not self.poolings:
            raise UsageError("concatenation needs poolings, as in concatenation(poolings=(mean,)).")
        return jnp.concatenate([pooling(states, mask) for pooling in self.poolings], axis=-1)

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        return self.poolings[0].items(mask)


class LayerConcatenation(Pooling, kw_only=True):
    """What `inner` makes of each of the last `layers` states, one after the other.

    Where there are fewer, the first is repeated, so that a model cut after any of its layers gives
    vectors of the same width.

    Attributes:
        layers: how many states, counted from the deepest.
        inner: tokens of one layer to its vector; its parameters, if any, serve all layers.

    Reference: Perone, Silveira and Paula, Evaluation of sentence embeddings in downstream and
    linguistic probing tasks, arXiv:1806.06259.
    """

    layers: Annotated[int, Between(0, 1000)] = 2
    inner: Pooling = dataclasses.field(default_factory=Mean)

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        depth = states.shape[0]
        read = [max(0, depth - self.layers + n) for n in range(self.layers)]
        return jnp.concatenate([self.inner(states[n : n + 1], mask) for n in read], axis=-1)

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        return self.inner.items(mask)
