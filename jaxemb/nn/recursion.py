"""Halving and doubling texts by one shared group of layers, each text as often as it needs."""

from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxemb.config import AtLeast
from jaxemb.nn.convolution import ConvolutionBlock, ExpandingBlock
from jaxemb.runtime.shapes import States, TokenMask

CODE = 4
"""Vectors that a text is brought to, whatever its length."""


def halvings(mask: TokenMask) -> Int[Array, " batch"]:
    """How often each text is halved until `CODE` tokens are left: its length is a power of two first.

    A text of up to 8 tokens is halved once, one of up to 16 twice, and so on.

    Example:
        >>> halvings(jnp.arange(32) < jnp.array([[3], [8], [9], [32]])).tolist()
        [1, 1, 2, 3]
    """
    length = mask.sum(1)
    longer = [length > CODE << n for n in range(1, most_halvings(mask.shape[1]))]
    return 1 + sum(longer, jnp.zeros(len(mask), jnp.int32))


def most_halvings(tokens: int) -> int:
    """The halvings of the longest text that fits."""
    return max(1, (tokens - 1).bit_length() - 2)


def region(steps: Int[Array, " batch"], tokens: int) -> TokenMask:
    """The tokens that take part where a text has so many halvings before it."""
    return jnp.arange(tokens) < (CODE << steps)[:, None]


class Halving(nn.Module, kw_only=True):
    """Blocks, then the larger of every two neighbours: half the tokens."""

    block: ConvolutionBlock
    blocks: Annotated[int, AtLeast(1)]

    @nn.compact
    def __call__(self, x: States, mask: TokenMask) -> Float[Array, "batch half width"]:
        for n in range(self.blocks):
            x = self.block.clone(parent=self, name=f"block_{n}")(x, mask)
        return x.reshape(len(x), -1, 2, x.shape[-1]).max(2)


class Doubling(nn.Module, kw_only=True):
    """A block that doubles the tokens, then more of them."""

    block: ConvolutionBlock
    blocks: Annotated[int, AtLeast(1)]

    @nn.compact
    def __call__(self, x: States, mask: TokenMask) -> Float[Array, "batch doubled width"]:
        expand = ExpandingBlock(
            window=self.block.window,
            norm=self.block.norm,
            activation=self.block.activation,
            name="block_0",
        )
        x, mask = expand(x, mask), jnp.repeat(mask, 2, axis=1)
        for n in range(1, self.blocks):
            x = self.block.clone(parent=self, name=f"block_{n}")(x, mask)
        return x
