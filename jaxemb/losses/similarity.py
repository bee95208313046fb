"""How two vectors are compared inside a loss."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxemb.config import Part

SMALLEST_NORM = 1e-12


class Similarity(Part):
    """Slot: every row against every column, `[rows, dim], [columns, dim] -> [rows, columns]`."""

    def __call__(
        self, rows: Float[Array, "rows dim"], columns: Float[Array, "columns dim"]
    ) -> Float32[Array, "rows columns"]:
        """Scores in float32; larger means more alike."""
        raise TypeError(f"{type(self).__name__} must define __call__(rows, columns)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dot(Similarity):
    r"""$s(a, b) = a \cdot b$.

    Example:
        >>> Dot()(jnp.array([[3.0, 4.0]]), jnp.array([[1.0, 1.0]])).tolist()
        [[7.0]]
    """

    def __call__(
        self, rows: Float[Array, "rows dim"], columns: Float[Array, "columns dim"]
    ) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` dot products."""
        return jnp.matmul(rows, columns.T, preferred_element_type=jnp.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cosine(Similarity):
    r"""$s(a, b) = \frac{a \cdot b}{\lVert a \rVert \lVert b \rVert}$; a zero vector scores 0.

    Example:
        >>> score = Cosine()(jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 2.0]]))
        >>> round(score.item(), 4)
        0.8
    """

    def __call__(
        self, rows: Float[Array, "rows dim"], columns: Float[Array, "columns dim"]
    ) -> Float32[Array, "rows columns"]:
        """`[rows, columns]` cosines."""
        return Dot()(unit(rows), unit(columns))


def unit(x: Float[Array, "*rows dim"]) -> Float32[Array, "*rows dim"]:
    """Rows scaled to length 1, with a gradient of 0 at a zero row instead of NaN."""
    x = x.astype(jnp.float32)
    square = jnp.sum(x * x, axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(square, SMALLEST_NORM**2))
