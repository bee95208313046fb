"""Which of a query's ranked texts may be its negatives, and which of these are taken."""

import abc
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxemb.config import Above, AtLeast, Part, UsageError, check_ranges
from jaxemb.vectors.ranks import Ranked

Eligibility = Bool[np.ndarray, "examples depth"]


class Eligible(Part, abc.ABC):
    """Slot: which of the ranked others may be negatives, `ranked -> Bool[examples, depth]`.

    Attributes:
        changes: whether it says something else after some steps of training.
    """

    @property
    def changes(self) -> bool:
        return False

    def at(self, step: int) -> "Eligible":
        """What it says after so many steps of training; by default always the same."""
        return self

    @abc.abstractmethod
    def __call__(self, found: Ranked) -> Eligibility:
        """True where one may be."""


@dataclass(frozen=True, kw_only=True)
class Ranks(Eligible):
    """Those of the ranks `first` to `last`, counted from 1 without the answers.

    Args:
        first: the best ones before it may be answers that nobody marked.
        last: None is as deep as was searched.

    Raises:
        UsageError: `first` is below 1 or above `last`.

    Example:
        >>> found = Ranked(np.arange(4)[None], np.array([[0.9, 0.8, 0.7, 0.6]]), np.array([0.75]))
        >>> Ranks(first=2, last=3)(found).tolist()
        [[False, True, True, False]]

    Reference: for ranks 50 to 100, KaLM-Embedding-V2, arXiv:2506.20923.
    """

    first: Annotated[int, AtLeast(1)] = 1
    last: Annotated[int, AtLeast(0)] | None = None

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.last is not None and self.last < self.first:
            raise UsageError(f"first={self.first} must not be above last={self.last}.")

    def __call__(self, found: Ranked) -> Eligibility:
        rank = np.arange(1, found.others.shape[1] + 1)
        within = (rank >= self.first) & (rank <= (self.last or len(rank)))
        return within[None] & (found.others >= 0)


class Narrowed(Eligible):
    """Base of those that ask for more than the one in their slot `inner`."""

    inner: Eligible

    @property
    def changes(self) -> bool:
        return self.inner.changes

    def at(self, step: int) -> Eligible:
        """The same of what the inner one says then."""
        return replace(self, inner=self.inner.at(step))


@dataclass(frozen=True, kw_only=True)
class BelowScore(Narrowed):
    r"""Those that score below a ceiling: $s(q, n) < \theta$. What is above may be an answer.

    Args:
        ceiling: $\theta$.
        inner: which are asked at all.

    Example:
        >>> found = Ranked(np.arange(4)[None], np.array([[0.9, 0.8, 0.7, 0.6]]), np.array([0.75]))
        >>> BelowScore(ceiling=0.8)(found).tolist()
        [[False, False, True, True]]

    Reference: Merrick et al., Arctic-Embed, arXiv:2405.05374.
    """

    ceiling: float = 0.8
    inner: Eligible = Ranks()

    def __call__(self, found: Ranked) -> Eligibility:
        return self.inner(found) & (found.scores < self.ceiling)


@dataclass(frozen=True, kw_only=True)
class BelowRisingScore(Narrowed):
    r"""`BelowScore` with a ceiling that rises as training goes on: easy negatives first.

    $$\theta_t = \theta_0 + (\theta_1 - \theta_0) \min(t / T, 1)$$

    `Mined` searches again every so many steps and asks what holds at that step; what searches once,
    as `MinedOnce` does, asks at step 0.

    Args:
        start: $\theta_0$.
        end: $\theta_1$; it may also be the lower one.
        steps: $T$.
        inner: which are asked at all.

    Raises:
        UsageError: `steps` is below 1.

    Example:
        >>> BelowRisingScore(start=0.5, end=0.8, steps=300).at(100).ceiling
        0.6

    Reference: Merrick et al., Arctic-Embed, arXiv:2405.05374 (which studies such a curriculum; that
    it is linear is our choice).
    """

    start: float = 0.5
    end: float = 0.8
    steps: Annotated[int, AtLeast(1)] = 1000
    inner: Eligible = Ranks()

    __post_init__ = check_ranges

    @property
    def changes(self) -> bool:
        return True

    def at(self, step: int) -> Eligible:
        """Below the ceiling of that step."""
        share = min(step / self.steps, 1.0)
        ceiling = round(self.start + (self.end - self.start) * share, 12)
        return BelowScore(ceiling=ceiling, inner=self.inner.at(step))

    def __call__(self, found: Ranked) -> Eligibility:
        return self.at(0)(found)


@dataclass(frozen=True, kw_only=True)
class BelowPositive(Narrowed):
    r"""Those that score below the pair itself by a margin: $s(q, n) < s(q, d) - m$.

    Args:
        margin: $m$.
        inner: which are asked at all.

    Example:
        >>> found = Ranked(np.arange(4)[None], np.array([[0.9, 0.8, 0.7, 0.6]]), np.array([0.75]))
        >>> BelowPositive(margin=0.1)(found).tolist()
        [[False, False, False, True]]

    Reference: Moreira et al., NV-Retriever, arXiv:2407.15831.
    """

    margin: float = 0.0
    inner: Eligible = Ranks()

    def __call__(self, found: Ranked) -> Eligibility:
        return self.inner(found) & (found.scores < found.own[:, None] - self.margin)


@dataclass(frozen=True, kw_only=True)
class BelowShareOfPositive(Narrowed):
    r"""Those that score below a share of the pair itself: $s(q, n) < \rho \, s(q, d)$.

    Args:
        share: $\rho$; 0.95 leaves out what is within a twentieth of the pair.
        inner: which are asked at all.

    Raises:
        UsageError: `share` is not positive.

    Example:
        >>> found = Ranked(np.arange(4)[None], np.array([[0.9, 0.8, 0.7, 0.6]]), np.array([0.75]))
        >>> BelowShareOfPositive(share=0.95)(found).tolist()
        [[False, False, True, True]]

    Reference: Moreira et al., NV-Retriever, arXiv:2407.15831 (its best, at 0.95).
    """

    share: Annotated[float, Above(0)] = 0.95
    inner: Eligible = Ranks()

    __post_init__ = check_ranges

    def __call__(self, found: Ranked) -> Eligibility:
        return self.inner(found) & (found.scores < self.share * found.own[:, None])


class Taking(Part, abc.ABC):
    """Slot: which of the eligible ones are taken: the largest `keys` come first."""

    @abc.abstractmethod
    def keys(self, found: Ranked, draw: np.random.Generator) -> Float[np.ndarray, "examples depth"]:
        """What the others are ordered by."""

    def __call__(
        self, found: Ranked, eligible: Eligibility, count: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "examples count"]:
        """Numbers of the examples that are taken, -1 where too few are eligible."""
        keys = np.where(eligible, self.keys(found, draw), -np.inf)
        order = np.argsort(-keys, axis=1, kind="stable")[:, :count]
        taken = np.take_along_axis(np.where(eligible, found.others, -1), order, axis=1)
        return np.pad(taken, ((0, 0), (0, count - taken.shape[1])), constant_values=-1)


@dataclass(frozen=True, kw_only=True)
class Hardest(Taking):
    """The best ranked.

    Example:
        >>> found = Ranked(np.array([[7, 5, 3]]), np.array([[0.9, 0.8, 0.7]]), np.array([0.75]))
        >>> Hardest()(found, np.array([[False, True, True]]), 1, np.random.default_rng(0)).tolist()
        [[5]]
    """

    def keys(self, found: Ranked, draw: np.random.Generator) -> Float[np.ndarray, "examples depth"]:
        return np.broadcast_to(-np.arange(found.others.shape[1], dtype=float), found.others.shape)


@dataclass(frozen=True, kw_only=True)
class DrawnUniformly(Taking):
    """Any of the eligible, each with the same chance.

    Example:
        >>> found = Ranked(np.array([[7, 5, 3]]), np.array([[0.9, 0.8, 0.7]]), np.array([0.75]))
        >>> both = DrawnUniformly()(found, np.array([[False, True, True]]), 2, np.random.default_rng())
        >>> sorted(both[0].tolist())
        [3, 5]
    """

    def keys(self, found: Ranked, draw: np.random.Generator) -> Float[np.ndarray, "examples depth"]:
        return draw.random(found.others.shape)


@dataclass(frozen=True, kw_only=True)
class DrawnByScore(Taking):
    r"""Without replacement, each in proportion to $e^{s / \tau}$.

    Args:
        temperature: $\tau$; the smaller, the nearer to `Hardest`.

    Raises:
        UsageError: `temperature` is not positive.
    """

    temperature: Annotated[float, AtLeast(1e-6)] = 0.05

    __post_init__ = check_ranges

    def keys(self, found: Ranked, draw: np.random.Generator) -> Float[np.ndarray, "examples depth"]:
        # The largest of score plus Gumbel noise is a draw from the softmax.
        scores = np.where(np.isfinite(found.scores), found.scores, 0.0)
        return scores / self.temperature + draw.gumbel(size=scores.shape)
