"""Judges of whether two texts mean the same."""

import abc
import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float64

from jaxemb.config import Part
from jaxemb.interop import Pretrained

BEST = 5.0
Ratings = Float64[np.ndarray, " pairs"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judge(Part, abc.ABC):
    """Slot: how similar in meaning the texts of each pair are, from 0 to 5."""

    @abc.abstractmethod
    def __call__(self, first: Sequence[str], second: Sequence[str]) -> Ratings:
        """One rating per pair."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosineJudge(Judge):
    """5 · max(0, cos) of the two texts' vectors by a model that somebody else trained.

    Where that model is under test as well, it is judge in its own case: say so beside the numbers.

    Raises:
        UsageError: the model is not on this machine.

    Example:
        >>> judge = CosineJudge()
        >>> judge(["a red car"], ["an automobile, red"])  # doctest: +SKIP
        array([4.46])
    """

    model: Pretrained = dataclasses.field(default_factory=lambda: Pretrained("all-MiniLM-L6-v2"))

    def __call__(self, first: Sequence[str], second: Sequence[str]) -> Ratings:
        model = self.model.start(jax.random.key(0))
        vectors = model.encode([*first, *second], role="query")
        cosines = np.einsum("pw,pw->p", *np.split(vectors.astype(np.float64), 2))
        return BEST * np.maximum(cosines, 0.0)
