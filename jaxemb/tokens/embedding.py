"""Token ids to vectors: the slot, and the plain table."""

import abc
import dataclasses
from typing import Annotated

import flax.linen as nn

from jaxemb.config import Between, Part
from jaxemb.nn import Dense, NoNorm, NoPosition, Norm, PositionEncoding
from jaxemb.runtime.shapes import States, TokenIds


class TokenEmbedding(nn.Module, Part, abc.ABC):
    """Slot: maps token ids to vectors, `ids [batch, tokens] -> [batch, tokens, width]`."""

    @abc.abstractmethod
    def __call__(self, ids: TokenIds, *, vocabulary: int, width: int) -> States:
        """Embeds `ids`, which lie in `[0, vocabulary)`."""


class TokenTable(TokenEmbedding, kw_only=True):
    """One row per token: `x[b, t] = table[ids[b, t]]`.

    Parameter `embedding [vocabulary, width]`, drawn from N(0, 1) so that a row has root mean square
    1, the scale at which residual branches are added to it.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> ids = jnp.array([[2, 7, 3, 0]])
        >>> x, variables = TokenTable().init_with_output(
        ...     jax.random.key(0), ids, vocabulary=10, width=4)
        >>> x.shape, variables["params"]["embedding"].shape
        ((1, 4, 4), (10, 4))
    """

    @nn.compact
    def __call__(self, ids: TokenIds, *, vocabulary: int, width: int) -> States:
        table = self.param("embedding", nn.initializers.normal(1.0), (vocabulary, width))
        return table.at[ids].get(mode="clip")


class FactorizedTable(TokenEmbedding, kw_only=True):
    """A narrow row per token and a map to the width: `x[b, t] = norm(table[ids[b, t]] + p_t) W + b`.

    Parameter `embedding [vocabulary, dim]`, and those of `projection`. Positions and a norm may
    stand before the map; positions count from the row's first token, so padding must stand on the
    right where there are any.

    Attributes:
        dim: of a row.
        position: told to the narrow vectors.
        norm: of the narrow vectors.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> ids = jnp.array([[2, 7, 3, 0]])
        >>> x, variables = FactorizedTable(dim=2).init_with_output(
        ...     jax.random.key(0), ids, vocabulary=10, width=4)
        >>> x.shape, variables["params"]["embedding"].shape
        ((1, 4, 4), (10, 2))

    Reference: Lan et al., ALBERT, arXiv:1909.11942.
    """

    dim: Annotated[int, Between(1, 2**22)] = 128
    position: PositionEncoding = dataclasses.field(default_factory=NoPosition)
    norm: Norm = dataclasses.field(default_factory=NoNorm)

    @nn.compact
    def __call__(self, ids: TokenIds, *, vocabulary: int, width: int) -> States:
        table = self.param("embedding", nn.initializers.normal(1.0), (vocabulary, self.dim))
        x = self.norm(self.position.embed(table.at[ids].get(mode="clip")))
        return Dense(features=width, name="projection")(x)
