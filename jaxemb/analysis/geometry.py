"""The shape of a cloud of vectors, and fewer numbers for each of them."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.statistics.metrics import two_nearest_dimension

Vectors = Float[np.ndarray, "points width"]
Cut = Float[np.ndarray, "points dim"]
Change = Callable[[Vectors], Cut]
_BLOCK = 512  # points whose distances to all others are held at once


def distinct(vectors: Vectors) -> Int[np.ndarray, " kept"]:
    """The first place of every different vector, in order: equal points are no neighbours.

    Example:
        >>> distinct(np.array([[1.0], [2.0], [1.0]])).tolist()
        [0, 1]
    """
    return np.sort(np.unique(np.asarray(vectors), axis=0, return_index=True)[1])


def neighbour_ratios(vectors: Vectors) -> Float[np.ndarray, " points"]:
    """`r₂ / r₁`: distance to the second nearest of the other points, over that to the nearest.

    Raises:
        UsageError: there are fewer than three points, or two are equal.

    Example:
        >>> neighbour_ratios(np.array([[0.0], [1.0], [3.0]])).tolist()
        [3.0, 2.0, 1.5]
    """
    x = np.asarray(vectors, np.float64)
    if len(x) < 3 or len(distinct(x)) < len(x):
        raise UsageError(
            f"neighbours need three points or more, all different; there are {len(x)}."
        )
    squares, found = np.sum(x * x, axis=1), np.empty(len(x))
    for start in range(0, len(x), _BLOCK):
        block = slice(start, start + _BLOCK)
        rough = squares[block, None] + squares[None] - 2 * x[block] @ x.T
        rough[np.arange(len(rough)), np.arange(start, start + len(rough))] = np.inf
        # The few nearest again, by their difference: the form above loses digits where r is small.
        near = np.argpartition(rough, min(4, len(x) - 1), axis=1)[:, : min(4, len(x) - 1)]
        exact = np.linalg.norm(x[near] - x[block, None], axis=2)
        first, second = np.sort(exact, axis=1)[:, :2].T
        found[block] = second / first
    return found


def intrinsic_dimension(vectors: Vectors, discarded: float = 0.1) -> float:
    """TwoNN: the dimension that the ratios of the two nearest distances speak of; equal points once.

    It underestimates above ten dimensions.

    Example:
        >>> line = np.random.default_rng(0).uniform(size=(500, 1)) * np.ones((1, 7))
        >>> round(intrinsic_dimension(line), 1)
        1.0

    Reference: Facco et al., Estimating the intrinsic dimension of datasets by a minimal neighborhood
    information, Scientific Reports 7 (2017).
    """
    x = np.asarray(vectors)
    return two_nearest_dimension(neighbour_ratios(x[distinct(x)]), discarded)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reduction(Part, abc.ABC):
    """Slot: vectors to shorter ones.

    Raises:
        UsageError: where vectors are changed that have fewer numbers.
    """

    @abc.abstractmethod
    def to(self, dim: int, others: Callable[[], Vectors]) -> Change:
        """What makes vectors of `dim` numbers; a reduction that is fitted asks for `others`."""


def _fits(dim: int, x: Vectors) -> int:
    """The width of vectors that have `dim` numbers."""
    width = x.shape[1]
    if not 1 <= dim <= width:
        raise UsageError(f"dim={dim} must be at least 1 and at most the width, {width}.")
    return width


@dataclasses.dataclass(frozen=True, kw_only=True)
class FirstDimensions(Reduction):
    """The first numbers of each vector."""

    def to(self, dim: int, others: Callable[[], Vectors]) -> Change:
        return lambda x: x[:, : min(dim, _fits(dim, x))]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomDimensions(Reduction):
    """Numbers at random places, the same of every vector, in their order."""

    seed: Annotated[int, AtLeast(0)] = 0

    def to(self, dim: int, others: Callable[[], Vectors]) -> Change:
        def chosen(x: Vectors) -> Cut:
            places = np.random.default_rng(self.seed).permutation(_fits(dim, x))[:dim]
            return x[:, np.sort(places)]

        return chosen


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomProjection(Reduction):
    """`x G` with independent normal numbers: angles are kept about as well as `dim` allows.

    Reference: Johnson and Lindenstrauss, Extensions of Lipschitz mappings into a Hilbert space (1984).
    """

    seed: Annotated[int, AtLeast(0)] = 0

    def to(self, dim: int, others: Callable[[], Vectors]) -> Change:
        def projected(x: Vectors) -> Cut:
            normal = np.random.default_rng(self.seed).normal(size=(_fits(dim, x), dim))
            return x @ (normal / np.sqrt(dim)).astype(x.dtype)

        return projected


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrincipalComponents(Reduction):
    """`(x - m) U`: the directions of the largest variance of the vectors that it is fitted to."""

    def to(self, dim: int, others: Callable[[], Vectors]) -> Change:
        fitted = np.asarray(others(), np.float64)
        mean = fitted.mean(axis=0)
        scatter = (fitted - mean).T @ (fitted - mean)
        directions = np.linalg.eigh(scatter)[1][:, ::-1][:, : min(dim, _fits(dim, fitted))]
        return lambda x: ((x - mean) @ directions).astype(np.float32)
