"""An encoder some of whose words are left out in training."""

import dataclasses
import zlib
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, Below, UsageError
from jaxemb.encoders.bag import Bag
from jaxemb.encoders.base import Encoder
from jaxemb.nn.dropout import keep_mask
from jaxemb.runtime.shapes import Depths, States, TokenMask


class WordDropout(Encoder, kw_only=True):
    """Leaves out whole tokens of a text while training, `inner(x, mask & kept)`.

    Each token of each text is left out with probability `rate`, drawn by the example's key, so a
    text loses the same words on any device layout. The states of those that are left out are 0 and
    the others are multiplied by `n / kept`: the pooling, which knows nothing of it, gives the mean over
    the tokens that were kept. Without keys it is `inner`.

    With `inner=Bag()`, the pooling `Mean` and the head `FeedForwardHead` this is a deep averaging
    network.

    Attributes:
        inner: the encoder.
        rate: share of tokens that are left out.

    Raises:
        UsageError: if `rate` is not in `[0, 1)`.

    Example:
        >>> import jax
        >>> x, mask = jnp.ones((1, 4, 2)), jnp.ones((1, 4), bool)
        >>> keys = jax.random.split(jax.random.key(0), 1)
        >>> states = WordDropout(inner=Bag(width=2), rate=0.5).apply({}, x, mask, keys)
        >>> states.mean().item()
        1.0

    Reference: Iyyer et al., Deep Unordered Composition Rivals Syntactic Methods for Text
    Classification, ACL 2015.
    """

    inner: Encoder = dataclasses.field(default_factory=Bag)
    rate: Annotated[float, AtLeast(0), Below(1)] = 0.3

    @property
    def width(self) -> int:
        """That of the encoder."""
        return self.inner.width

    @property
    def depth(self) -> int:
        return self.inner.depth

    @property
    def layers(self) -> int:
        """How many layers there are to cut after."""
        return getattr(self.inner, "layers", 1)

    def truncated(self, layers: int) -> "WordDropout":
        """Returns `inner` truncated, with the same words left out."""
        return dataclasses.replace(self, inner=self.inner.truncated(layers))

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Depths:
        if not 0.0 <= self.rate < 1.0:
            raise UsageError(f"WordDropout.rate is {self.rate}; it must lie in [0, 1).")
        if keys is None or self.rate == 0.0:
            return self.inner(x, mask, keys)
        salt = zlib.crc32("/".join((*self.path, "words")).encode())
        kept = mask & keep_mask(keys, salt, mask.shape[1:], self.rate)
        kept = jnp.where(kept.any(1, keepdims=True), kept, mask)  # a text keeps something
        states = self.inner(x, kept, keys)
        weight = mask.sum(1) / jnp.maximum(kept.sum(1), 1)
        scaled = states * weight.astype(states.dtype)[:, None, None]
        return jnp.where(kept[..., None], scaled, 0)
