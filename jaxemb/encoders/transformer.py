"""A transformer encoder whose mask, positions and activation are slots."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jaxemb.encoders.base import LayeredEncoder
from jaxemb.nn import (
    GELU,
    Activation,
    AttentionMask,
    Bidirectional,
    Dropout,
    Learned,
    NoNorm,
    Norm,
    PositionEncoding,
    PreNormBlock,
)


class Transformer(LayeredEncoder, kw_only=True):
    """Pre-norm blocks; every depth is read through one shared norm.

    `h₀ = x + positions`, `hₙ = block_n(hₙ₋₁)`, `states[n-1] = norm(hₙ)` for `n = 1 .. layers`. The
    embedding layer is not among the states. The kernels that write to the residual stream start
    small: an untrained state is near its token's vector, and has read the other tokens too.

    Attributes:
        layers: blocks.
        width: of the token vectors and the states.
        heads: of each attention.
        hidden: of each feed-forward network; None is four times the width.
        mask: which positions a token may attend to.
        position: how order is told.
        activation: of the feed-forward networks.
        norm: of the states that are read; the same one at every depth. Vectors are compared by
            angle, so none is needed, and a norm of each token would take the weights out of a
            fitted table whose rare tokens are longer.
        dropout: rate on token vectors, attention weights and both residual branches.
        dtype: of products and activations by name; parameters, norms and softmax are float32.

    Raises:
        UsageError: if `width` is not a multiple of `heads`.

    Example:
        >>> import jax
        >>> encoder = Transformer(layers=3, width=8, heads=2)
        >>> x, mask = jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> states, variables = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(variables["params"])
        ((3, 2, 5, 8), ['block_0', 'block_1', 'block_2', 'position'])

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    width: int = 128
    heads: int = 4
    hidden: int | None = None
    mask: AttentionMask = Bidirectional()
    position: PositionEncoding = dataclasses.field(default_factory=Learned)
    activation: Activation = GELU()
    norm: Norm = dataclasses.field(default_factory=NoNorm)
    dropout: float = 0.1
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch tokens width"],
        mask: Bool[Array, "batch tokens"],
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "depth batch tokens width"]:
        allowed = self.mask(mask)
        x = self.position.embed(x.astype(jnp.dtype(self.dtype)))
        x = Dropout(rate=self.dropout, name="dropout")(x, keys)
        states = []
        for n in range(self.layers):
            x = self._block(n)(x, allowed, rotate=self.position.rotate, keys=keys)
            states.append(self.norm(x))
        return jnp.stack(states)

    def _block(self, n: int) -> PreNormBlock:
        return PreNormBlock(
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            activation=self.activation,
            dropout=self.dropout,
            dtype=self.dtype,
            name=f"block_{n}",
        )
