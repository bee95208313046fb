"""A transformer encoder that normalises after each branch: the network of BERT."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jaxemb.encoders.base import LayeredEncoder
from jaxemb.nn import (
    Activation,
    AttentionMask,
    Bidirectional,
    Dropout,
    ExactGELU,
    LayerNorm,
    Learned,
    PositionEncoding,
    PostNormBlock,
    WithSegment,
)


def _bert_positions() -> WithSegment:
    return WithSegment(inner=Learned())


class PostNormTransformer(LayeredEncoder, kw_only=True):
    """Post-norm blocks over normed embeddings, as in BERT.

    `h₀ = norm(x + positions)`, `hₙ = block_n(hₙ₋₁)`, `states[n-1] = hₙ` for `n = 1 .. layers`. The
    embedding layer is not among the states.

    Attributes:
        layers: blocks.
        width: of the token vectors and the states.
        heads: of each attention.
        hidden: of each feed-forward network; None is four times the width.
        mask: which positions a token may attend to.
        position: how order is told; BERT adds a segment's vector too.
        activation: of the feed-forward networks.
        dropout: rate on token vectors, attention weights and both residual branches.
        epsilon: of every norm.
        dtype: of products and activations by name; parameters, norms and softmax are float32.

    Raises:
        UsageError: if `width` is not a multiple of `heads`.

    Example:
        >>> import jax
        >>> encoder = PostNormTransformer(layers=2, width=8, heads=2)
        >>> x, mask = jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> states, variables = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(variables["params"])
        ((2, 2, 5, 8), ['block_0', 'block_1', 'embedding_norm', 'position'])

    Reference: Devlin et al., BERT, arXiv:1810.04805.
    """

    width: int = 128
    heads: int = 4
    hidden: int | None = None
    mask: AttentionMask = Bidirectional()
    position: PositionEncoding = dataclasses.field(default_factory=_bert_positions)
    activation: Activation = ExactGELU()
    dropout: float = 0.1
    epsilon: float = 1e-12
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
        x = LayerNorm(epsilon=self.epsilon, name="embedding_norm")(x)
        x = Dropout(rate=self.dropout, name="dropout")(x, keys)
        states = []
        for n in range(self.layers):
            x = self._block(n)(x, allowed, rotate=self.position.rotate, keys=keys)
            states.append(x)
        return jnp.stack(states)

    def _block(self, n: int) -> PostNormBlock:
        return PostNormBlock(
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            activation=self.activation,
            dropout=self.dropout,
            epsilon=self.epsilon,
            dtype=self.dtype,
            name=f"block_{n}",
        )
