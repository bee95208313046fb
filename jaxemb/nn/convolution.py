"""Convolutions along the tokens, which padding never enters."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Initializer
from jaxtyping import Array, Float

from jaxemb.config import AtLeast, Between
from jaxemb.nn.activations import Activation, ReLU
from jaxemb.nn.norm import LayerNorm, Norm
from jaxemb.runtime.shapes import States, TokenMask


class Convolution(nn.Module, kw_only=True):
    """`y[t] = Σₖ W[k] x[t + k - (window - 1) // 2] + b`; what stands beyond the text is 0.

    Padding is 0 before and after, so that layers can follow one another. Parameters
    `kernel [window, width, features]` and `bias [features]`.

    Attributes:
        features: of the result.
        window: tokens that one result is computed from.
        bias_init: of `b`; None is for a convolution without one.

    Example:
        >>> x, mask = jnp.ones((1, 4, 1)), jnp.array([[True, True, True, False]])
        >>> kernel = {"kernel": jnp.ones((3, 1, 1)), "bias": jnp.zeros(1)}
        >>> Convolution(features=1).apply({"params": kernel}, x, mask)[0, :, 0].tolist()
        [2.0, 3.0, 2.0, 0.0]
    """

    features: Annotated[int, Between(1, 2**22)]
    window: Annotated[int, AtLeast(1)] = 3
    bias_init: Initializer | None = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: States, mask: TokenMask) -> Float[Array, "batch tokens features"]:
        shape = (self.window, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape).astype(x.dtype)
        before = (self.window - 1) // 2
        y = jax.lax.conv_general_dilated(
            jnp.where(mask[..., None], x, 0),
            kernel,
            window_strides=(1,),
            padding=[(before, self.window - 1 - before)],
            dimension_numbers=("NWC", "WIO", "NWC"),
        )
        if self.bias_init is not None:
            y = y + self.param("bias", self.bias_init, (self.features,)).astype(x.dtype)
        return jnp.where(mask[..., None], y, 0)


class ConvolutionBlock(nn.Module, kw_only=True):
    """Two convolutions in a residual branch, `a(x + norm(conv(a(norm(conv(x))))))`.

    Attributes:
        window: of both convolutions, which have no bias.
        norm: of each token's features.
        activation: `a`.

    Reference: He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385.
    """

    window: Annotated[int, AtLeast(1)] = 3
    norm: Norm = dataclasses.field(default_factory=LayerNorm)
    activation: Activation = ReLU()

    @nn.compact
    def __call__(self, x: States, mask: TokenMask) -> States:
        y = self._convolved(0, x, mask, x.shape[-1])
        y = self._convolved(1, self._activated(y), mask, x.shape[-1])
        return self._summed(x, y, mask)

    def _convolved(self, n: int, x: Array, mask: Array, features: int) -> Array:
        convolution = Convolution(
            features=features, window=self.window, bias_init=None, name=f"convolution_{n}"
        )
        return convolution(x, mask)

    def _activated(self, y: Array) -> Array:
        return self.activation(self.norm.clone(parent=self, name="norm_0")(y))

    def _summed(self, x: Array, y: Array, mask: Array) -> Array:
        y = self.norm.clone(parent=self, name="norm_1")(y)
        return jnp.where(mask[..., None], self.activation(x + y), 0)


class ExpandingBlock(ConvolutionBlock, kw_only=True):
    """A `ConvolutionBlock` that doubles the tokens: its first convolution gives two for each.

    `a(repeat(x) + norm(conv(a(norm(interleave(conv(x)))))))`, where `repeat` writes each token twice.

    Reference: Zhang and LeCun, Byte-Level Recursive Convolutional Auto-Encoder for Text,
    arXiv:1802.01817.
    """

    @nn.compact
    def __call__(self, x: States, mask: TokenMask) -> Float[Array, "batch doubled width"]:
        twice = jnp.repeat(mask, 2, axis=1)
        y = interleave(self._convolved(0, x, mask, 2 * x.shape[-1]))
        y = self._convolved(1, self._activated(y), twice, x.shape[-1])
        return self._summed(jnp.repeat(x, 2, axis=1), y, twice)


def interleave(y: Float[Array, "batch tokens twice"]) -> Float[Array, "batch doubled features"]:
    """Twice the tokens of half the features: features 2c and 2c + 1 are feature c of two tokens.

    Example:
        >>> interleave(jnp.array([[[1.0, 2.0, 3.0, 4.0]]])).tolist()
        [[[1.0, 3.0], [2.0, 4.0]]]
    """
    rows, tokens, twice = y.shape
    pairs = y.reshape(rows, tokens, twice // 2, 2)
    return pairs.swapaxes(-1, -2).reshape(rows, 2 * tokens, twice // 2)
