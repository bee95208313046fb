"""A loss for the rows of one data set of a batch that holds several."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.losses.base import Columns, Loss, row_weights
from jaxemb.losses.wrapper import Wrapper


@dataclasses.dataclass(frozen=True, kw_only=True)
class ForFamily(Wrapper):
    r"""The inner loss over the rows of one data set; the others weigh nothing in it.

    A row that weighs nothing is nobody's candidate either. In a `Sum`, each data set of a batch has
    the loss that its judgements ask for, and every step takes all of them into account:

    $$L = L_1(\text{rows of family } 0) + \beta \, L_2(\text{rows of family } 1)$$

    Columns: the inner loss's, and `family` `[rows]`.

    Args:
        inner: any loss.
        family: the number of the data set.

    Example:
        >>> Sum(
        ...     losses=(ForFamily(inner=InfoNCE(), family=0), ForFamily(inner=CoSENT(), family=1)),
        ...     weights=(1.0, 0.8),
        ... )

    Reference: Li et al., Conan-embedding, arXiv:2408.15710 (cross-GPU batch balance).
    """

    inner: Loss
    family: int = 0

    @property
    def needs(self) -> tuple[str, ...]:
        """The inner loss's, and the families."""
        return (*self.inner.needs, "family")

    def variants(self, columns: Columns, key: Key[Array, ""]) -> dict[str, Columns]:
        """One: the columns with the weight of other families' rows at 0."""
        family = jnp.asarray(columns["family"])
        weight = jnp.where(family == self.family, row_weights(columns, len(family)), 0.0)
        return {f"family_{self.family}": {**columns, "weight": weight}}
