"""An encoder that halves a text by the same layers until four vectors are left."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxemb.config import AtLeast, Below, Between
from jaxemb.encoders.single import SingleStateEncoder
from jaxemb.nn import Activation, ConvolutionBlock, Dropout, LayerNorm, Norm, ReLU
from jaxemb.nn.recursion import CODE, Halving, halvings, most_halvings, region
from jaxemb.runtime.shapes import States, TokenMask


class RecursiveConvolutional(SingleStateEncoder, kw_only=True):
    """One group of convolutions halves a text again and again, until four vectors are left.

    A text of n tokens is as long as the next power of two, 8 at least; what is beyond its tokens
    is 0. `h = prefix(x)`, then `h = halve(h)` with the same parameters, `log₂(length) - 2` times for
    each text, whatever the batch is padded to. The four vectors stand in place of the first four
    tokens, and the others are 0: the pooling `FirstTokens(tokens=4)` makes one vector of them.
    Depth grows with the text, parameters do not. Made for texts of `Bytes`.

    The blocks are normed token by token, where the paper uses batch statistics: these would make a
    text's vector depend on its neighbours and on how far they are padded.

    Attributes:
        width: of the token vectors and the states.
        blocks: convolution blocks before the recursion, and as many in its group.
        window: of the convolutions.
        norm: of each token's features, after each convolution.
        activation: after each norm and each sum.
        dropout: rate on the token vectors.

    Example:
        >>> import jax
        >>> encoder = RecursiveConvolutional(width=8, blocks=1)
        >>> x, mask = jnp.ones((2, 20, 8)), jnp.arange(20) < jnp.array([[20], [5]])
        >>> states, _ = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, bool(states[0, :, 4:].any())
        ((1, 2, 20, 8), False)

    Reference: Malik, Lancucki and Chorowski, Efficient Purely Convolutional Text Encoding,
    arXiv:1808.01160; Zhang and LeCun, Byte-Level Recursive Convolutional Auto-Encoder for Text,
    arXiv:1802.01817.
    """

    width: Annotated[int, Between(1, 2**22)] = 256
    blocks: Annotated[int, AtLeast(1)] = 4
    window: Annotated[int, AtLeast(1)] = 3
    norm: Norm = dataclasses.field(default_factory=LayerNorm)
    activation: Activation = ReLU()
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.0

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "1 batch tokens width"]:
        tokens, most = mask.shape[1], most_halvings(mask.shape[1])
        block = ConvolutionBlock(
            window=self.window, norm=self.norm, activation=self.activation, parent=None
        )
        halve = Halving(block=block, blocks=self.blocks, name="halving")
        steps = halvings(mask)
        h = Dropout(rate=self.dropout, name="dropout")(x, keys)
        h = _at_the_left(h, mask, CODE << most)
        for n in range(self.blocks):
            own = block.clone(parent=self, name=f"prefix_{n}")
            h = own(h, region(steps, h.shape[1]))
        for n in range(most):
            left = steps - n
            # A text that has come to its four vectors waits for the longer ones.
            halved = halve(h, region(jnp.maximum(left, 0), h.shape[1]))
            h = jnp.where((left > 0)[:, None, None], halved, h[:, : h.shape[1] // 2])
        code = jnp.zeros((len(x), max(tokens, CODE), x.shape[-1]), h.dtype).at[:, :CODE].set(h)
        return _at_the_tokens(code[:, :tokens], mask)[None]


def _at_the_left(x: Array, mask: Array, tokens: int) -> Array:
    """The real tokens first, in their order, and zeros up to a length."""
    order = jnp.argsort(~mask, axis=1, stable=True)
    real = jnp.where(mask[..., None], x, 0)
    moved = jnp.take_along_axis(real, order[..., None], axis=1)
    return jnp.pad(moved, ((0, 0), (0, tokens - moved.shape[1]), (0, 0)))


def _at_the_tokens(code: Array, mask: Array) -> Array:
    """The n-th vector in place of the n-th real token."""
    rank = jnp.cumsum(mask, axis=1) - 1
    moved = jnp.take_along_axis(code, jnp.maximum(rank, 0)[..., None], axis=1)
    return jnp.where(mask[..., None], moved, 0)
