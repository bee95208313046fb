"""Linear maps of finished vectors."""

import dataclasses

import numpy as np
from jaxtyping import Float

from jaxemb.model import Transform


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice(Transform):
    """Keep the first `dim` numbers of every vector, `y = x[:dim]`; `encode` scales to unit length after.

    Example:
        >>> Slice(dim=2)(np.ones((3, 5), np.float32)).shape
        (3, 2)

    Reference: Matryoshka Representation Learning, arXiv:2205.13147.
    """

    dim: int

    def __call__(self, vectors: Float[np.ndarray, "texts dim"]) -> Float[np.ndarray, "texts kept"]:
        """`[texts, dim] -> [texts, kept]`."""
        return vectors[:, : self.dim]
