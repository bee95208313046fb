"""Search where every text has several vectors: the sum of each query item's best match."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32

from jaxemb.config import UsageError
from jaxemb.statistics.similarities import unit_rows

_BLOCK = 256  # documents scored at a time; all are padded to the longest of their block

Items = Sequence[Float32[np.ndarray, "_ dim"]]


def maxsim_top_k(
    queries: Items, documents: Items, k: int
) -> tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]:
    r"""The `best = min(k, documents)` documents of each query by $\sum_i \max_j \cos(q_i, d_j)$.

    Every document is scored; ties keep the lower number first.

    Raises:
        UsageError: a vector is not finite.

    Example:
        >>> eye = np.eye(2, dtype=np.float32)
        >>> maxsim_top_k([eye], [eye[:1], eye], k=2)[0].tolist()
        [[1, 0]]
    """
    best = min(k, len(documents))
    scores = maxsim_scores(queries, documents)
    if (bad := np.argwhere(np.isnan(scores))).size:
        raise UsageError(
            f"The score of query {bad[0][0]} with document {bad[0][1]} is no number: a vector is "
            "not finite."
        )
    order = np.argsort(-scores, axis=1, kind="stable")[:, :best].astype(np.int32)
    return order, np.take_along_axis(scores, order, axis=1)


def maxsim_scores(queries: Items, documents: Items) -> Float32[np.ndarray, "queries documents"]:
    """Every query against every document; a document without items scores 0."""
    scores = np.zeros((len(queries), len(documents)), np.float32)
    by_length = np.argsort([len(items) for items in documents], kind="stable")
    query_batch = _padded(queries)
    for start in range(0, len(documents), _BLOCK):
        places = by_length[start : start + _BLOCK]
        block = _padded([documents[place] for place in places], rows=_BLOCK)
        scores[:, places] = np.asarray(_scored(*query_batch, *block))[:, : len(places)]
    return scores


@jax.jit
def _scored(
    queries: Array, of_query: Array, documents: Array, of_document: Array
) -> Float32[Array, "queries documents"]:
    def one(items: Array, real: Array) -> Array:
        dots = jnp.einsum("id,njd->nij", items, documents, preferred_element_type=jnp.float32)
        found = jnp.max(jnp.where(of_document[:, None], dots, -jnp.inf), axis=-1)
        found = jnp.where(jnp.any(of_document, axis=-1)[:, None], found, 0.0)
        return jnp.sum(jnp.where(real, found, 0.0), axis=-1)

    return jax.lax.map(lambda row: one(*row), (queries, of_query))


def _padded(texts: Items, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors `[rows, items, dim]` and which are real; few different numbers of items."""
    longest = max((len(items) for items in texts), default=1)
    items = max(8, 1 << (max(longest, 1) - 1).bit_length())
    dim = next((x.shape[1] for x in texts if x.ndim == 2), 1)
    vectors = np.zeros((rows or len(texts), items, dim), np.float32)
    real = np.zeros(vectors.shape[:2], bool)
    for row, own in enumerate(texts):
        vectors[row, : len(own)] = unit_rows(own)
        real[row, : len(own)] = True
    return vectors, real
