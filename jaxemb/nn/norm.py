"""Normalisation of a token's features."""

import abc
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxemb.config import Above, Part


class Norm(nn.Module, Part, abc.ABC):
    """Slot: brings the last axis to a common scale, or leaves it."""

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        """Normalises over the last axis; the result has the dtype of `x`."""


class NoNorm(Norm, kw_only=True):
    """Leaves `x` as it is: how large a token's vector is says how much it weighs in a mean."""

    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        return x


class LayerNorm(Norm, kw_only=True):
    """`y = scale (x - mean(x)) / sqrt(var(x) + epsilon) + bias` over the last axis.

    Statistics are taken in float32 whatever the dtype of `x`.

    Reference: Ba et al., Layer Normalization, arXiv:1607.06450.
    """

    epsilon: Annotated[float, Above(0)] = 1e-6

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        return (_standardised(x, scale, self.epsilon) + bias).astype(x.dtype)


class BiasFreeLayerNorm(Norm, kw_only=True):
    """`y = scale (x - mean(x)) / sqrt(var(x) + epsilon)`: `LayerNorm` without its bias.

    Reference: Warner et al., Smarter, Better, Faster, Longer, arXiv:2412.13663.
    """

    epsilon: Annotated[float, Above(0)] = 1e-5

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        return _standardised(x, scale, self.epsilon).astype(x.dtype)


class RMSNorm(Norm, kw_only=True):
    """`y = scale x / sqrt(mean(x²) + epsilon)` over the last axis, statistics in float32.

    Reference: Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467.
    """

    epsilon: Annotated[float, Above(0)] = 1e-6

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        return (_of_unit_size(x, self.epsilon) * scale).astype(x.dtype)


class OffsetRMSNorm(Norm, kw_only=True):
    """`y = (1 + scale) x / sqrt(mean(x²) + epsilon)`, `scale` starting at 0: decay draws it to 1.

    Reference: Gemma Team, Gemma, arXiv:2403.08295.
    """

    epsilon: Annotated[float, Above(0)] = 1e-6

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        scale = self.param("scale", nn.initializers.zeros, x.shape[-1:])
        return (_of_unit_size(x, self.epsilon) * (1 + scale)).astype(x.dtype)


def _standardised(x: Array, scale: Array, epsilon: float) -> Array:
    wide = x.astype(jnp.float32)
    centred = wide - wide.mean(-1, keepdims=True)
    variance = jnp.mean(centred * centred, -1, keepdims=True)
    return centred * (jax.lax.rsqrt(variance + epsilon) * scale)


def _of_unit_size(x: Array, epsilon: float) -> Array:
    wide = x.astype(jnp.float32)
    return wide * jax.lax.rsqrt(jnp.mean(wide * wide, -1, keepdims=True) + epsilon)
