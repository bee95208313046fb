"""A loss whose columns play other roles than their names say."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Float32, Key

from jaxemb.losses.base import Columns, Loss, LossState, Term
from jaxemb.losses.embedded import Reading


@dataclasses.dataclass(frozen=True, kw_only=True)
class InRoles(Loss):
    """The inner loss with the columns in other roles: whose texts are its queries, its positives.

    For a sum of losses in which one column is the anchor of one loss and the positive of another. A
    role that is left empty has no column, so that a loss does not see the negatives that the batch
    holds for another loss. Ids and teachers move with their texts.

    Args:
        inner: any loss over vectors.
        query: which column is its `query`.
        positive: which its `positive`.
        negatives: which its `negatives`; "" is none.

    Example:
        >>> InRoles(inner=Triplet(), query="positive", positive="query", negatives="negatives")

    Reference: Ravfogel et al., Description-Based Text Similarity, arXiv:2305.12517.
    """

    inner: Loss
    query: str = "query"
    positive: str = "positive"
    negatives: str = ""

    @property
    def _column(self) -> dict[str, str]:
        return {"query": self.query, "positive": self.positive, "negatives": self.negatives}

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that play the roles which the inner loss needs."""
        return tuple(
            dict.fromkeys(self._column.get(name, name) or name for name in self.inner.needs)
        )

    @property
    def vectors(self) -> tuple[str, ...]:
        """The columns that play the roles which the inner loss reads."""
        return tuple(self.reads)

    @property
    def reads(self) -> Mapping[str, Reading]:
        """What the inner loss asks of each role, of the column that plays it."""
        asked = {self._column.get(name, name): how for name, how in self.inner.reads.items()}
        return {name: how for name, how in asked.items() if name}

    def negatives_per_row(self, columns: Columns) -> Float32[Array, ""] | None:
        """The inner loss's."""
        return self.inner.negatives_per_row(self._in_roles(columns))

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The inner loss's."""
        return self.inner.init(key, self._in_roles(columns))

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The inner loss's terms."""
        return self.inner.apply(state, self._in_roles(columns), key=key, axis=axis)

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the parameters that the inner loss starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]

    def _in_roles(self, columns: Columns) -> dict[str, Any]:
        belonging = ("", "_id", "_teacher")
        played = {f"{role}{end}" for role in self._column for end in belonging}
        rest = {name: value for name, value in columns.items() if name not in played}
        moved = {
            f"{role}{end}": columns[f"{column}{end}"]
            for role, column in self._column.items()
            for end in belonging
            if column and f"{column}{end}" in columns
        }
        return rest | moved
