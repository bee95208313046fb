"""Token vectors put together from rows of a few small tables."""

from collections.abc import Sequence
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from jaxemb.config import AtLeast, UsageError
from jaxemb.runtime.shapes import States, TokenIds
from jaxemb.tokens.embedding import TokenEmbedding


class ComposedTable(TokenEmbedding, kw_only=True):
    """One row of each of several small tables, side by side: `x = [S₁[c₁(id)], …, S_f[c_f(id)]]`.

    The codes are the digits of the id, `c_k = ⌊id / Q^k⌋ mod Q` with the smallest Q for which no two
    ids have the same ones, `Q^f ≥ V`: `Q · width` parameters instead of `V · width`. Parameters
    `table_k [Q, width / f]`, the last with what remains of the width, drawn as `TokenTable` is.

    Attributes:
        tables: f.

    Raises:
        UsageError: if there are fewer than 1 table or more than the width.

    Example:
        >>> ids = jnp.array([[2, 7, 3, 0]])
        >>> x, variables = ComposedTable(tables=2).init_with_output(
        ...     jax.random.key(0), ids, vocabulary=30522, width=8)
        >>> x.shape, variables["params"]["table_0"].shape
        ((1, 4, 8), (175, 4))

    Reference: Jaiswal and Liu, Lightweight Adaptation of Neural Language Models via Subspace Embedding,
    arXiv:2308.08688.
    """

    tables: Annotated[int, AtLeast(1)] = 2

    def codes(self, ids: Int[Array, "*batch"], *, vocabulary: int) -> Int[Array, "*batch tables"]:
        """The row of each table that ids use."""
        return codes_of(ids, vocabulary, self.tables)

    def group(self, vocabulary: int) -> int:
        """Ids in a row that share their row of the last table, `Q^(f-1)`."""
        return base(vocabulary, self.tables) ** (self.tables - 1)

    def __call__(self, ids: TokenIds, *, vocabulary: int, width: int) -> States:
        codes = self.codes(ids, vocabulary=vocabulary)
        tables = self._tables(vocabulary, width)
        return jnp.concatenate([t[codes[..., k]] for k, t in enumerate(tables)], axis=-1)

    def logits(
        self, states: Float[Array, "*batch width"], *, vocabulary: int
    ) -> Float32[Array, "*batch vocabulary"]:
        """The products of states with the vectors of all tokens, without a table of these.

        `logits[i] = Σ_k ⟨h_k, S_k[c_k(i)]⟩`, where `h_k` is the part of the state beside table k.
        """
        return composed_logits(states, self._tables(vocabulary, states.shape[-1]), vocabulary)

    @nn.compact
    def _tables(self, vocabulary: int, width: int) -> list[Float32[Array, "rows part"]]:
        if not 1 <= self.tables <= width:
            raise UsageError(f"tables={self.tables} must be 1 to {width}, the width.")
        part, rows = width // self.tables, base(vocabulary, self.tables)
        widths = [part] * (self.tables - 1) + [width - part * (self.tables - 1)]
        draw = nn.initializers.normal(1.0)
        return [self.param(f"table_{k}", draw, (rows, w)) for k, w in enumerate(widths)]


def base(vocabulary: int, tables: int) -> int:
    """The smallest number whose power of `tables` is at least `vocabulary`.

    Example:
        >>> base(1000, 3), base(1001, 3), base(250002, 2)
        (10, 11, 501)
    """
    rows = max(1, int(vocabulary ** (1 / tables)) - 1)
    while rows**tables < vocabulary:
        rows += 1
    return rows


def codes_of(
    ids: Int[Array, "*batch"], vocabulary: int, tables: int
) -> Int[Array, "*batch tables"]:
    """The digits of ids, the lowest first; ids beyond the vocabulary are its last."""
    rows = base(vocabulary, tables)
    ids = jnp.clip(ids, 0, vocabulary - 1)
    return jnp.stack([ids // rows**k % rows for k in range(tables)], axis=-1)


def composed_logits(
    states: Float[Array, "*batch width"],
    tables: Sequence[Float32[Array, "rows _"]],
    vocabulary: int,
) -> Float32[Array, "*batch vocabulary"]:
    """`logits[i] = Σ_k ⟨h_k, S_k[c_k(i)]⟩`, from products with the rows of the small tables alone."""
    codes = codes_of(jnp.arange(vocabulary), vocabulary, len(tables))
    ends = np.cumsum([table.shape[1] for table in tables])
    parts = jnp.split(states.astype(jnp.float32), ends[:-1], axis=-1)
    products = zip(parts, tables, strict=True)
    return sum((part @ table.T)[..., codes[:, k]] for k, (part, table) in enumerate(products))
