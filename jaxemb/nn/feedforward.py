"""The two-layer networks inside blocks, plain and gated."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxemb.nn.activations import GELU, Activation
from jaxemb.nn.dense import Dense, branch


class FeedForward(nn.Module, kw_only=True):
    """`W₂ a(W₁ x + b₁) + b₂` at every position, `[..., width] -> [..., width]`.

    The last kernel starts small: in a residual branch the layer first adds little.

    Attributes:
        hidden: features between the two maps.
        activation: `a`.
        dtype: of the products.
    """

    hidden: int
    activation: Activation = GELU()
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        hidden = Dense(features=self.hidden, dtype=self.dtype, name="expand")(x)
        # Recomputed in the backward pass: cheaper than keeping what the activation computes inside.
        hidden = jax.checkpoint(self.activation)(hidden)
        output = Dense(features=x.shape[-1], dtype=self.dtype, kernel_init=branch, name="output")
        return output(hidden)


class GatedFeedForward(nn.Module, kw_only=True):
    """`W₃ (a(W₁ x) ⊙ W₂ x)` at every position, `[..., width] -> [..., width]`.

    The last kernel starts small: in a residual branch the layer first adds little.

    Attributes:
        hidden: features between the maps.
        activation: `a`; with GELU this is GEGLU.

    Reference: Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202.
    """

    hidden: int
    activation: Activation = GELU()

    @nn.compact
    def __call__(
        self, x: Float[Array, "*batch width"], *, over: Callable[[Array], Array] = lambda h: h
    ) -> Float[Array, "*_ width"]:
        """`over` may be a mean over positions, taken before `W₃`.

        That is linear: the mean of what it gives is what it gives for the mean, at one position's price.
        """
        gate, value = jnp.split(Dense(features=2 * self.hidden, name="expand")(x), 2, axis=-1)
        output = Dense(features=x.shape[-1], kernel_init=branch, name="output")
        return output(over(self.activation(gate) * value))
