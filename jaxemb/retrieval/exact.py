"""Exact nearest neighbours: every document is scored, block by block, and the best are kept."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int32

BLOCK = 4096


def top_k(
    queries: Float[np.ndarray, "queries width"] | Float[Array, "queries width"],
    documents: Float[np.ndarray, "documents _"] | Float[Array, "documents _"],
    k: int,
    *,
    block: int = BLOCK,
) -> tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]:
    """The `best = min(k, documents)` documents of every query by inner product, best first.

    score[q, d] = <queries[q], documents[d]>; equal scores keep the lower document number first.
    Memory is `[queries, block]`, whatever the corpus: the documents are visited block by block.
    Both sides are padded, so that neighbouring sizes share one compiled program.

    Raises:
        ValueError: if the widths differ, or if `k` or `block` is below 1.

    Example:
        >>> import numpy as np
        >>> ids, scores = top_k(np.eye(2, dtype="float32"), np.eye(3, 2, dtype="float32"), k=1)
        >>> ids.tolist(), scores.tolist()
        ([[0], [1]], [[1.0], [1.0]])
    """
    if queries.shape[1] != documents.shape[1]:
        raise ValueError(f"queries are {queries.shape[1]} wide, documents {documents.shape[1]}")
    if k < 1 or block < 1:
        raise ValueError(f"k and block must be at least 1; got k={k}, block={block}")
    count, total = queries.shape[0], documents.shape[0]
    best = min(k, total)
    if count == 0 or best == 0:
        return np.zeros((count, best), "int32"), np.zeros((count, best), "float32")
    block = min(block, _round_up(total))
    scores, ids = _search(
        _pad_rows(queries, _round_up(count)),
        _pad_rows(documents, -(-total // block) * block),
        jnp.int32(total),
        k=best,
        block=block,
    )
    return np.asarray(ids)[:count], np.asarray(scores)[:count]


def cosine_top_k(
    queries: Float[np.ndarray, "queries width"] | Float[Array, "queries width"],
    documents: Float[np.ndarray, "documents _"] | Float[Array, "documents _"],
    k: int,
    *,
    block: int = BLOCK,
) -> tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]:
    """`top_k` by the cosine: both sides are scaled to unit length first (a zero vector stays zero).

    Example:
        >>> import numpy as np
        >>> documents = np.array([[9.0, 0.0], [6.0, 8.0]])
        >>> ids, scores = cosine_top_k(np.array([[3.0, 4.0]]), documents, 2)
        >>> ids.tolist()
        [[1, 0]]
    """
    return top_k(unit(np.asarray(queries)), unit(np.asarray(documents)), k, block=block)


def unit(vectors: Float[np.ndarray, "... width"]) -> Float32[np.ndarray, "... width"]:
    """Rows scaled to Euclidean length 1, in float32; a zero row stays zero."""
    vectors = np.asarray(vectors, np.float32)
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


@functools.partial(jax.jit, static_argnames=("k", "block"))
def _search(
    queries: Float32[Array, "queries width"],
    documents: Float32[Array, "padded width"],
    total: Int32[Array, ""],
    *,
    k: int,
    block: int,
) -> tuple[Float32[Array, "queries k"], Int32[Array, "queries k"]]:
    """Scans the blocks with a running best list; rows from `total` on are padding."""
    blocks = documents.reshape(-1, block, documents.shape[1])
    rows = jnp.arange(documents.shape[0], dtype=jnp.int32).reshape(-1, block)

    def visit(best, block_of):
        return _merge(best, queries, *block_of, block_of[1] < total, k), None

    start = (
        jnp.full((queries.shape[0], k), -jnp.inf, jnp.float32),
        jnp.full((queries.shape[0], k), -1, jnp.int32),
    )
    return jax.lax.scan(visit, start, (blocks, rows))[0]


def _merge(
    best: tuple[Float32[Array, "queries k"], Int32[Array, "queries k"]],
    queries: Float32[Array, "queries width"],
    documents: Float32[Array, "block width"],
    rows: Int32[Array, " block"],
    real: Bool[Array, " block"],
    k: int,
) -> tuple[Float32[Array, "queries k"], Int32[Array, "queries k"]]:
    """Best of the running list and one block.

    The running list stands first and `lax.top_k` is stable, so a tie goes to the earlier document.
    """
    scores = jnp.dot(queries, documents.T, precision=jax.lax.Precision.HIGHEST)
    scores = jnp.where(real, scores, -jnp.inf)
    ids = jnp.broadcast_to(rows, scores.shape)
    scores, place = jax.lax.top_k(jnp.concatenate([best[0], scores], axis=1), k)
    ids = jnp.take_along_axis(jnp.concatenate([best[1], ids], axis=1), place, axis=1)
    return scores, ids


def _pad_rows(
    vectors: Float[np.ndarray, "rows width"] | Float[Array, "rows width"], rows: int
) -> Float32[Array, "padded width"]:
    """Zero rows up to `rows`, float32."""
    vectors = jnp.asarray(vectors, jnp.float32)
    return jnp.pad(vectors, ((0, rows - vectors.shape[0]), (0, 0)))


def _round_up(rows: int) -> int:
    """Next of 64, 128, 256, ...: few different sizes, few compilations."""
    return max(64, 1 << (rows - 1).bit_length())
