"""Poolings that are networks of their own: a recurrence, convolutions, a decoder's first step."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxemb.config import AtLeast, Between
from jaxemb.nn import (
    LSTM,
    Activation,
    Cell,
    Convolution,
    Decoder,
    Direction,
    LeftToRight,
    Norm,
    Recurrence,
    ReLU,
    RMSNorm,
)
from jaxemb.pooling.base import Pooling, last_layer
from jaxemb.pooling.basic import Mean
from jaxemb.runtime.shapes import Depths, Pooled, TokenMask, Vectors


class RecurrentPooling(Pooling, kw_only=True):
    """The state that a recurrence over the tokens ends with: `v = h_last`, `h_t = cell(h_{t-1}, x_t)`.

    With `direction=BothWays()` both passes end where they have read the whole text: that from the
    right at the first token.

    Attributes:
        hidden: features of the state of each pass; None is the width.
        cell: what is done at a token.
        direction: which way the tokens are read.

    Example:
        >>> states, mask = jnp.ones((1, 2, 3, 8)), jnp.ones((2, 3), bool)
        >>> RecurrentPooling(hidden=5).init_with_output(jax.random.key(0), states, mask)[0].shape
        (2, 5)

    Reference: Dadas, Training Effective Neural Sentence Encoders from Automatically Mined
    Paraphrases, arXiv:2207.12759.
    """

    hidden: Annotated[int, Between(1, 2**22)] | None = None
    cell: Cell = LSTM()
    direction: Direction = LeftToRight()

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        h = last_layer(states)
        recurrence = Recurrence(
            features=self.hidden or h.shape[-1],
            cell=self.cell,
            direction=self.direction,
            name="recurrence",
        )
        _, carries = recurrence(h, mask)
        return recurrence.read(carries)


class ConvolutionPooling(Pooling, kw_only=True):
    """Convolutions along the tokens, then `inner`: `h ← a(conv(h))`, padding 0 before and after each.

    The published network's sizes are not known; these are two convolutions of three tokens, with
    the mean after them.

    Attributes:
        convolutions: how many.
        window: tokens that each sees.
        activation: `a`.
        inner: tokens to a vector.

    Example:
        >>> states, mask = jnp.ones((1, 2, 3, 8)), jnp.ones((2, 3), bool)
        >>> ConvolutionPooling().init_with_output(jax.random.key(0), states, mask)[0].shape
        (2, 8)

    Reference: Choi et al., Evaluation of BERT and ALBERT Sentence Embedding Performance on
    Downstream NLP Tasks, arXiv:2101.10642.
    """

    convolutions: Annotated[int, AtLeast(1)] = 2
    window: Annotated[int, AtLeast(1)] = 3
    activation: Activation = ReLU()
    inner: Pooling = dataclasses.field(default_factory=Mean)

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        h = last_layer(states)
        for n in range(self.convolutions):
            layer = Convolution(features=h.shape[-1], window=self.window, name=f"convolution_{n}")
            h = self.activation(layer(h, mask))
        return self.inner(h[None], mask)

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        return self.inner.items(mask)


class FirstDecoderStep(Pooling, kw_only=True):
    """What a decoder first gives: its start reads all the states, and nothing was written before.

    `v = decoder(start, H)[0]`: attention pooling by a whole decoder. With the same parameters it is
    the first state of `EncoderDecoder`.

    Attributes:
        blocks: of the decoder.
        heads: of each of its attentions.
        hidden: of its feed-forward networks; None is four times the width.
        norm: before each branch and of the result.
        activation: of the feed-forward networks.

    Raises:
        UsageError: if the width is not a multiple of `heads`.

    Example:
        >>> states, mask = jnp.ones((1, 2, 3, 8)), jnp.ones((2, 3), bool)
        >>> FirstDecoderStep(heads=2).init_with_output(jax.random.key(0), states, mask)[0].shape
        (2, 8)

    Reference: Ni et al., Sentence-T5, arXiv:2108.08877.
    """

    blocks: Annotated[int, AtLeast(1)] = 1
    heads: Annotated[int, AtLeast(1)] = 4
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    norm: Norm = dataclasses.field(default_factory=RMSNorm)
    activation: Activation = ReLU()

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        h = jnp.where(mask[..., None], last_layer(states), 0)
        start = self.param("start", nn.initializers.normal(1.0), h.shape[-1:])
        decoder = Decoder(
            layers=self.blocks,
            heads=self.heads,
            hidden=self.hidden,
            norm=self.norm,
            activation=self.activation,
            name="decoder",
        )
        y = jnp.broadcast_to(start, (len(h), 1, h.shape[-1]))
        return decoder(y, h, jnp.ones((len(h), 1), bool), mask)[-1, :, 0]
