"""Decoders that fill in the hidden pieces of a text, from its vector and the pieces left to see."""

import abc
import dataclasses
from typing import Annotated, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int, Key

from jaxemb.config import AtLeast, Below, Between, Part, smaller
from jaxemb.nn import (
    GELU,
    Activation,
    Dense,
    FeedForward,
    LayerNorm,
    Learned,
    Norm,
    PositionEncoding,
    attend,
)
from jaxemb.nn.attention import merge_heads, split_heads
from jaxemb.nn.dense import branch
from jaxemb.nn.dropout import keep_mask
from jaxemb.runtime.shapes import TokenMask, Vectors

# What a draw is told apart by from dropout under the same key.
_SALT = 0x5EED


class Streams(NamedTuple):
    """What a block reads: queries, states, which of these each query may read, and who is asked."""

    queries: Float[Array, "batch tokens width"]
    states: Float[Array, "batch states width"]
    allowed: Bool[Array, "batch #tokens states"]
    asked: Bool[Array, "batch tokens"]


class MaskedDecoder(nn.Module, Part, abc.ABC, kw_only=True):
    """Slot: a text's vector and its visible pieces to logits of the pieces that were hidden.

    One block reads the vector `v` and what is visible, by attention; a piece is never read where it
    is asked. The table `E` of the pieces is also what they are told apart by: logits `h Eᵀ + b`. What
    is hidden is drawn by one key per text and does not depend on padding, so texts must begin at the
    first place of their row.

    Attributes:
        vocabulary: logits of each token.
        share: how likely a piece is to be hidden.
        heads: of the attention; the vectors' width must be a multiple.
        hidden: of the feed-forward network; None is four times the width.
        position: where a token stands.
        norm: of what the block reads, and after each of its branches.
        activation: of the feed-forward network.

    Raises:
        UsageError: if the width of the vectors is not a multiple of `heads`.
    """

    vocabulary: Annotated[int, Between(1, 2**31)] = 8192
    share: Annotated[float, AtLeast(0), Below(1)] = 0.5
    heads: Annotated[int, AtLeast(1)] = 4
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    position: PositionEncoding = dataclasses.field(default_factory=Learned)
    norm: Norm = dataclasses.field(default_factory=LayerNorm)
    activation: Activation = GELU()

    @abc.abstractmethod
    def streams(
        self,
        vectors: Float[Array, "batch 1 width"],
        tokens: Float[Array, "batch tokens width"],
        mask: TokenMask,
        keys: Key[Array, " batch"],
    ) -> Streams:
        """What the block reads, of the texts' vectors and the rows of their pieces in `E`."""

    @nn.compact
    def __call__(
        self,
        vectors: Vectors,
        ids: Int[Array, "batch tokens"],
        mask: TokenMask,
        keys: Key[Array, " batch"],
    ) -> tuple[Float32[Array, "batch tokens vocabulary"], Bool[Array, "batch tokens"]]:
        """Logits, and at which places they are asked for; `keys`, one per text, draw what is hidden."""
        shape = (self.vocabulary, vectors.shape[-1])
        table = self.param("embedding", nn.initializers.normal(shape[1] ** -0.5), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.vocabulary,))
        streams = self.streams(vectors[:, None], table[ids], mask, keys)
        return self._block(streams).astype(jnp.float32) @ table.T + bias, streams.asked

    def _block(self, streams: Streams) -> Float[Array, "batch tokens width"]:
        width = streams.queries.shape[-1]
        network = FeedForward(
            hidden=self.hidden or 4 * width, activation=self.activation, name="feed_forward"
        )
        normed = self._norm("input_norm")
        queries, states = normed(streams.queries), normed(streams.states)
        y = self._norm("attention_norm")(queries + self._read(queries, states, streams.allowed))
        return self._norm("feed_forward_norm")(y + network(y))

    def _read(self, queries: Array, states: Array, allowed: Array) -> Array:
        def mapped(x: Array, name: str) -> Array:
            return split_heads(Dense(features=x.shape[-1], name=name)(x), self.heads)

        query, key, value = mapped(queries, "query"), mapped(states, "key"), mapped(states, "value")
        read = merge_heads(attend(query, key, value, allowed[:, None]))
        return Dense(features=queries.shape[-1], kernel_init=branch, name="output")(read)

    def _norm(self, name: str) -> Norm:
        return self.norm.clone(parent=self, name=name)

    def small(self) -> "MaskedDecoder":
        return smaller(self, vocabulary=512)


class OneStreamDecoder(MaskedDecoder, kw_only=True):
    """One share of a text's pieces is hidden from all, and asked for.

    `h = block(x, [v, x])`, where `x_t` is `E[id_t]`, or a trained vector at hidden places, and the
    place's own.

    Example:
        >>> decoder, ids = OneStreamDecoder(vocabulary=7, heads=2), jnp.array([[1, 5, 2]])
        >>> mask, keys = jnp.ones(ids.shape, bool), jax.random.split(jax.random.key(0), 1)
        >>> made, _ = decoder.init_with_output(keys[0], jnp.ones((1, 8)), ids, mask, keys)
        >>> made[0].shape
        (1, 3, 7)

    Reference: Xiao et al., RetroMAE: Pre-Training Retrieval-oriented Language Models Via Masked
    Auto-Encoder, arXiv:2205.12035, section 3.2.
    """

    def streams(self, vectors: Array, tokens: Array, mask: Array, keys: Array) -> Streams:
        width = tokens.shape[-1]
        absent = self.param("mask", nn.initializers.normal(width**-0.5), (width,))
        asked = mask & ~keep_mask(keys, _SALT, mask.shape[1:], self.share)
        queries = self.position.embed(jnp.where(asked[..., None], absent, tokens))
        return Streams(
            queries, jnp.concatenate([vectors, queries], axis=1), _with_vector(mask[:, None]), asked
        )


class TwoStreamDecoder(MaskedDecoder, kw_only=True):
    """Every piece of a text is asked for, and each is told by visible pieces of its own draw.

    `h = block(v + p, [v, E[ids] + p])`, `p` being the places. The query of a place holds nothing of
    the text but its vector; it reads the vector and each of the other pieces with the probability
    `1 - share`. So a text of `n` pieces gives `n` targets, each with another damaged copy.

    Example:
        >>> decoder, ids = TwoStreamDecoder(vocabulary=7, heads=2), jnp.array([[1, 5, 2]])
        >>> mask, keys = jnp.ones(ids.shape, bool), jax.random.split(jax.random.key(0), 1)
        >>> made, _ = decoder.init_with_output(keys[0], jnp.ones((1, 8)), ids, mask, keys)
        >>> made[0].shape, made[1].tolist()
        ((1, 3, 7), [[True, True, True]])

    Reference: Xiao et al., RetroMAE, arXiv:2205.12035, section 3.3 (enhanced decoding).
    """

    def streams(self, vectors: Array, tokens: Array, mask: Array, keys: Array) -> Streams:
        queries = self.position.embed(jnp.broadcast_to(vectors, tokens.shape))
        states = jnp.concatenate([vectors, self.position.embed(tokens)], axis=1)
        seen = mask[:, None] & visible(keys, mask.shape[1], self.share)
        return Streams(queries, states, _with_vector(seen), mask)


def visible(
    keys: Key[Array, " batch"], tokens: int, share: float
) -> Bool[Array, "batch tokens tokens"]:
    """Which pieces (columns) each place (rows) sees: never its own, of the others `1 - share`.

    Example:
        >>> visible(jax.random.split(jax.random.key(0), 1), 3, 0.0)[0].astype(int).tolist()
        [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    return keep_mask(keys, _SALT, (tokens, tokens), share) & ~jnp.eye(tokens, dtype=bool)


def _with_vector(
    seen: Bool[Array, "batch #queries tokens"],
) -> Bool[Array, "batch #queries states"]:
    """The vector stands before the pieces, and all may read it."""
    return jnp.pad(seen, ((0, 0), (0, 0), (1, 0)), constant_values=True)
