"""Decoders: vectors back to the tokens of a text."""

import abc
import dataclasses
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int

from jaxemb.config import AtLeast, Between, Part, UsageError, smaller
from jaxemb.nn import Activation, ConvolutionBlock, Decoder, Dense, LayerNorm, Norm, ReLU, RMSNorm
from jaxemb.nn.recursion import CODE, Doubling, halvings, most_halvings, region
from jaxemb.runtime.shapes import TokenMask, Vectors


class TokenDecoder(nn.Module, Part, abc.ABC):
    """Slot: a text's vector to logits of its tokens, all at once."""

    @abc.abstractmethod
    def __call__(
        self, vectors: Vectors, mask: TokenMask
    ) -> Float32[Array, "batch tokens vocabulary"]:
        """Returns logits; `mask` says how long each text is, and nothing else of it."""


class RecursiveDecoder(TokenDecoder, kw_only=True):
    """The mirror of `RecursiveConvolutional`: one group of convolutions doubles four vectors.

    The vector is cut into four; each text is doubled `log₂(length) - 2` times by the same parameters,
    where its length is the next power of two, 8 at least. More blocks and a linear map to logits
    follow. Logits of padding are 0. A token counts from the first real one on.

    Attributes:
        vocabulary: logits of each token; 261 is that of `Bytes`.
        blocks: in the group that doubles, and as many after it.
        window: of the convolutions.
        norm: of each token's features, after each convolution.
        activation: after each norm and each sum.

    Raises:
        UsageError: if a vector cannot be cut into four.

    Example:
        >>> mask = jnp.arange(20) < jnp.array([[20], [5]])
        >>> decoder = RecursiveDecoder(blocks=1, vocabulary=7)
        >>> decoder.init_with_output(jax.random.key(0), jnp.ones((2, 32)), mask)[0].shape
        (2, 20, 7)

    Reference: Zhang and LeCun, Byte-Level Recursive Convolutional Auto-Encoder for Text,
    arXiv:1802.01817.
    """

    vocabulary: Annotated[int, Between(1, 2**31)] = 261
    blocks: Annotated[int, AtLeast(1)] = 4
    window: Annotated[int, AtLeast(1)] = 3
    norm: Norm = dataclasses.field(default_factory=LayerNorm)
    activation: Activation = ReLU()

    @nn.compact
    def __call__(
        self, vectors: Vectors, mask: TokenMask
    ) -> Float32[Array, "batch tokens vocabulary"]:
        if vectors.shape[-1] % CODE:
            raise UsageError(f"A vector of {vectors.shape[-1]} numbers cannot be cut into {CODE}.")
        block = ConvolutionBlock(
            window=self.window, norm=self.norm, activation=self.activation, parent=None
        )
        double = Doubling(block=block, blocks=self.blocks, name="doubling")
        h, steps = vectors.reshape(len(vectors), CODE, -1), halvings(mask)
        for n in range(most_halvings(mask.shape[1])):
            wide = double(h, region(jnp.minimum(n, steps), h.shape[1]))
            h = jnp.where((n < steps)[:, None, None], wide, jnp.pad(h, _doubled(h)))
        real = region(steps, h.shape[1])
        for n in range(self.blocks):
            h = block.clone(parent=self, name=f"postfix_{n}")(h, real)
        rank = jnp.maximum(jnp.cumsum(mask, axis=1) - 1, 0)
        h = jnp.take_along_axis(h, rank[..., None], axis=1)
        logits = Dense(features=self.vocabulary, name="output")(h)
        return jnp.where(mask[..., None], logits, 0)


class TextDecoder(nn.Module, Part, abc.ABC):
    """Slot: a text's vector and its pieces to logits of the piece that follows each of them."""

    @abc.abstractmethod
    def __call__(
        self, vectors: Vectors, ids: Int[Array, "batch tokens"], mask: TokenMask
    ) -> Float32[Array, "batch tokens vocabulary"]:
        """Returns logits; those at a token are read off the vector and the tokens up to it."""


class CausalDecoder(TextDecoder, kw_only=True):
    """Decoder blocks that write a text piece by piece and read nothing but its vector.

    `h = decoder(E[ids], v)`, logits `h Eᵀ + b`: each block attends to what was written and to the one
    vector, and the table of the pieces `E` is also what they are told apart by.

    Attributes:
        vocabulary: logits of each token.
        layers: blocks.
        heads: of each attention; the vectors' width must be a multiple.
        hidden: of the feed-forward networks; None is four times the width.
        norm: before each branch and of the last states.
        activation: of the feed-forward networks.

    Raises:
        UsageError: if the width of the vectors is not a multiple of `heads`.

    Example:
        >>> decoder, ids = CausalDecoder(vocabulary=7, heads=2), jnp.array([[1, 5, 2]])
        >>> mask = jnp.ones(ids.shape, bool)
        >>> decoder.init_with_output(jax.random.key(0), jnp.ones((1, 8)), ids, mask)[0].shape
        (1, 3, 7)

    Reference: Wang et al., TSDAE, arXiv:2104.06979.
    """

    vocabulary: Annotated[int, Between(1, 2**31)] = 8192
    layers: Annotated[int, Between(0, 1000)] = 1
    heads: Annotated[int, AtLeast(1)] = 4
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    norm: Norm = dataclasses.field(default_factory=RMSNorm)
    activation: Activation = ReLU()

    @nn.compact
    def __call__(
        self, vectors: Vectors, ids: Int[Array, "batch tokens"], mask: TokenMask
    ) -> Float32[Array, "batch tokens vocabulary"]:
        shape = (self.vocabulary, vectors.shape[-1])
        table = self.param("embedding", nn.initializers.normal(shape[1] ** -0.5), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.vocabulary,))
        decoder = Decoder(
            layers=self.layers,
            heads=self.heads,
            hidden=self.hidden,
            norm=self.norm,
            activation=self.activation,
            name="decoder",
        )
        one = jnp.ones((len(ids), 1), bool)
        states = decoder(table[ids], vectors[:, None], mask, one)[-1]
        return states.astype(jnp.float32) @ table.T + bias

    def small(self) -> "CausalDecoder":
        return smaller(self, vocabulary=512)


def _doubled(h: Array) -> tuple[tuple[int, int], ...]:
    return (0, 0), (0, h.shape[1]), (0, 0)
