"""Poolings that read several layers: a learned mix, and a mean over some of them."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32

from jaxemb.config import UsageError
from jaxemb.pooling.base import Pooling
from jaxemb.pooling.basic import Mean
from jaxemb.runtime.shapes import Depths, TokenMask, Vectors


class LayerMix(Pooling, kw_only=True):
    """A learned mix of all layers, read by `inner`: `h = γ Σₙ softmax(s)ₙ hₙ`.

    Parameters `weight [depth]`, initially 0: the mean of the layers, and `scale []`, initially 1. A
    model that is cut mixes the layers that are left, with the weights that they have.

    Attributes:
        inner: tokens of the mix to a vector.

    Raises:
        UsageError: if there are more layers than when the weights were made.

    Example:
        >>> states = jnp.arange(12.0).reshape(2, 1, 3, 2)
        >>> v, _ = LayerMix().init_with_output(
        ...     jax.random.key(0), states, jnp.array([[True, True, False]]))
        >>> v.tolist()
        [[4.0, 5.0]]

    Reference: Peters et al., Deep Contextualized Word Representations, arXiv:1802.05365.
    """

    inner: Pooling = dataclasses.field(default_factory=Mean)

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        weights = jax.nn.softmax(self._weights(len(states)))
        scale = self.param("scale", nn.initializers.ones, ())
        real = jnp.where(mask[..., None], states, 0).astype(jnp.float32)
        mixed = scale * jnp.einsum("n,nbtw->btw", weights, real)
        return self.inner(mixed[None], mask)

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        return self.inner.items(mask)

    def _weights(self, depth: int) -> Float32[Array, " depth"]:
        if not self.has_variable("params", "weight"):
            return self.param("weight", nn.initializers.zeros, (depth,))
        # Not `self.param`, which refuses any depth but the one that was initialised.
        weight = self.get_variable("params", "weight")
        if depth > len(weight):
            raise UsageError(f"LayerMix knows {len(weight)} layers, not {depth}.")
        return weight[:depth]


class LayerMean(Pooling, kw_only=True):
    """The plain mean of some layers, read by `inner`: `h = 1/|N| Σₙ∈N hₙ`.

    Attributes:
        layers: numbers of the states from 0 on, or from the deepest back: -1 is the last, and
            `(0, -1)` the mean of the first and the last. Where a model is cut, a number beyond its
            layers is the nearest one that is left.
        inner: tokens of the mean to a vector.

    Raises:
        UsageError: if no layers are given.

    Example:
        >>> states = jnp.arange(12.0).reshape(2, 1, 3, 2)
        >>> LayerMean(layers=(0, -1)).apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[4.0, 5.0]]

    Reference: Huang et al., WhiteningBERT: An Easy Unsupervised Sentence Embedding Approach,
    arXiv:2104.01767.
    """

    layers: tuple[int, ...] = (0, -1)
    inner: Pooling = dataclasses.field(default_factory=Mean)

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        if not self.layers:
            raise UsageError("layer_mean needs layers, as in layer_mean(layers=(0, -1)).")
        read = [states[place(n, len(states))].astype(jnp.float32) for n in self.layers]
        mean = sum(read) / len(read)
        return self.inner(mean[None], mask)

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        return self.inner.items(mask)


def place(layer: int, depth: int) -> int:
    """The number of a layer among so many; one beyond them is the nearest.

    Example:
        >>> place(-1, 4), place(9, 4), place(-9, 4)
        (3, 3, 0)
    """
    return min(max(layer + depth if layer < 0 else layer, 0), depth - 1)
