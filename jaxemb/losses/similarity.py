"""How two vectors are compared inside a loss."""

import dataclasses
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.losses.base import LOWEST
from jaxemb.losses.embedded import Embedded, embedded
from jaxemb.retrieval import cosine_top_k, maxsim_top_k, scored_top_k, sparse_top_k, top_k

SMALLEST_NORM = 1e-12


class Similarity(Part):
    """Slot: every row against every column, `rows, columns -> [rows, columns]` in float32.

    A row or a column is one vector `[n, dim]`, or several `[n, items, dim]` with a mask of the real
    ones; both come as `Embedded`, or as plain arrays where all is real.

    Attributes:
        shape: the axes of what is compared.
        ignores_length: whether vectors count by their direction alone.
        is_product: whether it is the inner product of one vector each, or of their unit vectors.
    """

    shape: ClassVar[str] = "rows dim"
    ignores_length: ClassVar[bool] = False
    is_product: ClassVar[bool] = False

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """Scores; larger means more alike."""
        raise TypeError(f"{type(self).__name__} must define __call__(rows, columns)")

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """`(ids, scores)` of the `k` best documents of each query, best first; numpy on the host.

        Args:
            queries: `[queries, dim]`, or an array `[items, dim]` for each query.
            documents: the same of documents.

        Raises:
            UsageError: a score is no number.
        """
        return scored_top_k(self, queries, documents, k)

    def paired(self, rows: Any, own: Any) -> Float32[Array, "rows items"]:
        """Each row against its own few: `[rows, dim]` and `[rows, items, dim]` to `[rows, items]`.

        Example:
            >>> Dot().paired(jnp.array([[3.0, 4.0]]), jnp.array([[[1.0, 0.0], [0.0, 1.0]]])).tolist()
            [[3.0, 4.0]]
        """
        one = jax.vmap(lambda row, items: self(jax.tree.map(lambda x: x[None], row), items)[0])
        return one(embedded(rows).plain, embedded(own).plain)

    def distance(self, scores: Float32[Array, "*any"]) -> Float32[Array, "*any"]:
        """Scores as distances; by default their negative."""
        return -scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dot(Similarity):
    r"""$s(a, b) = a \cdot b$.

    Example:
        >>> Dot()(jnp.array([[3.0, 4.0]]), jnp.array([[1.0, 1.0]])).tolist()
        [[7.0]]
    """

    is_product: ClassVar[bool] = True

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

    is_product: ClassVar[bool] = True
    ignores_length: ClassVar[bool] = True

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` cosines."""
        return _dots(unit(_one_each(rows)), unit(_one_each(columns)))

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact search by cosine."""
        return cosine_top_k(queries, documents, k)

    def distance(self, scores: Float32[Array, "*any"]) -> Float32[Array, "*any"]:
        """1 - cosine."""
        return 1 - scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Euclidean(Similarity):
    r"""$s(a, b) = -\lVert a - b \rVert_2$; at equal vectors the gradient is 0.

    Example:
        >>> Euclidean()(jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 0.0], [3.0, 4.0]])).tolist()
        [[-5.0, 0.0]]
    """

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` negative distances."""
        square = _squares(_one_each(rows), _one_each(columns))
        apart = square != 0  # of NaN too, which must not pass for equal vectors
        return jnp.where(apart, -jnp.sqrt(jnp.where(apart, square, 1.0)), 0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manhattan(Similarity):
    r"""$s(a, b) = -\lVert a - b \rVert_1$.

    Example:
        >>> Manhattan()(jnp.array([[3.0, 4.0]]), jnp.array([[1.0, 1.0]])).tolist()
        [[-5.0]]
    """

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` negative distances."""
        rows, columns = (_one_each(x).astype(jnp.float32) for x in (rows, columns))
        return -jnp.sum(jnp.abs(rows[:, None] - columns[None]), axis=-1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanSquare(Similarity):
    r"""$s(a, b) = -\frac{1}{d} \lVert a - b \rVert_2^2$ for vectors of $d$ numbers.

    Example:
        >>> MeanSquare()(jnp.array([[3.0, 4.0]]), jnp.array([[1.0, 4.0]])).tolist()
        [[-2.0]]
    """

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` negative mean squares of differences."""
        rows, columns = _one_each(rows), _one_each(columns)
        return -_squares(rows, columns) / rows.shape[-1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Angular(Similarity):
    r"""The angle between two vectors, `1 - arccos(cosine) / π`: 1 for equal ones, 0 for opposite ones.

    The slope of arccos is infinite at both ends; the cosine is kept `margin` inside of them, where
    the gradient is 0.

    Example:
        >>> Angular()(jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 1.0], [-1.0, 0.0]])).round(2).tolist()
        [[0.5, 0.0]]

    Reference: Cer et al., Universal Sentence Encoder, arXiv:1803.11175.
    """

    ignores_length: ClassVar[bool] = True

    margin: Annotated[float, AtLeast(0)] = 1e-6

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]`, from one matrix product."""
        cosine = _dots(unit(_one_each(rows)), unit(_one_each(columns)))
        inside = jnp.clip(cosine, self.margin - 1, 1 - self.margin)
        return 1 - jnp.arccos(inside) / jnp.pi


@dataclasses.dataclass(frozen=True, kw_only=True)
class Angle(Similarity):
    r"""How far the quotient of two vectors, read as complex numbers, is from turning by 90 degrees.

    A vector's first half are real parts $a$, its second half imaginary parts $b$; those of the
    other vector are $c$ and $d$, and both are of length 1:

    $$s = \Big\lvert \sum_k (a_k c_k + b_k d_k) + (b_k c_k - a_k d_k) \Big\rvert$$

    The cosine saturates where two vectors nearly agree; this does not.

    Raises:
        UsageError: the vectors have an odd number of numbers.

    Example:
        >>> Angle()(jnp.array([[1.0, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
        [[1.0, 1.0]]

    Reference: Li and Li, AnglE-optimized Text Embeddings, arXiv:2309.12871 (in the form that its
    authors published as code: real and imaginary part are added, then the absolute value).
    """

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]`, from one matrix product."""
        rows, columns = unit(_one_each(rows)), unit(_one_each(columns))
        if rows.shape[-1] % 2:
            raise UsageError(f"Angle halves vectors, and they have {rows.shape[-1]} numbers.")
        a, b = jnp.split(rows, 2, axis=-1)
        # c (a + b) + d (b - a): each row is turned once, instead of each pair.
        turned = jnp.concatenate([a + b, b - a], axis=-1)
        return jnp.abs(_dots(turned, columns))


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
    ignores_length: ClassVar[bool] = True

    def __call__(self, rows: Any, columns: Any) -> Float32[Array, "rows columns"]:
        """`[rows, columns]`, from `[rows, items, dim]` and `[columns, items, dim]`."""
        a, b = _items(rows), _items(columns)
        dots = jnp.einsum(
            "rid,cjd->rcij", unit(a.vectors), unit(b.vectors), preferred_element_type=jnp.float32
        )
        real = b.real[None, :, None, :]
        best = jnp.max(jnp.where(real, dots, LOWEST), axis=-1)
        best = jnp.where(jnp.any(real, axis=-1), best, 0.0)
        return jnp.sum(jnp.where(a.real[:, None, :], best, 0.0), axis=-1)

    def top_k(self, queries: Any, documents: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Every document is scored."""
        return maxsim_top_k(queries, documents, k)


def _dots(rows: Float[Array, "rows dim"], columns: Float[Array, "columns dim"]) -> Array:
    return jnp.matmul(rows, columns.T, preferred_element_type=jnp.float32)


def _squares(rows: Float[Array, "rows dim"], columns: Float[Array, "columns dim"]) -> Array:
    # Differences first: |a|^2 - 2ab + |b|^2 loses the digits of close vectors.
    rows, columns = rows.astype(jnp.float32), columns.astype(jnp.float32)
    return jnp.sum((rows[:, None] - columns[None]) ** 2, axis=-1)


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
