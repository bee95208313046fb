"""Pairs that a model finds consistent, and the others left out."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool

from jaxemb.config import AtLeast, Part, UsageError, check_ranges, fingerprint
from jaxemb.data import ExampleData, Extending, Pairs
from jaxemb.vectors.judges import Judge, UnderTraining
from jaxemb.vectors.ranks import Ranked


class Consistency(Part, abc.ABC):
    """Slot: which pairs are kept, `ranked -> Bool[examples]`.

    Attributes:
        depth: how many others it looks at.
    """

    depth: int = 1

    @abc.abstractmethod
    def __call__(self, found: Ranked) -> Bool[np.ndarray, " examples"]:
        """True where a pair is kept."""


@dataclass(frozen=True, kw_only=True)
class WithinRank(Consistency):
    """The positive is among the `rank` best of the pool for its query.

    A small rank keeps what is surely right, as in the reference; a large one, such as 50, drops
    only what is surely wrong.

    Args:
        rank: the last rank that is kept, from 1.

    Raises:
        UsageError: `rank` is below 1.

    Example:
        >>> found = Ranked(np.ones((2, 2), int), np.array([[0.9, 0.8]] * 2), np.array([0.85, 0.7]))
        >>> WithinRank(rank=2)(found).tolist()
        [True, False]

    Reference: Wang et al., Text Embeddings by Weakly-Supervised Contrastive Pre-training,
    arXiv:2212.03533; for rank 50, KaLM-Embedding-V2, arXiv:2506.20923.
    """

    rank: Annotated[int, AtLeast(1)] = 2

    __post_init__ = check_ranges

    @property
    def depth(self) -> int:
        return self.rank

    def __call__(self, found: Ranked) -> Bool[np.ndarray, " examples"]:
        return found.rank <= self.rank


@dataclass(frozen=True, kw_only=True)
class AboveScore(Consistency):
    """The pair scores at least `lowest`.

    Example:
        >>> found = Ranked(np.ones((2, 1), int), np.array([[0.9], [0.9]]), np.array([0.5, 0.3]))
        >>> AboveScore(lowest=0.4)(found).tolist()
        [True, False]

    Reference: Li et al., Conan-embedding, arXiv:2408.15710.
    """

    lowest: float = 0.4

    def __call__(self, found: Ranked) -> Bool[np.ndarray, " examples"]:
        return found.own >= self.lowest


@dataclass(frozen=True, kw_only=True)
class AheadOfOthers(Consistency):
    """The pair scores higher than the best other text of the pool by at least `gap`.

    A negative gap lets others be ahead by that much.

    Example:
        >>> found = Ranked(np.ones((2, 1), int), np.array([[0.4], [0.9]]), np.array([0.6, 0.95]))
        >>> AheadOfOthers(gap=0.1)(found).tolist()
        [True, False]
    """

    gap: float = 0.0

    def __call__(self, found: Ranked) -> Bool[np.ndarray, " examples"]:
        return found.own - found.scores[:, 0] >= self.gap


@dataclass(frozen=True, kw_only=True)
class AllOf(Consistency):
    """Every one of several conditions.

    Example:
        >>> AllOf(conditions=(WithinRank(rank=50), AboveScore(lowest=0.3))).depth
        50
    """

    conditions: tuple[Consistency, ...]

    @property
    def depth(self) -> int:
        return max((one.depth for one in self.conditions), default=1)

    def __call__(self, found: Ranked) -> Bool[np.ndarray, " examples"]:
        return np.all([one(found) for one in self.conditions], axis=0)


@dataclass(frozen=True, kw_only=True)
class Consistent(Extending):
    """The inner pairs that a model finds consistent; the others are never seen.

    The model embeds all texts once, before the first step. By default it is that of the stage as
    the stage begins: trained briefly on all pairs by a stage before, it has learned what most of
    them say and not yet what single ones do. `len` is that of the inner data, since what is kept is
    known only when the model is there.

    Args:
        inner: pairs of `query` and `positive` with their ids.
        keep: which pairs are kept.
        judge: the model that ranks.
        pool: how many pairs' texts, drawn at random, a query is ranked against; None is all.

    Raises:
        UsageError: the inner data has no ids of texts, `pool` is below 1, or, when called, no pair
            is kept.

    Example:
        >>> Consistent(keep=WithinRank(rank=2), judge=AnotherModel(start=Pretrained("mine")))

    Reference: Wang et al., Text Embeddings by Weakly-Supervised Contrastive Pre-training,
    arXiv:2212.03533.
    """

    inner: ExampleData = Pairs()
    keep: Consistency = WithinRank()
    judge: Judge = UnderTraining()
    pool: Annotated[int, AtLeast(1)] | None = None

    def __post_init__(self) -> None:
        check_ranges(self)
        for name in ("query", "positive", "query_id", "positive_id"):
            if name not in self.inner.columns:
                raise UsageError(f"Consistent needs the column {name!r} of the inner data.")

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def kept(self, model: Any) -> tuple[list[dict[str, Any]], Bool[np.ndarray, " examples"]]:
        """The inner examples, and which of them are kept."""
        examples = self.inner.examples_for(model)
        look = self.judge.look(lambda: model)
        return examples, self.keep(
            look.ranked(examples, self.keep.depth, pool=self._pool(examples))
        )

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        examples, kept = self.kept(model)
        if not kept.any():
            raise UsageError(f"{self.keep} keeps none of {len(examples)} examples.")
        return [example for example, is_kept in zip(examples, kept, strict=True) if is_kept]

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint(), self.judge.fingerprint()])

    def _pool(self, examples: Sequence[dict[str, Any]]) -> list[int] | None:
        if self.pool is None or self.pool >= len(examples):
            return None
        return np.random.default_rng(0).permutation(len(examples))[: self.pool].tolist()
