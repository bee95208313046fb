"""A row's queries against the row's documents, where a query has several answers."""

import dataclasses
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.losses.base import Columns, Loss, Term, column, row_weights
from jaxemb.losses.embedded import embedded
from jaxemb.losses.similarity import Cosine, Similarity


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiplePositives(Loss):
    r"""The mean softmax loss of every relevant document among all documents of its row.

    $$\ell_i = -\frac{1}{|R_i|} \sum_{(q, d) \in R_i}
    \log \frac{e^{s_{qd}/\tau}}{\sum_{d'} e^{s_{qd'}/\tau}}$$

    where $R_i$ are the pairs of row $i$ that are relevant. The other answers of a query stay among
    its candidates. A row weighs as much as it has relevant pairs; a query without any counts for
    nothing, and a document that is not real is nobody's candidate.

    With one row, a batch's queries against a whole vocabulary: the full softmax of a word model.

    Columns: `query` `[rows, queries, dim]`, `document` `[rows, documents, dim]` and `relevant`
    `[rows, queries, documents]`.

    Args:
        temperature: $\tau$.
        similarity: $s$.

    Raises:
        UsageError: `temperature` is not positive.

    Example:
        >>> columns = {"query": jnp.ones((1, 1, 2)), "document": jnp.ones((1, 4, 2))}
        >>> columns["relevant"] = jnp.array([[[True, True, False, False]]])
        >>> term = MultiplePositives()(columns, key=jax.random.key(0))["relevant"]
        >>> term.value.round(4).tolist(), term.weight.tolist()
        ([1.3862...], [2.0])

    Reference: Weller et al., On the Theoretical Limitations of Embedding-Based Retrieval,
    arXiv:2508.21038 (its free embeddings).
    """

    temperature: Annotated[float, AtLeast(1e-6)] = 0.1
    similarity: Similarity = Cosine()

    needs: ClassVar[tuple[str, ...]] = ("query", "document", "relevant")
    vectors: ClassVar[tuple[str, ...]] = ("query", "document")

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise UsageError(f"temperature={self.temperature} must be positive.")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `relevant`."""
        queries = column(columns, "query", "rows queries dim")
        documents = column(columns, "document", "rows documents dim")
        relevant = column(columns, "relevant", "rows queries documents").astype(bool)
        scores = jax.vmap(self.similarity)(queries, documents) / self.temperature
        real = embedded(columns["document"]).real
        if real is not None:
            scores = jnp.where(real[:, None], scores, jnp.finfo(scores.dtype).min)
            relevant = relevant & real[:, None]
        logs = jnp.where(relevant, jax.nn.log_softmax(scores, axis=-1), 0.0)
        count = jnp.sum(relevant, axis=(1, 2)).astype(jnp.float32)
        value = -jnp.sum(logs, axis=(1, 2)) / jnp.maximum(count, 1.0)
        return {"relevant": Term(value, row_weights(columns, len(value)) * count)}
