"""What every pooling is, and the reductions over real tokens that they share."""

import abc

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32

from jaxemb.config import Part
from jaxemb.runtime.shapes import Depths, Pooled, TokenMask, Vectors


class Pooling(nn.Module, Part, abc.ABC):
    """Slot: hidden states of every depth to one float32 vector for each example, or to several.

    Padding never matters, whatever the states hold there; a row without a real token gives a
    finite vector. A pooling that gives several vectors, `[batch, items, dim]`, says by `items` which
    of them are real.
    """

    @abc.abstractmethod
    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        """Pools `states`; `mask` is True on real tokens."""

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        """Which of the vectors of an example are real; None where there is one, which always is."""
        return None


def last_layer(
    states: Depths,
) -> Float32[Array, "batch tokens width"]:
    """The deepest states in float32.

    A static slice, so that the compiler drops the norms of the depths that are not read.
    """
    deepest = jax.lax.index_in_dim(states, states.shape[0] - 1, axis=0, keepdims=False)
    return deepest.astype(jnp.float32)


def weighted_mean(
    x: Float32[Array, "batch tokens width"],
    weights: Float32[Array, "batch tokens"],
    mask: TokenMask,
) -> Pooled:
    """`Σ w x / Σ w` over the real tokens; 0 where there is none."""
    weights = jnp.where(mask, weights, 0.0)
    total = jnp.maximum(weights.sum(1, keepdims=True), jnp.finfo(jnp.float32).tiny)
    clean = jnp.where(mask[..., None], x, 0.0)
    return jnp.sum(clean * (weights / total)[..., None], axis=1)
