"""Where a token stands: added to its vector, or rotated into queries and keys."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxemb.config import Above, AtLeast, Between, Part, UsageError
from jaxemb.runtime.shapes import Length, States, TokenIds

Positions = TokenIds | None


class PositionEncoding(nn.Module, Part):
    """Slot: tells a transformer the order of its tokens.

    An encoding acts in one of three places and leaves the others as they are: `embed` changes the
    token vectors before the first block, `rotate` changes the queries and keys of every attention,
    `bias` is added to every attention's scores.
    """

    def embed(self, x: States, positions: Positions = None) -> States:
        """Adds positions to the token vectors; None counts from the first token of each row."""
        return x

    def bias(self, tokens: Length, heads: int) -> Float[Array, "1 heads tokens tokens"] | None:
        """What is added to the scores of queries (rows) and keys; None is nothing."""
        return None

    def rotate(
        self, x: Float[Array, "batch heads tokens head_width"]
    ) -> Float[Array, "batch heads tokens head_width"]:
        """Turns queries or keys according to their positions."""
        return x


class NoPosition(PositionEncoding, kw_only=True):
    """Order is not told: with a bidirectional mask the tokens are a bag."""


class Learned(PositionEncoding, kw_only=True):
    """A trained vector a position: `x[t] + table[t]`, parameter `embedding [max_tokens, width]`.

    Attributes:
        max_tokens: positions in the table.
        scale: standard deviation of the initial table; small beside a token's 1, so that training
            starts from the tokens.

    Raises:
        UsageError: if a batch is longer than `max_tokens`.
    """

    max_tokens: Annotated[int, Between(1, 2**31)] = 512
    scale: Annotated[float, AtLeast(0)] = 0.02

    @nn.compact
    def embed(self, x: States, positions: Positions = None) -> States:
        tokens, width = x.shape[1:]
        table = self.param(
            "embedding", nn.initializers.normal(self.scale), (self.max_tokens, width)
        )
        if tokens > self.max_tokens:
            raise UsageError(
                f"A batch of {tokens} tokens exceeds the {self.max_tokens} positions of Learned; "
                "raise position.max_tokens or cut the text."
            )
        rows = table[:tokens] if positions is None else table[positions]
        return x + rows.astype(x.dtype)


class ClippedLearned(Learned, kw_only=True):
    """`Learned`, of which all tokens beyond the table have the last row: any length can be read.

    How a model with learned positions is asked to read texts that are longer than those it was
    trained on: `x[t] + table[min(t, max_tokens - 1)]`.
    """

    @nn.compact
    def embed(
        self, x: Float[Array, "batch tokens width"], positions: Positions = None
    ) -> Float[Array, "batch tokens width"]:
        tokens, width = x.shape[1:]
        table = self.param(
            "embedding", nn.initializers.normal(self.scale), (self.max_tokens, width)
        )
        place = jnp.arange(tokens) if positions is None else positions
        return x + table[jnp.minimum(place, self.max_tokens - 1)].astype(x.dtype)


class WithSegment(PositionEncoding, kw_only=True):
    """Adds the row of the first of several segments to every token: `inner.embed(x) + table[0]`.

    BERT tells two texts of one input apart by a vector each. A text that is embedded is alone, and
    all its tokens get the first one. Parameter `embedding [segments, width]`.

    Attributes:
        inner: how order is told.
        segments: rows of the table.

    Reference: Devlin et al., BERT, arXiv:1810.04805.
    """

    inner: PositionEncoding = dataclasses.field(default_factory=Learned)
    segments: Annotated[int, AtLeast(1)] = 2

    @nn.compact
    def embed(self, x: States, positions: Positions = None) -> States:
        table = self.param("embedding", nn.initializers.normal(0.02), (self.segments, x.shape[-1]))
        return self.inner.embed(x, positions) + table[0].astype(x.dtype)

    def bias(self, tokens: Length, heads: int) -> Float[Array, "1 heads tokens tokens"] | None:
        return self.inner.bias(tokens, heads)

    def rotate(
        self, x: Float[Array, "batch heads tokens head_width"]
    ) -> Float[Array, "batch heads tokens head_width"]:
        return self.inner.rotate(x)


class Sinusoidal(PositionEncoding, kw_only=True):
    """Fixed waves: `x[t, 2i] + s sin(t / base^(2i/width))`, `x[t, 2i+1] + s cos(...)`.

    Attributes:
        base: the longest wavelength over 2π.
        scale: `s`, the size beside token vectors of root mean square 1.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    base: Annotated[float, Above(0)] = 10000.0
    scale: Annotated[float, AtLeast(0)] = 0.1

    def embed(self, x: States, positions: Positions = None) -> States:
        tokens, width = x.shape[1:]
        frequency = self.base ** (-jnp.arange(0, width, 2, dtype=jnp.float32) / (width + width % 2))
        place = jnp.arange(tokens) if positions is None else positions
        angle = place.astype(jnp.float32)[..., None] * frequency
        waves = jnp.stack([jnp.sin(angle), jnp.cos(angle)], axis=-1)
        waves = waves.reshape(*place.shape, -1)
        return x + (self.scale * waves[..., :width]).astype(x.dtype)
