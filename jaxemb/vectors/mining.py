"""Hard negatives that a model finds: once, or by the model under training every so many steps."""

import abc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import AtLeast, UsageError, check_ranges, fingerprint
from jaxemb.data import Batches, Dataset, ExampleData, Order, Pairs
from jaxemb.data.chain import Chain, digest_of_examples
from jaxemb.data.collation import Collator
from jaxemb.vectors.exclusions import Candidates, Exclusion, KnownAnswers, OwnPositives
from jaxemb.vectors.hard_negatives import Found, negatives_of, with_negatives
from jaxemb.vectors.judges import Judge, UnderTraining
from jaxemb.vectors.looks import Look
from jaxemb.vectors.negatives import Eligible, Hardest, Ranks, Taking

_IDS = ("query", "positive", "query_id", "positive_id")


@dataclass(frozen=True, kw_only=True)
class Mining(Dataset, abc.ABC):
    """Base of the inner pairs with `count` negatives each, searched among all candidates."""

    inner: ExampleData = Pairs()
    count: Annotated[int, AtLeast(1)] = 1
    judge: Judge = UnderTraining()
    eligible: Eligible = Ranks()
    take: Taking = Hardest()
    depth: Annotated[int, AtLeast(1)] = 100
    excluded: Exclusion = KnownAnswers()
    candidates: Candidates = OwnPositives()

    def __post_init__(self) -> None:
        check_ranges(self)
        for name in _IDS:
            if name not in self.inner.columns:
                raise UsageError(
                    f"{type(self).__name__} needs the column {name!r} of the inner data."
                )

    @property
    def batch_size(self) -> int:
        """The inner data's."""
        return self.inner.batch_size

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "negatives", "negatives_id")

    def __len__(self) -> int:
        return len(self.inner)

    def texts(self) -> Iterator[str]:
        return self.inner.texts()

    def fingerprint(self) -> str:
        asked = [self.inner.fingerprint(), self.judge.fingerprint()]
        beside = self.candidates.fingerprint()
        return fingerprint(self, [*asked, beside] if beside else asked)

    @property
    def changes(self) -> bool:
        """Whether another search may find something else: the model has moved, or the ceiling."""
        return self.judge.changes or self.eligible.changes

    def with_candidates(self, examples: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """The examples, and behind them what else may be a negative."""
        more = self.candidates(examples)
        return [*examples, *more] if more else examples

    def found(
        self,
        examples: Sequence[dict[str, Any]],
        current: Callable[[], Any],
        step: int,
        candidates: Sequence[dict[str, Any]] | None = None,
    ) -> Found:
        """A search by the judge after so many steps of training."""
        candidates = self.with_candidates(examples) if candidates is None else candidates
        return self.searched(examples, candidates, self.judge.look(current), self.count, step)

    def searched(
        self,
        examples: Sequence[dict[str, Any]],
        candidates: Sequence[dict[str, Any]],
        look: Look,
        count: int,
        step: int,
    ) -> Found:
        """So many negatives for each example, by one look."""
        return negatives_of(
            examples, look, count, eligible=self.eligible.at(step), take=self.take,
            depth=self.depth, seed=step, candidates=candidates, excluded=self.excluded,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MinedOnce(Mining, ExampleData):
    """The inner pairs with `count` negatives each, searched once, before the first step.

    Args:
        inner: pairs of `query` and `positive` with their ids.
        count: negatives for each pair.
        judge: the model that ranks; that of the stage is asked as it starts.
        eligible: which of the ranked may be negatives.
        take: which of these are taken. Where they are too few, others are drawn at random.
        depth: how many are ranked.
        excluded: which texts are never negatives: by default those that are known to answer.
        candidates: which texts may be, beside the positives.

    Raises:
        UsageError: the inner data has no ids of texts, or a number is out of range.

    Example:
        >>> MinedOnce(count=7, eligible=Ranks(first=50, last=100), take=DrawnUniformly())
    """

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        examples = self.inner.examples_for(model)
        candidates = self.with_candidates(examples)
        found = self.found(examples, lambda: model, 0, candidates)
        return [
            with_negatives(example, candidates, own)
            for example, own in zip(examples, found.numbers.tolist(), strict=True)
        ]

    @property
    def batch_order(self) -> Order:
        return self.inner.batch_order

    def batches_of(
        self, examples: Sequence[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> Batches:
        return self.inner.batches_of(examples, columns, model, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Mined(Mining):
    """The inner pairs with `count` negatives each, searched again as the model moves.

    Before the first step and after every `every` steps, all texts are embedded by the model as it
    is then, and each query is given those of the best ranked that are eligible and no answer of it:
    neither its own positive, nor one of an equal query, nor a text equal to its own. Where neither the
    judge nor what is eligible changes, there is one search. Batches are in the inner data's order.

    Args:
        inner: pairs of `query` and `positive` with their ids.
        count: negatives for each pair.
        judge: the model that ranks.
        eligible: which of the ranked may be negatives.
        take: which of these are taken. Where they are too few, others are drawn at random.
        depth: how many are ranked.
        excluded: which texts are never negatives: by default those that are known to answer.
        candidates: which texts may be, beside the positives.
        every: steps between searches.

    Raises:
        UsageError: the inner data has no ids of texts, or a number is out of range.

    Reference: Xiong et al., Approximate Nearest Neighbor Negative Contrastive Learning for Dense
    Text Retrieval, arXiv:2007.00808.
    """

    every: Annotated[int, AtLeast(1)] = 100

    def batches(self, model: Any, *, seed: int) -> "MinedBatches":
        return MinedBatches(self, self.inner.examples_for(model), model, seed)


class MinedBatches(Batches):
    """Batches in the inner data's order whose negatives are those of the last search.

    The search is in the state.
    """

    def __init__(self, data: Mining, examples: Sequence[dict[str, Any]], model: Any, seed: int):
        self.data, self.examples, self.seed, self.position = data, examples, seed, 0
        self.mined: Int[np.ndarray, "examples count"] | None = None
        self._make = Collator(data.columns, model, remember=True)
        self.candidates = data.with_candidates(examples)
        order = data.inner.batch_order
        self._about = order.about
        self._order = order(examples, np.arange(len(examples)), data.batch_size, seed)
        self._chain = Chain(digest_of_examples(examples, data.inner.columns))

    @property
    def digest(self) -> str:
        return self._chain.digest

    def __next__(self) -> dict[str, Any]:
        places = np.asarray(self._order[self.position])
        self._chain.add(places)
        self.position += 1
        return self._make([self._example(place) for place in places.tolist()])

    def _example(self, place: int) -> dict[str, Any]:
        return with_negatives(self.examples[place], self.candidates, self._negatives(place))

    def _negatives(self, place: int) -> list[int]:
        """What the last search found; before the first one, the examples that follow."""
        if self.mined is None:
            return [(place + n) % len(self.examples) for n in range(1, self.data.count + 1)]
        return self.mined[place].tolist()

    def renew(self, step: int, model: Callable[[], Any]) -> None:
        """Search again where it is due."""
        due = step and step % self.data.every == 0 and self.data.changes
        if self.mined is None or due:
            found = self.data.found(self.examples, model, step, self.candidates)
            self.mined = found.numbers

    def get_state(self) -> dict[str, Any]:
        mined = None if self.mined is None else self.mined.tolist()
        place = {"position": self.position, "seed": self.seed, "chain": self._chain.state()}
        return {**place, "mined": mined, **self._about}

    def set_state(self, state: dict[str, Any]) -> None:
        if state.get("seed") != self.seed:
            raise UsageError("the saved position is of another seed")
        if any(state.get(name) != value for name, value in self._about.items()):
            raise UsageError("the saved position is of batches in another order")
        self._chain.resume(state.get("chain"), state["position"], self._order.__getitem__)
        self.position = state["position"]
        self.mined = None if state["mined"] is None else np.array(state["mined"], np.int32)
