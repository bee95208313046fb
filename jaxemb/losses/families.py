"""A loss for one family of a batch's rows."""

import dataclasses
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.losses.base import Columns, Loss, Term, row_weights
from jaxemb.losses.wrapper import Wrapper


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfFamily(Wrapper):
    r"""The inner loss over the rows of one family: the weight of any other row is 0.

    Several of them in a `Sum` train one encoder for several tasks. Where each batch is of one
    family, as `SeveralTasks` has it by default, the tasks have their steps in turn; in a batch of
    several, every step takes all of them into account. A row that weighs nothing is nobody's
    candidate in a contrastive inner loss either.

    Columns: the inner loss's, and `family` `[rows]`.

    Args:
        inner: the loss of the family.
        family: its number.

    Raises:
        UsageError: the batch has no column `family`.

    Example:
        >>> loss = OfFamily(inner=Classification(), family=1)
        >>> columns = {"query": jnp.zeros((2, 4)), "label": jnp.array([2, 0])}
        >>> columns |= {"family": jnp.array([0, 1])}
        >>> loss(columns, key=jax.random.key(0))["family_1/class"].weight.tolist()
        [0.0, 1.0]
    """

    inner: Loss
    family: Annotated[int, AtLeast(0)] = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """The inner loss's, and `family`."""
        return (*self.inner.needs, "family")

    def variants(self, columns: Columns, key: Key[Array, ""]) -> dict[str, Columns]:
        """The columns with the weights of the family's rows."""
        if "family" not in columns:
            raise UsageError("OfFamily reads the column 'family', which the data does not give.")
        mine = jnp.asarray(columns["family"]) == self.family
        weight = row_weights(columns, len(mine)) * mine
        return {f"family_{self.family}": {**columns, "weight": weight}}

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the parameters that the inner loss starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]
