"""A row against its own positive and its own negatives, each by itself."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.losses.base import Columns, Loss, Term, column, row_weights
from jaxemb.losses.embedded import embedded


@dataclasses.dataclass(frozen=True, kw_only=True)
class NegativeSampling(Loss):
    r"""Logistic regression of a pair against pairs that were drawn at random.

    $$\ell_i = -\log \sigma(q_i \cdot d_i) - \sum_k \log \sigma(-q_i \cdot n_{ik})$$

    Columns: `query` and `positive` `[rows, dim]`, `negatives` `[rows, k, dim]`; a negative that is
    not real counts for nothing.

    Reference: Mikolov et al., Distributed Representations of Words and Phrases and their
    Compositionality, arXiv:1310.4546.
    """

    needs: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """One term, `pair`."""
        query = column(columns, "query", "rows dim")
        negatives = column(columns, "negatives", "rows negatives dim")
        real = embedded(columns["negatives"]).real
        right = jnp.sum(query * column(columns, "positive", "rows dim"), axis=1)
        wrong = jnp.einsum("rd,rkd->rk", query, negatives, preferred_element_type=jnp.float32)
        missed = jax.nn.softplus(wrong)
        missed = missed if real is None else jnp.where(real, missed, 0.0)
        value = jax.nn.softplus(-right) + jnp.sum(missed, axis=1)
        return {"pair": Term(value, row_weights(columns, len(query)))}
