"""Poolings that read tokens by their place."""

import dataclasses
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxemb.config import AtLeast, UsageError
from jaxemb.pooling.base import Pooling, last_layer
from jaxemb.pooling.basic import LastToken, Mean
from jaxemb.runtime.shapes import Depths, Pooled, TokenMask, Vectors


class BothEnds(Pooling, kw_only=True):
    """Where both passes of a bidirectional recurrence have ended: `v = [h[last, :w/2], h[first, w/2:]]`.

    The pass from the left has read the whole text at the last real token, that from the right at
    the first.

    Raises:
        UsageError: if the width is odd.

    Example:
        >>> states = jnp.arange(6.0).reshape(1, 1, 3, 2)
        >>> BothEnds().apply({}, states, jnp.array([[True, True, False]])).tolist()
        [[2.0, 1.0]]

    Reference: Conneau et al., Supervised Learning of Universal Sentence Representations from
    Natural Language Inference Data, arXiv:1705.02364 (BiGRU-last).
    """

    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        half, odd = divmod(states.shape[-1], 2)
        if odd:
            raise UsageError(f"A state of {states.shape[-1]} numbers is not that of two passes.")
        at_the_right = LastToken(parent=None)(states[..., :half], mask)
        real = jnp.where(mask[..., None], last_layer(states), 0)
        first = jnp.argmax(mask, axis=1)
        at_the_left = jnp.take_along_axis(real[..., half:], first[:, None, None], axis=1)[:, 0]
        return jnp.concatenate([at_the_right, at_the_left], axis=-1)


class FirstTokens(Pooling, kw_only=True):
    """The states of the first real tokens, one after the other; zeros where there are fewer.

    Attributes:
        tokens: how many; 4 reads the code of a `RecursiveConvolutional`.

    Example:
        >>> states = jnp.arange(1.0, 7.0).reshape(1, 1, 3, 2)
        >>> FirstTokens(tokens=2).apply({}, states, jnp.array([[False, True, True]])).tolist()
        [[3.0, 4.0, 5.0, 6.0]]
    """

    tokens: Annotated[int, AtLeast(1)] = 4

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        real = jnp.where(mask[..., None], last_layer(states), 0)
        rank = jnp.cumsum(mask, axis=1) - 1
        here = (rank[:, None, :] == jnp.arange(self.tokens)[:, None]) & mask[:, None, :]
        found = jnp.einsum("bnt,btw->bnw", here.astype(jnp.float32), real)
        return found.reshape(len(mask), -1)


class Trimmed(Pooling, kw_only=True):
    """What `inner` makes of a text without its first and last tokens, such as `[CLS]` and `[SEP]`.

    Attributes:
        first: how many real tokens are left out at the beginning.
        last: and at the end.
        inner: the other tokens to a vector; a text of so few tokens that none is left is read as
            one without tokens.

    Example:
        >>> states = jnp.arange(8.0).reshape(1, 1, 4, 2)
        >>> mask = jnp.array([[True, True, True, False]])
        >>> Trimmed(first=1, last=1).apply({}, states, mask).tolist()
        [[2.0, 3.0]]

    Reference: Barkan et al., Scalable Attentive Sentence-Pair Modeling via Distilled Sentence
    Embedding, arXiv:1908.05161.
    """

    first: Annotated[int, AtLeast(0)] = 1
    last: Annotated[int, AtLeast(0)] = 0
    inner: Pooling = dataclasses.field(default_factory=Mean)

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        return self.inner(states, self._kept(mask))

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        return self.inner.items(self._kept(mask))

    def _kept(self, mask: TokenMask) -> TokenMask:
        rank = jnp.cumsum(mask, axis=1)
        return mask & (rank > self.first) & (rank <= rank[:, -1:] - self.last)
