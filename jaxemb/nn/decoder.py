"""Decoder blocks: attention to what was written before, then to an encoder's states."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jaxemb.config import AtLeast, Below, Between
from jaxemb.nn.activations import Activation, ReLU
from jaxemb.nn.attention import SelfAttention, merge_heads, split_heads
from jaxemb.nn.dense import Dense, branch
from jaxemb.nn.dropout import Dropout
from jaxemb.nn.feedforward import FeedForward
from jaxemb.nn.norm import Norm, RMSNorm
from jaxemb.runtime.shapes import TokenMask


class EncoderDecoderAttention(nn.Module, kw_only=True):
    """A decoder's tokens read an encoder's states: `softmax(Q Kᵀ / √k + bias) V`, in heads.

    The output kernel starts small: in a residual branch the layer first adds little.

    Raises:
        UsageError: if the width of the queries is not a multiple of `heads`.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    heads: Annotated[int, AtLeast(1)]
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        y: Float[Array, "batch queries width"],
        states: Float[Array, "batch tokens features"],
        mask: TokenMask,
        bias: Float[Array, "batch tokens"] | None = None,
    ) -> Float[Array, "batch queries width"]:
        """`bias`, one for each state, is added to every score: how much the state is to be read."""
        maps = {
            name: Dense(features=y.shape[-1], dtype=self.dtype, name=name)
            for name in ("query", "key", "value")
        }
        query = split_heads(maps["query"](y), self.heads)
        key, value = (split_heads(maps[name](states), self.heads) for name in ("key", "value"))
        scores = jnp.einsum("bhqk,bhsk->bhqs", query, key, preferred_element_type=jnp.float32)
        scores = scores * query.shape[-1] ** -0.5
        scores = scores if bias is None else scores + bias[:, None, None, :]
        # Where there is no state to read the weights are equal, hence finite.
        least = jnp.finfo(jnp.float32).min
        weights = jax.nn.softmax(jnp.where(mask[:, None, None, :], scores, least))
        read = merge_heads(jnp.einsum("bhqs,bhsk->bhqk", weights.astype(value.dtype), value))
        output = Dense(features=y.shape[-1], dtype=self.dtype, kernel_init=branch, name="output")
        return output(read)


class DecoderBlock(nn.Module, kw_only=True):
    """Three residual branches, a norm before each: self-attention, the encoder's states, a network.

    `y + self(norm(y))`, then `y + read(norm(y), states)`, then `y + feed_forward(norm(y))`.

    Reference: Raffel et al., Exploring the Limits of Transfer Learning with a Unified Text-to-Text
    Transformer, arXiv:1910.10683.
    """

    heads: Annotated[int, AtLeast(1)]
    hidden: Annotated[int, Between(1, 2**22)]
    norm: Norm = dataclasses.field(default_factory=RMSNorm)
    activation: Activation = ReLU()
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        y: Float[Array, "batch queries width"],
        states: Float[Array, "batch tokens features"],
        allowed: Bool[Array, "batch 1 #queries queries"],
        mask: TokenMask,
        *,
        bias: Float[Array, "batch tokens"] | None = None,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "batch queries width"]:
        """`allowed` says which tokens of its own the decoder may read, `mask` which states are real."""
        attention = SelfAttention(heads=self.heads, dtype=self.dtype, name="attention")
        read = EncoderDecoderAttention(heads=self.heads, dtype=self.dtype, name="reading")
        feed_forward = FeedForward(
            hidden=self.hidden, activation=self.activation, dtype=self.dtype, name="feed_forward"
        )
        y = self._sum("attention", y, lambda z: attention(z, allowed, keys=keys), keys)
        y = self._sum("reading", y, lambda z: read(z, states, mask, bias), keys)
        return self._sum("feed_forward", y, feed_forward, keys)

    def _sum(self, name: str, y: Array, branch, keys) -> Array:
        made = branch(self.norm.clone(parent=self, name=f"{name}_norm")(y))
        return y + Dropout(rate=self.dropout, name=f"{name}_dropout")(made, keys)


class Decoder(nn.Module, kw_only=True):
    """Decoder blocks one upon the other; every depth is read through one shared norm.

    Tokens are told apart by what they have read alone: there is no position encoding, and under a
    causal mask none is needed (Haviv et al., arXiv:2203.16634).

    Attributes:
        layers: blocks.
        heads: of each attention.
        hidden: of each feed-forward network; None is four times the width.
        norm: before each branch and of the states that are read.
        activation: of the feed-forward networks.
        dropout: rate on residual branches.
        dtype: of products and activations by name.

    Example:
        >>> y, states, mask = jnp.ones((2, 1, 8)), jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> decoder = Decoder(layers=3, heads=2)
        >>> decoder.init_with_output(jax.random.key(0), y, states, mask[:, :1], mask)[0].shape
        (3, 2, 1, 8)
    """

    layers: Annotated[int, Between(0, 1000)] = 1
    heads: Annotated[int, AtLeast(1)] = 4
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    norm: Norm = dataclasses.field(default_factory=RMSNorm)
    activation: Activation = ReLU()
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        y: Float[Array, "batch queries width"],
        states: Float[Array, "batch tokens features"],
        written: Bool[Array, "batch queries"],
        mask: TokenMask,
        *,
        bias: Float[Array, "batch tokens"] | None = None,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "layers batch queries width"]:
        """`written` and `mask` say which tokens of the decoder and which states are real."""
        order = jnp.tril(jnp.ones((y.shape[1], y.shape[1]), bool))
        allowed = written[:, None, None, :] & order
        norm = self.norm.clone(parent=self, name="final_norm")
        made = []
        for n in range(self.layers):
            y = self._block(n, y.shape[-1])(y, states, allowed, mask, bias=bias, keys=keys)
            made.append(norm(y))
        return jnp.stack(made)

    def _block(self, n: int, width: int) -> DecoderBlock:
        return DecoderBlock(
            heads=self.heads,
            hidden=self.hidden or 4 * width,
            norm=self.norm,
            activation=self.activation,
            dropout=self.dropout,
            dtype=self.dtype,
            name=f"block_{n}",
        )
