"""What losses have in common that write a text again from the vector of its damaged self."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import Part
from jaxemb.losses.base import Columns, Loss, LossState, Term
from jaxemb.losses.embedded import Pieces, Reading, Vector, embedded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restoring(Loss, abc.ABC):
    """Base of losses with a decoder of their own, from one column's vectors to another's pieces.

    Attributes:
        decoder: a Linen module; called with vectors, pieces and their mask, and what `drawn` adds.
        column: the damaged texts.
        target: the whole ones.
    """

    decoder: Part
    column: str
    target: str

    @property
    def needs(self) -> tuple[str, ...]:
        """Both columns."""
        return (self.column, self.target)

    @property
    def vectors(self) -> tuple[str, ...]:
        """The damaged texts."""
        return (self.column,)

    @property
    def reads(self) -> Mapping[str, Reading]:
        """The vectors of the damaged texts, and the pieces of the whole ones."""
        return {self.column: Vector(), self.target: Pieces()}

    def drawn(self, key: Key[Array, ""]) -> tuple[Any, ...]:
        """What the decoder takes of one text beside its vector and pieces."""
        return ()

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The decoder's parameters, drawn."""
        shapes = embedded(columns[self.column]).vectors, *self.text(columns)
        one = (jnp.zeros((1, *x.shape[1:]), x.dtype) for x in shapes)
        return LossState(self.decoder.init(key, *one, *self.drawn(key)).get("params", {}), {})

    @abc.abstractmethod
    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `token`, of every piece that is asked for."""

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the parameters that they start at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]

    def text(self, columns: Columns) -> tuple[Any, Any]:
        """Ids and mask of the whole texts, `[rows, tokens]`."""
        extra = embedded(columns[self.target]).extra
        return extra["ids"], extra["mask"]
