"""Where a token stands: added to its vector, or rotated into queries and keys."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxemb.config import Part, UsageError


class PositionEncoding(nn.Module, Part):
    """Slot: tells a transformer the order of its tokens.

    An encoding acts in one of two places and leaves the other as it is: `embed` changes the token
    vectors before the first block, `rotate` changes the queries and keys of every attention.
    """

    def embed(self, x: Float[Array, "batch tokens width"]) -> Float[Array, "batch tokens width"]:
        """Adds positions to the token vectors."""
        return x

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

    max_tokens: int = 512
    scale: float = 0.02

    @nn.compact
    def embed(self, x: Float[Array, "batch tokens width"]) -> Float[Array, "batch tokens width"]:
        tokens, width = x.shape[1:]
        table = self.param(
            "embedding", nn.initializers.normal(self.scale), (self.max_tokens, width)
        )
        if tokens > self.max_tokens:
            raise UsageError(
                f"A batch of {tokens} tokens exceeds the {self.max_tokens} positions of Learned; "
                "raise position.max_tokens or cut the text."
            )
        return x + table[:tokens].astype(x.dtype)


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
    segments: int = 2

    @nn.compact
    def embed(self, x: Float[Array, "batch tokens width"]) -> Float[Array, "batch tokens width"]:
        table = self.param("embedding", nn.initializers.normal(0.02), (self.segments, x.shape[-1]))
        return self.inner.embed(x) + table[0].astype(x.dtype)

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

    base: float = 10000.0
    scale: float = 0.1

    def embed(self, x: Float[Array, "batch tokens width"]) -> Float[Array, "batch tokens width"]:
        tokens, width = x.shape[1:]
        angle = _angles(tokens, width + width % 2, self.base)
        waves = jnp.stack([jnp.sin(angle), jnp.cos(angle)], axis=-1).reshape(tokens, -1)
        return x + (self.scale * waves[:, :width]).astype(x.dtype)


class Rotary(PositionEncoding, kw_only=True):
    """Turns pairs `(x[i], x[i + k/2])` of a head's `k` features by `t / base^(2i/k)`.

    The product of a query at `t` and a key at `s` then depends on `t - s` alone.

    Raises:
        UsageError: if a head's width is odd.

    Reference: Su et al., RoFormer, arXiv:2104.09864.
    """

    base: float = 10000.0

    def rotate(
        self, x: Float[Array, "batch heads tokens head_width"]
    ) -> Float[Array, "batch heads tokens head_width"]:
        tokens, width = x.shape[-2:]
        if width % 2:
            raise UsageError(f"Rotary needs an even width a head, not {width}.")
        angle = _angles(tokens, width, self.base)
        sine, cosine = jnp.sin(angle).astype(x.dtype), jnp.cos(angle).astype(x.dtype)
        first, second = jnp.split(x, 2, axis=-1)
        return jnp.concatenate(
            [first * cosine - second * sine, second * cosine + first * sine], axis=-1
        )


def _angles(tokens: int, width: int, base: float) -> Float[Array, "tokens half"]:
    frequency = base ** (-jnp.arange(0, width, 2, dtype=jnp.float32) / width)
    return jnp.arange(tokens, dtype=jnp.float32)[:, None] * frequency
