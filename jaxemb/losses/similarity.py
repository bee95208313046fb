"""How two vectors are compared inside a loss."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from jaxemb.config import Part, UsageError
from jaxemb.losses.embedded import Embedded, embedded
from jaxemb.retrieval import cosine_top_k, maxsim_top_k, sparse_top_k, top_k

SMALLEST_NORM = 1e-12


class Similarity(Part):
    """Slot: every row against every column, `rows, columns -> [rows, columns]` in float32.

    A row or a column is one vector `[n, dim]`, or several `[n, items, dim]` with a mask of the real
    ones; both come as `Embedded`, or as plain arrays where all is real.

    Attributes:
        shape: the axes of what is compared.
    """

    shape: ClassVar[str] = "rows dim"

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """Scores; larger means more alike."""
        raise TypeError(f"{type(self).__name__} must define __call__(rows, columns)")

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """`(ids, scores)` of the `k` best documents of each query, best first; numpy on the host.

        Args:
            queries: `[queries, dim]`, or an array `[items, dim]` for each query.
            documents: the same of documents.
        """
        raise TypeError(f"{type(self).__name__} must define top_k(queries, documents, k)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dot(Similarity):
    r"""$s(a, b) = a \cdot b$.

    Example:
        >>> Dot()(jnp.array([[3.0, 4.0]]), jnp.array([[1.0, 1.0]])).tolist()
        [[7.0]]
    """

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` dot products."""
        return _dots(_one_each(rows), _one_each(columns))

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact search by dot product."""
        return top_k(queries, documents, k)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SparseDot(Dot):
    """The dot product of vectors that are mostly 0, such as weights of a vocabulary's words.

    Equal to `Dot` in a loss; a search multiplies only what is not 0.
    """

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact search over sparse rows."""
        return sparse_top_k(queries, documents, k)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cosine(Similarity):
    r"""$s(a, b) = \frac{a \cdot b}{\lVert a \rVert \lVert b \rVert}$; a zero vector scores 0.

    Example:
        >>> score = Cosine()(jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 2.0]]))
        >>> round(score.item(), 4)
        0.8
    """

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` cosines."""
        return _dots(unit(_one_each(rows)), unit(_one_each(columns)))

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact search by cosine."""
        return cosine_top_k(queries, documents, k)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaxSim(Similarity):
    r"""Late interaction: each item of a row finds its best item of the column.

    $$s(a, b) = \sum_{i} \max_{j} \frac{a_i \cdot b_j}{\lVert a_i \rVert \lVert b_j \rVert}$$

    over the real items alone. A column without a real item scores 0.

    Example:
        >>> tokens = jnp.array([[[1.0, 0.0], [0.0, 1.0]]])
        >>> MaxSim()(tokens, jnp.array([[[2.0, 0.0], [1.0, 1.0]]])).round(3).tolist()
        [[1.707]]

    Reference: Khattab and Zaharia, ColBERT, arXiv:2004.12832.
    """

    shape: ClassVar[str] = "rows items dim"

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]`, from `[rows, items, dim]` and `[columns, items, dim]`."""
        a, b = _items(rows), _items(columns)
        dots = jnp.einsum(
            "rid,cjd->rcij", unit(a.vectors), unit(b.vectors), preferred_element_type=jnp.float32
        )
        real = b.real[None, :, None, :]
        best = jnp.max(jnp.where(real, dots, jnp.finfo(jnp.float32).min), axis=-1)
        best = jnp.where(jnp.any(real, axis=-1), best, 0.0)
        return jnp.sum(jnp.where(a.real[:, None, :], best, 0.0), axis=-1)

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Every document is scored."""
        return maxsim_top_k(queries, documents, k)


def _dots(rows: Float[Array, "rows dim"], columns: Float[Array, "columns dim"]) -> Array:
    return jnp.matmul(rows, columns.T, preferred_element_type=jnp.float32)


def _one_each(value: Any) -> Float[Array, "n dim"]:
    vectors = embedded(value).vectors
    if vectors.ndim != 2:
        raise UsageError(
            f"This similarity compares one vector with one vector, and there are {vectors.shape}; "
            "for several of each, use MaxSim()."
        )
    return vectors


def _items(value: Any) -> Embedded:
    found = embedded(value)
    if found.vectors.ndim != 3:
        raise UsageError(f"MaxSim compares [rows, items, dim], not {found.vectors.shape}.")
    real = jnp.ones(found.vectors.shape[:2], bool) if found.real is None else found.real
    return Embedded(found.vectors, real)


def unit(x: Float[Array, "*rows dim"]) -> Float32[Array, "*rows dim"]:
    """Rows scaled to length 1, with a gradient of 0 at a zero row instead of NaN."""
    x = x.astype(jnp.float32)
    square = jnp.sum(x * x, axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(square, SMALLEST_NORM**2))
