"""Transformer blocks: attention and a feed-forward network, each in a residual branch."""

from collections.abc import Callable

import flax.linen as nn
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Bool, Float, Key

from jaxemb.nn.activations import GELU, Activation, ExactGELU
from jaxemb.nn.attention import SelfAttention
from jaxemb.nn.dropout import Dropout
from jaxemb.nn.feedforward import FeedForward
from jaxemb.nn.norm import LayerNorm


class PreNormBlock(nn.Module, kw_only=True):
    """`x + attention(norm(x))`, then `x + feed_forward(norm(x))`; at first both add little.

    The result is named "block" for rematerialisation policies: saving only what has that name
    recomputes one block at a time in the backward pass.

    Reference: Xiong et al., On Layer Normalization in the Transformer Architecture, arXiv:2002.04745.
    """

    heads: int
    hidden: int
    activation: Activation = GELU()
    dropout: float = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch tokens width"],
        allowed: Bool[Array, "batch 1 queries tokens"],
        *,
        rotate: Callable = lambda x: x,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "batch tokens width"]:
        attention = SelfAttention(
            heads=self.heads, dropout=self.dropout, dtype=self.dtype, name="attention"
        )
        feed_forward = FeedForward(
            hidden=self.hidden, activation=self.activation, dtype=self.dtype, name="feed_forward"
        )
        y = attention(LayerNorm(name="attention_norm")(x), allowed, rotate=rotate, keys=keys)
        x = x + Dropout(rate=self.dropout, name="attention_dropout")(y, keys)
        y = feed_forward(LayerNorm(name="feed_forward_norm")(x))
        x = x + Dropout(rate=self.dropout, name="feed_forward_dropout")(y, keys)
        return checkpoint_name(x, "block")


class PostNormBlock(nn.Module, kw_only=True):
    """`x = norm(x + attention(x))`, then `norm(x + feed_forward(x))`: the block of BERT.

    The result is named "block" for rematerialisation policies, as that of `PreNormBlock` is.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    heads: int
    hidden: int
    activation: Activation = ExactGELU()
    dropout: float = 0.0
    epsilon: float = 1e-12
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch tokens width"],
        allowed: Bool[Array, "batch 1 queries tokens"],
        *,
        rotate: Callable = lambda x: x,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "batch tokens width"]:
        attention = SelfAttention(
            heads=self.heads, dropout=self.dropout, dtype=self.dtype, name="attention"
        )
        feed_forward = FeedForward(
            hidden=self.hidden, activation=self.activation, dtype=self.dtype, name="feed_forward"
        )
        y = attention(x, allowed, rotate=rotate, keys=keys)
        y = x + Dropout(rate=self.dropout, name="attention_dropout")(y, keys)
        x = LayerNorm(epsilon=self.epsilon, name="attention_norm")(y)
        y = x + Dropout(rate=self.dropout, name="feed_forward_dropout")(feed_forward(x), keys)
        x = LayerNorm(epsilon=self.epsilon, name="feed_forward_norm")(y)
        return checkpoint_name(x, "block")
