"""Linear maps of finished vectors."""

import dataclasses
from typing import Annotated

import numpy as np
from jaxtyping import Float

from jaxemb.config import Between, UsageError
from jaxemb.model import Transform


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice(Transform):
    """Keep the first `dim` numbers of every vector, `y = x[:dim]`; `encode` scales to unit length after.

    Example:
        >>> Slice(dim=2)(np.ones((3, 5), np.float32)).shape
        (3, 2)

    Raises:
        UsageError: `dim` is below 1.

    Reference: Matryoshka Representation Learning, arXiv:2205.13147.
    """

    dim: Annotated[int, Between(1, 2**22)]

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise UsageError(f"dim={self.dim} must be at least 1.")

    def __call__(self, vectors: Float[np.ndarray, "texts dim"]) -> Float[np.ndarray, "texts kept"]:
        """`[texts, dim] -> [texts, kept]`."""
        return vectors[:, : self.dim]
