"""Which positions a token may attend to."""

import abc
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxemb.config import Part


@dataclass(frozen=True, kw_only=True)
class AttentionMask(Part, abc.ABC):
    """Slot: from the mask of real tokens to `allowed[b, 1, query, key]` (or broadcastable to it)."""

    @abc.abstractmethod
    def __call__(self, mask: Bool[Array, "batch tokens"]) -> Bool[Array, "batch 1 queries tokens"]:
        """Returns True where the query position may read the key position."""


@dataclass(frozen=True, kw_only=True)
class Bidirectional(AttentionMask):
    """Every token reads every real token: `allowed[b, q, k] = mask[b, k]`.

    Example:
        >>> Bidirectional()(jnp.array([[True, True, False]])).astype(int).tolist()
        [[[[1, 1, 0]]]]
    """

    def __call__(self, mask: Bool[Array, "batch tokens"]) -> Bool[Array, "batch 1 1 tokens"]:
        return mask[:, None, None, :]


@dataclass(frozen=True, kw_only=True)
class Causal(AttentionMask):
    """A token reads itself and what stands before it: `allowed[b, q, k] = mask[b, k] and k <= q`.

    Example:
        >>> Causal()(jnp.array([[True, True, False]])).astype(int).tolist()
        [[[[1, 0, 0], [1, 1, 0], [1, 1, 0]]]]
    """

    def __call__(self, mask: Bool[Array, "batch tokens"]) -> Bool[Array, "batch 1 tokens tokens"]:
        tokens = mask.shape[1]
        order = jnp.tril(jnp.ones((tokens, tokens), bool))
        return mask[:, None, None, :] & order[None, None]
