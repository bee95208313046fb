"""An encoder whose states are read by a decoder."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxemb.config import AtLeast, Below, Between
from jaxemb.encoders.base import Encoder, LayeredEncoder
from jaxemb.encoders.transformer import Transformer
from jaxemb.nn import Activation, Decoder, Norm, ReLU, RMSNorm
from jaxemb.runtime.shapes import Depths, States, TokenMask


class EncoderDecoder(LayeredEncoder, kw_only=True):
    """A decoder that reads the text from the start on, and at each token all the encoder's states.

    `H = inner(x)`, `y = [start, x₀, x₁, …]` shifted by one token, `states = decoder(y, H)`: those of
    the decoder's blocks, each read through one norm. Three vectors of a text are read from such a
    network: the mean of the encoder's states (`inner` alone with `Mean`), its first state (`inner`
    with `FirstToken`), and what the decoder first gives, having read nothing but its start
    (`FirstToken` here; `FirstDecoderStep` over `inner` is the same for the price of one step).
    `LastToken` reads the decoder after the whole text.

    Attributes:
        layers: blocks of the decoder.
        inner: the encoder, whose last states are read.
        heads: of each attention of the decoder.
        hidden: of its feed-forward networks; None is four times the width.
        norm: before each branch and of the states that are read.
        activation: of the feed-forward networks.
        dropout: rate on residual branches of the decoder.
        dtype: of the decoder's products and activations by name.

    Example:
        >>> import jax
        >>> encoder = EncoderDecoder(inner=Transformer(layers=2, width=8, heads=2), heads=2)
        >>> x, mask = jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> states, variables = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(variables["params"])
        ((2, 2, 5, 8), ['decoder', 'inner', 'start'])

    Reference: Ni et al., Sentence-T5, arXiv:2108.08877.
    """

    inner: Encoder = dataclasses.field(default_factory=Transformer)
    heads: Annotated[int, AtLeast(1)] = 4
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    norm: Norm = dataclasses.field(default_factory=RMSNorm)
    activation: Activation = ReLU()
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.1
    dtype: str = "float32"

    @property
    def width(self) -> int:
        """Of the token vectors: that of the encoder."""
        return self.inner.width

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Depths:
        states = self.inner(x, mask, keys)[-1]
        states = jnp.where(mask[..., None], states, 0)
        start = self.param("start", nn.initializers.normal(1.0), (x.shape[-1],))
        decoder = Decoder(
            layers=self.layers,
            heads=self.heads,
            hidden=self.hidden,
            norm=self.norm,
            activation=self.activation,
            dropout=self.dropout,
            dtype=self.dtype,
            name="decoder",
        )
        y = shifted(x.astype(jnp.dtype(self.dtype)), mask, start)
        return decoder(y, states, mask, mask, keys=keys)


def shifted(
    x: States,
    mask: TokenMask,
    start: Float[Array, " width"],
) -> States:
    """Each token's place is taken by the one before it, the first real one's by `start`.

    Example:
        >>> x, mask = jnp.array([[[1.0], [2.0], [3.0]]]), jnp.array([[False, True, True]])
        >>> shifted(x, mask, jnp.array([9.0]))[0, 1:, 0].tolist()
        [9.0, 2.0]
    """
    before = jnp.roll(x, 1, axis=1)
    inside = jnp.roll(mask, 1, axis=1).at[:, 0].set(False)
    return jnp.where(inside[..., None], before, start.astype(x.dtype))
