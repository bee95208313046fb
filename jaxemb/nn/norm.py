"""Normalisation of a token's features."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class LayerNorm(nn.Module, kw_only=True):
    """`y = scale (x - mean(x)) / sqrt(var(x) + epsilon) + bias` over the last axis.

    Statistics are taken in float32 whatever the dtype of `x`; the result has the dtype of `x`.

    Reference: Ba et al., Layer Normalization, arXiv:1607.06450.
    """

    epsilon: float = 1e-6

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        wide = x.astype(jnp.float32)
        centred = wide - wide.mean(-1, keepdims=True)
        variance = jnp.mean(centred * centred, -1, keepdims=True)
        y = centred * (jax.lax.rsqrt(variance + self.epsilon) * scale) + bias
        return y.astype(x.dtype)
