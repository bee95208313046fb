"""Which positions a token may attend to."""

import abc
from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Shaped

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.runtime.shapes import TokenIds

Mask = Shaped[Array, "batch tokens"]
"""Which tokens are real, or of which segment: 0 is padding, the segments count from 1."""


@dataclass(frozen=True, kw_only=True)
class AttentionMask(Part, abc.ABC):
    """Slot: from the mask of real tokens to `allowed[b, 1, query, key]` (or broadcastable to it).

    The mask of real tokens is of truth values, or of whole numbers where a row holds several texts,
    chunks or copies: then it says of which segment a token is, from 1 on, and 0 is padding.
    """

    @abc.abstractmethod
    def __call__(self, mask: Mask) -> Bool[Array, "batch 1 queries tokens"]:
        """Returns True where the query position may read the key position."""

    def positions(self, mask: Mask) -> TokenIds:
        """Where each token stands in its text: from 0 on at the first real token of its row."""
        start = jnp.argmax(mask != 0, axis=1)
        return jnp.maximum(jnp.arange(mask.shape[1]) - start[:, None], 0)


@dataclass(frozen=True, kw_only=True)
class Bidirectional(AttentionMask):
    """Every token reads every real token: `allowed[b, q, k] = mask[b, k]`.

    Example:
        >>> Bidirectional()(jnp.array([[True, True, False]])).astype(int).tolist()
        [[[[1, 1, 0]]]]
    """

    def __call__(self, mask: Mask) -> Bool[Array, "batch 1 1 tokens"]:
        return (mask != 0)[:, None, None, :]


@dataclass(frozen=True, kw_only=True)
class Causal(AttentionMask):
    """A token reads itself and what stands before it: `allowed[b, q, k] = mask[b, k] and k <= q`.

    Example:
        >>> Causal()(jnp.array([[True, True, False]])).astype(int).tolist()
        [[[[1, 0, 0], [1, 1, 0], [1, 1, 0]]]]
    """

    def __call__(self, mask: Mask) -> Bool[Array, "batch 1 tokens tokens"]:
        return Bidirectional()(mask) & (_distance(mask) >= 0)


@dataclass(frozen=True, kw_only=True)
class Prefix(AttentionMask):
    """The first real tokens are read by all, the others by what follows: a prefix language model.

    `allowed[b, q, k] = mask[b, k] and (k <= q or position[b, k] < tokens)`.

    Attributes:
        tokens: how many are in the prefix.

    Raises:
        UsageError: if `tokens` is negative.

    Example:
        >>> Prefix(tokens=2)(jnp.array([[True, True, True]])).astype(int).tolist()
        [[[[1, 1, 0], [1, 1, 0], [1, 1, 1]]]]

    Reference: Raffel et al., Exploring the Limits of Transfer Learning, arXiv:1910.10683.
    """

    tokens: Annotated[int, AtLeast(0)] = 8

    def __post_init__(self) -> None:
        if self.tokens < 0:
            raise UsageError(f"Prefix.tokens is {self.tokens}; it must be at least 0.")

    def __call__(self, mask: Mask) -> Bool[Array, "batch 1 tokens tokens"]:
        first = self.positions(mask) < self.tokens
        return Bidirectional()(mask) & ((_distance(mask) >= 0) | first[:, None, None, :])


@dataclass(frozen=True, kw_only=True)
class Window(AttentionMask):
    """What `inner` allows, no farther than `reach` tokens away: `|q - k| <= reach`.

    Over `Causal` it is the sliding window of a language model that reads `reach + 1` tokens.

    Attributes:
        inner: what is allowed otherwise.
        reach: how far a token reads to each side.

    Raises:
        UsageError: if `reach` is negative.

    Example:
        >>> Window(reach=1)(jnp.array([[True, True, True]])).astype(int).tolist()
        [[[[1, 1, 0], [1, 1, 1], [0, 1, 1]]]]

    Reference: Beltagy et al., Longformer, arXiv:2004.05150.
    """

    inner: AttentionMask = Bidirectional()
    reach: Annotated[int, AtLeast(0)] = 64

    def __post_init__(self) -> None:
        if self.reach < 0:
            raise UsageError(f"Window.reach is {self.reach}; it must be at least 0.")

    def __call__(self, mask: Mask) -> Bool[Array, "batch 1 tokens tokens"]:
        return self.inner(mask) & (jnp.abs(_distance(mask)) <= self.reach)

    def positions(self, mask: Mask) -> TokenIds:
        return self.inner.positions(mask)


@dataclass(frozen=True, kw_only=True)
class WithinSegment(AttentionMask):
    """What `inner` allows inside a segment: `allowed and segment[b, q] = segment[b, k]`.

    Packed rows are then as if each text stood alone, since positions start again in every segment;
    so are chunks. A mask of truth values is one segment. The tokens of a segment are neighbours.

    Attributes:
        inner: what is allowed otherwise.

    Example:
        >>> WithinSegment()(jnp.array([[1, 1, 2, 0]])).astype(int).tolist()
        [[[[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]]]
        >>> WithinSegment().positions(jnp.array([[1, 1, 2, 2]])).tolist()
        [[0, 1, 0, 1]]

    Reference: Krell et al., Efficient Sequence Packing without Cross-contamination, arXiv:2107.02027.
    """

    inner: AttentionMask = Bidirectional()

    def __call__(self, mask: Mask) -> Bool[Array, "batch 1 tokens tokens"]:
        together = mask[:, None, :, None] == mask[:, None, None, :]
        return self.inner(mask) & together

    def positions(self, mask: Mask) -> TokenIds:
        place = jnp.broadcast_to(jnp.arange(mask.shape[1]), mask.shape)
        begins = jnp.pad(mask[:, 1:] != mask[:, :-1], ((0, 0), (1, 0)), constant_values=True)
        return place - jax.lax.cummax(jnp.where(begins, place, 0), axis=1)


@dataclass(frozen=True, kw_only=True)
class Echo(AttentionMask):
    """Later copies of a text read all of it: `allowed[b, q, k]` if `k <= q` or `segment[b, q] > 1`.

    The tokens of segment 1, and all tokens where the mask is of truth values, read what stands
    before them.

    Example:
        >>> Echo()(jnp.array([[1, 1, 2, 2]])).astype(int).tolist()
        [[[[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]]]

    Reference: Springer et al., Repetition Improves Language Model Embeddings, arXiv:2402.15449
    (there every copy is causal: `Causal`).
    """

    def __call__(self, mask: Mask) -> Bool[Array, "batch 1 tokens tokens"]:
        later = mask.astype(jnp.int32)[:, None, :, None] > 1
        return Bidirectional()(mask) & ((_distance(mask) >= 0) | later)


def _distance(mask: Mask) -> Int[Array, "1 1 tokens tokens"]:
    """How far before the query the key stands, `q - k`."""
    place = jnp.arange(mask.shape[1])
    return (place[:, None] - place[None, :])[None, None]
